//! Somebody with a valid token.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use super::claims::LEEWAY_SECONDS;
use crate::entity::clock;
use crate::id::UserId;

/// Who calls.
#[derive(Debug, Clone)]
pub struct Viewer {
    pub id: UserId,
    pub name: String,
    /// An administrator of the server, not of a conversation.
    pub admin: bool,
    /// When the token was issued, if it says so.
    pub issued: Option<DateTime<Utc>>,
    /// When the token ends, its leeway included: no connection outlives it.
    pub expires: DateTime<Utc>,
}

impl Viewer {
    /// When the token itself ends, as it says.
    pub fn token_expires(&self) -> DateTime<Utc> {
        const LEEWAY: TimeDelta = TimeDelta::seconds(LEEWAY_SECONDS.cast_signed());
        self.expires - LEEWAY
    }

    /// When a connection of theirs has to end.
    pub fn deadline(&self) -> Instant {
        const YEAR: Duration = Duration::from_secs(60 * 60 * 24 * 365);
        Instant::now() + (self.expires - clock::now()).to_std().unwrap_or_default().min(YEAR)
    }
}
