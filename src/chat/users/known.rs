//! What a node remembers of a user, and whether they are let in: nobody is who is banned, nor by a token from before they were
//! signed out (protocol §13). It knows no database.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use crate::chat::views::user::User;
use crate::entity::user;
use crate::error::{Error, Result};

/// A user whom a node remembers.
#[derive(Debug, Clone)]
pub struct Known {
    pub(super) user: User,
    pub(super) standing: Standing,
}

const BANNED: &str = "You are banned from this server";
const SIGNED_OUT: &str = "You were signed out, a new token is needed";

/// How somebody stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    is_banned: bool,
    /// Tokens from before that moment are not good any more.
    signed_out_at: Option<DateTime<Utc>>,
}

impl Standing {
    pub(super) fn of(row: &user::Model) -> Self {
        Self { is_banned: row.banned_at.is_some(), signed_out_at: row.signed_out_at }
    }

    /// Whether somebody who stands so is let in by a token that was issued then. A token that does not say when (`iat`) may
    /// be from before.
    ///
    /// # Errors
    /// `Forbidden` for somebody who is banned, `Unauthenticated` for a token from before they were signed out.
    pub fn judge(self, issued: Option<DateTime<Utc>>) -> Result<()> {
        if self.is_banned {
            return Err(Error::forbidden(BANNED));
        }
        match self.signed_out_at {
            Some(at) if issued.is_none_or(|issued| issued < at) => Err(Error::unauthenticated(SIGNED_OUT)),
            _ => Ok(()),
        }
    }
}

/// That standings have changed, for those who look at it.
#[derive(Default)]
pub struct Standings {
    changes: AtomicU64,
    changed: Notify,
}

impl Standings {
    /// Counts the changes that were heard of: what was read before one may be old.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    pub(super) fn change(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_one();
    }

    /// Waits until it is said that something has changed.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}
