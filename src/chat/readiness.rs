//! Whether the server can do what it is there for. Reading is tried each time; writing is proved by a commit of late,
//! whoever asked for it. Only where there was none does the question itself write, and not more often than each second.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

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
        *self.proved.lock() = Some(Instant::now());
    }

    /// A transaction failed as a whole.
    pub fn failed(&self) {
        *self.proved.lock() = None;
    }

    fn is_proved(&self) -> bool {
        let proved = *self.proved.lock();
        proved.is_some_and(|at| at.elapsed() < PROOF_LIFETIME)
    }

    /// Whether writing works: by a commit of late, or else by `trial`, which is run once for all who ask.
    ///
    /// # Errors
    /// `Unavailable`, after [`TRIAL_TIMEOUT`] at the latest.
    pub async fn prove(&self, trial: impl Future<Output = Result<()>>) -> Result<()> {
        if self.is_proved() {
            return Ok(());
        }
        let tried = async {
            let mut failed = self.failed.lock().await;
            if self.is_proved() {
                return Ok(());
            }
            if failed.is_some_and(|at| at.elapsed() < TRIAL_PAUSE) {
                return Err(Error::unavailable());
            }
            *failed = Some(Instant::now());
            trial.await?;
            *failed = None;
            Ok(())
        };
        let tried = timeout(TRIAL_TIMEOUT, tried).await;
        tried.unwrap_or_else(|_| Err(Error::unavailable_because("a trial of the writer takes too long")))
    }
}
