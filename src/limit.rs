//! How often somebody may do something: one place for all doors, counted for each user (contract §10).
//! It knows no door and keeps nothing beyond a restart.

use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::config;
use crate::error::{Error, Result};
use crate::id::UserId;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    Messages,
    Uploads,
    Reactions,
}

/// The buckets of all users. A limit of 0 is none.
pub struct Limits {
    buckets: [Option<DefaultKeyedRateLimiter<UserId>>; 3],
    clock: DefaultClock,
}

impl Limits {
    pub fn new(settings: &config::Limits) -> Self {
        let a_minute = [settings.messages_per_minute, settings.uploads_per_minute, settings.reactions_per_minute];
        let buckets =
            a_minute.map(|most| NonZeroU32::new(most).map(|most| RateLimiter::keyed(Quota::per_minute(most))));
        Self { buckets, clock: DefaultClock::default() }
    }

    /// Takes one from the user's bucket.
    ///
    /// # Errors
    /// `RateLimited`, with the whole seconds until there is one again, at least 1.
    pub fn take(&self, user: UserId, what: Limited) -> Result<()> {
        let Some(bucket) = &self.buckets[what as usize] else { return Ok(()) };
        bucket.check_key(&user).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            Error::rate_limited((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
        })
    }

    /// Forgets the buckets that are full again. To be called now and then, since they never shrink by themselves.
    pub fn forget_idle(&self) {
        for bucket in self.buckets.iter().flatten() {
            bucket.retain_recent();
            bucket.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thirty_first_message_of_a_minute_waits_and_neighbours_do_not() {
        let limits =
            Limits::new(&config::Limits { messages_per_minute: 30, reactions_per_minute: 0, ..Default::default() });
        let (alice, bob) = (UserId::stored(1), UserId::stored(2));
        for _ in 0..30 {
            assert_eq!(limits.take(alice, Limited::Messages), Ok(()));
        }
        let refused = limits.take(alice, Limited::Messages).unwrap_err();
        assert!(refused.retry_after.is_some_and(|seconds| (1..=2).contains(&seconds)), "{refused:?}");
        assert_eq!(limits.take(bob, Limited::Messages), Ok(()));
        for _ in 0..1000 {
            assert_eq!(limits.take(alice, Limited::Reactions), Ok(()));
        }
    }
}
