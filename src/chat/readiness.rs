//! Whether the server can do what it is there for. Reading is tried each time; writing is proved by a commit of late,
//! whoever asked for it. Only where there was none does the question itself write, and not more often than each second.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::Chat;
use crate::error::{Error, Result};

/// How long a commit proves that writing works.
const PROOF_LIFETIME: Duration = Duration::from_secs(10);
/// How long a failed trial is believed, and how long one may take.
const TRIAL_PAUSE: Duration = Duration::from_secs(1);
const TRIAL_TIMEOUT: Duration = Duration::from_secs(2);

/// What is known about writing.
#[derive(Default)]
pub struct Readiness {
    /// The last commit that wrote something, unless one failed since.
    proved: Mutex<Option<Instant>>,
    /// When it was last tried in vain. Held during a trial: one is enough for all who ask.
    failed: tokio::sync::Mutex<Option<Instant>>,
}

impl Readiness {
    /// A transaction that wrote something was committed.
    pub fn wrote(&self) {
        *self.proved.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// A transaction failed as a whole.
    pub fn failed(&self) {
        *self.proved.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn is_proved(&self) -> bool {
        let proved = *self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        proved.is_some_and(|at| at.elapsed() < PROOF_LIFETIME)
    }
}

impl Chat {
    /// Whether the server is fit to serve: its database can be read, and written to.
    ///
    /// # Errors
    /// `Unavailable`, within some 5 s whatever the database does.
    pub async fn ready(&self) -> Result<()> {
        self.store.ping().await?;
        if self.readiness.is_proved() {
            return Ok(());
        }
        let trial = async {
            let mut failed = self.readiness.failed.lock().await;
            if self.readiness.is_proved() {
                return Ok(());
            }
            if failed.is_some_and(|at| at.elapsed() < TRIAL_PAUSE) {
                return Err(Error::unavailable());
            }
            *failed = Some(Instant::now());
            self.change(|batch| Box::pin(async move { batch.touch() })).await?;
            *failed = None;
            Ok(())
        };
        timeout(TRIAL_TIMEOUT, trial).await.unwrap_or_else(|_| Err(Error::unavailable()))
    }
}
