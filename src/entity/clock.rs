//! The one place where the clock is read: that of the database, where several nodes share one.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// By how many microseconds the database's clock is ahead of this machine's. The process has one database.
static AHEAD: AtomicI64 = AtomicI64::new(0);
/// A difference below this is taken for the time that asking took.
const NOTICED: TimeDelta = TimeDelta::milliseconds(50);
/// The last moment that both databases can store.
const FOR_EVER_SECONDS: i64 = 253_402_300_799;

/// The present, as precise as it is stored: to the millisecond, on both databases.
pub fn now() -> DateTime<Utc> {
    (machine() + TimeDelta::microseconds(AHEAD.load(Ordering::Relaxed))).trunc_subsecs(3)
}

/// A moment that never comes.
pub fn for_ever() -> DateTime<Utc> {
    DateTime::from_timestamp(FOR_EVER_SECONDS, 0).expect("a year of four digits")
}

/// What this machine's clock says.
#[expect(clippy::disallowed_methods, reason = "here it is read")]
pub fn machine() -> DateTime<Utc> {
    Utc::now()
}

/// The database's clock said `theirs` between two readings of this machine's: [`now`] follows it.
pub fn follow(theirs: DateTime<Utc>, before: DateTime<Utc>, after: DateTime<Utc>) {
    let ours = before + (after - before) / 2;
    let ahead = theirs - ours;
    let known = TimeDelta::microseconds(AHEAD.load(Ordering::Relaxed));
    if (ahead - known).abs() > NOTICED.max(after - before) {
        if (ahead - known).abs() > TimeDelta::seconds(1) {
            tracing::warn!(milliseconds = ahead.num_milliseconds(), "the database's clock differs from this machine's");
        }
        AHEAD.store(ahead.num_microseconds().unwrap_or(0), Ordering::Relaxed);
    }
}
