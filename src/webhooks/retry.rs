//! When a delivery that failed is tried again, and when it has failed for good.

use chrono::TimeDelta;

use crate::config::Config;

/// How long a delivery is tried, its time behind others included: all pauses together, their jitter, and the attempts
/// themselves. Behind an endpoint that is away for long, the line moves on at the pace at which it grew.
pub(super) fn lifetime(config: &Config) -> TimeDelta {
    let pauses = &config.webhooks.retry_seconds;
    let seconds = pauses.iter().sum::<u64>() * 11 / 10 + 30 * (pauses.len() as u64 + 1);
    TimeDelta::seconds(i64::try_from(seconds).unwrap_or(i64::MAX / 1_000))
}

/// A pause, up to a tenth longer, so that what failed together does not come back together.
pub(super) fn jittered(seconds: u64) -> TimeDelta {
    let milliseconds = seconds.saturating_mul(1_000);
    let share = u64::from(getrandom::u32().unwrap_or(0)) % 1_000;
    let pause = milliseconds.saturating_add(milliseconds.saturating_mul(share) / 10_000);
    TimeDelta::milliseconds(i64::try_from(pause).unwrap_or(i64::MAX / 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_by_a_tenth_at_most_and_differ() {
        let first: std::collections::HashSet<TimeDelta> = (0..100).map(|_| jittered(5)).collect();
        assert!(first.len() > 10, "{first:?}");
        for seconds in [0, 1, 5, 86_400] {
            let least = TimeDelta::seconds(seconds);
            for _ in 0..100 {
                let pause = jittered(seconds.unsigned_abs());
                assert!(pause >= least && pause <= least * 11 / 10, "{pause}");
            }
        }
    }
}
