//! The one place where the clock is read.

use chrono::{DateTime, SubsecRound, Utc};

/// The present, as precise as it is stored: to the millisecond, on both databases.
#[expect(clippy::disallowed_methods, reason = "here it is read")]
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}
