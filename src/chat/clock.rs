//! The one place where the chat reads the clock.

use chrono::{DateTime, SubsecRound, Utc};

/// The present, as precise as it is stored: to the millisecond, on both databases.
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}
