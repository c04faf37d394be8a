//! How often somebody may do something: one place for all doors, counted for each user in the memory of a server that is
//! alone (protocol §10, §13). It knows no door and keeps nothing beyond a restart.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};

use crate::config;
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::telemetry;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// Sending and editing.
    Messages,
    Uploads,
    Reactions,
    /// Creating a group, opening a direct conversation, adding people: a call is one, however many it names.
    Creations,
    Searches,
}

impl Limited {
    /// As the nodes count it together, and as operators read it.
    pub fn name(self) -> &'static str {
        match self {
            Limited::Messages => "messages",
            Limited::Uploads => "uploads",
            Limited::Reactions => "reactions",
            Limited::Creations => "creations",
            Limited::Searches => "searches",
        }
    }
}

/// The refusal of one too many, which is counted.
pub fn refusal(what: Limited, seconds: u64) -> Error {
    telemetry::limit_hit(what.name());
    Error::rate_limited(seconds)
}

/// A limit of n lets n through in whatever 60 seconds, at once or spread. 0 is no limit.
pub struct RateLimits {
    allowances: [Option<Allowance>; 5],
    started: Instant,
}

/// What one limit has let through, user by user.
struct Allowance {
    most: u32,
    users: Mutex<HashMap<UserId, Minute>>,
}

/// What a user did in the last minute: at most 601 entries, whatever the limit.
#[derive(Default)]
struct Minute {
    /// Oldest first.
    passed: VecDeque<Burst>,
    total: u32,
}

/// Arrivals within a tenth of a second of the first of them, which are forgotten together. Milliseconds since the start.
struct Burst {
    first: u64,
    last: u64,
    count: u32,
}

const WINDOW_MS: u64 = 60_000;
const BURST_MS: u64 = 100;

impl RateLimits {
    pub fn new(settings: &config::Limits) -> Self {
        let a_minute = [
            settings.messages_per_minute,
            settings.uploads_per_minute,
            settings.reactions_per_minute,
            settings.creations_per_minute,
            settings.searches_per_minute,
        ];
        let allowances = a_minute.map(|most| (most > 0).then(|| Allowance { most, users: Mutex::default() }));
        Self { allowances, started: Instant::now() }
    }

    /// How much of it a user may do in a minute; none for no limit.
    pub fn most(&self, what: Limited) -> Option<u32> {
        self.allowances[what as usize].as_ref().map(|allowance| allowance.most)
    }

    /// Takes one of what the user may do in a minute.
    ///
    /// # Errors
    /// `RateLimited`, with the whole seconds until there is one again, from 1 to 60. A refusal takes nothing.
    pub fn take(&self, user: UserId, what: Limited) -> Result<()> {
        self.take_at(user, what, self.milliseconds())
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn take_at(&self, user: UserId, what: Limited, now: u64) -> Result<()> {
        let Some(allowance) = &self.allowances[what as usize] else { return Ok(()) };
        let taken = allowance.lock().entry(user).or_default().take(allowance.most, now);
        taken.map_err(|wait| refusal(what, wait.div_ceil(1_000).max(1)))
    }

    /// Forgets those who did nothing for a minute. To be called now and then.
    pub fn forget_idle(&self) {
        self.forget_idle_at(self.milliseconds());
    }

    fn forget_idle_at(&self, now: u64) {
        for allowance in self.allowances.iter().flatten() {
            let mut users = allowance.lock();
            users.retain(|_, minute| {
                minute.forget(now);
                minute.total > 0
            });
            users.shrink_to_fit();
        }
    }
}

impl Allowance {
    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Minute>> {
        self.users.lock()
    }
}

impl Minute {
    /// Lets one more through, unless that is more than `most`; then it says how many milliseconds to wait.
    fn take(&mut self, most: u32, now: u64) -> Result<(), u64> {
        self.forget(now);
        if let Some(oldest) = self.passed.front().filter(|_| self.total >= most) {
            return Err((oldest.last + WINDOW_MS).saturating_sub(now));
        }
        match self.passed.back_mut().filter(|newest| now < newest.first + BURST_MS) {
            Some(newest) => {
                // Two callers may come here in another order than they looked at the clock.
                newest.last = newest.last.max(now);
                newest.count += 1;
            }
            None => self.passed.push_back(Burst { first: now, last: now, count: 1 }),
        }
        self.total += 1;
        Ok(())
    }

    fn forget(&mut self, now: u64) {
        while let Some(gone) = self.passed.pop_front_if(|oldest| oldest.last + WINDOW_MS <= now) {
            self.total -= gone.count;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn alice() -> UserId {
        UserId::stored(1)
    }

    fn limits(messages_per_minute: u32) -> RateLimits {
        RateLimits::new(&config::Limits { messages_per_minute, reactions_per_minute: 0, ..Default::default() })
    }

    #[test]
    fn the_thirty_first_message_of_a_minute_waits_and_neighbours_do_not() {
        let limits = limits(30);
        for _ in 0..30 {
            assert_eq!(limits.take(alice(), Limited::Messages), Ok(()));
        }
        let refused = limits.take(alice(), Limited::Messages).unwrap_err();
        assert!(refused.retry_after.is_some_and(|seconds| (50..=60).contains(&seconds)), "{refused:?}");
        assert_eq!(limits.take(UserId::stored(2), Limited::Messages), Ok(()));
        assert_eq!(limits.take(alice(), Limited::Searches), Ok(()));
        for _ in 0..1000 {
            assert_eq!(limits.take(alice(), Limited::Reactions), Ok(()));
        }
    }

    #[test]
    fn whoever_asks_all_the_time_gets_no_more_than_the_limit() {
        let limits = limits(30);
        let passed = |from: u64, until: u64| {
            (from..until).filter(|at| limits.take_at(alice(), Limited::Messages, *at).is_ok()).count()
        };
        assert_eq!(passed(0, 58_000), 30);
        assert_eq!(passed(58_000, 60_000), 0);
        assert_eq!(passed(60_000, 62_000), 30);
    }

    #[test]
    fn what_is_kept_of_a_user_is_bounded_and_goes_after_a_minute() {
        let limits = limits(1_000_000);
        for at in 0..200_000 {
            limits.take_at(alice(), Limited::Messages, at).unwrap();
        }
        let kept = |limits: &RateLimits| {
            let users = limits.allowances[0].as_ref().unwrap().lock();
            users.get(&alice()).map(|minute| minute.passed.len())
        };
        assert!(kept(&limits).is_some_and(|entries| entries <= 601), "{:?}", kept(&limits));
        limits.forget_idle_at(259_000);
        assert!(kept(&limits).is_some());
        limits.forget_idle_at(261_000);
        assert_eq!(kept(&limits), None);
    }

    proptest! {
        #[test]
        fn no_minute_lets_more_through_than_the_limit_and_none_is_refused_without_need(
            most in 1_u32..40,
            pauses in prop::collection::vec(prop_oneof![0_u64..50, 0_u64..3_000, 0_u64..70_000], 1..400),
        ) {
            let limits = limits(most);
            let (mut now, mut passed) = (0_u64, Vec::<u64>::new());
            for pause in pauses {
                now += pause;
                let within = |milliseconds: u64| passed.iter().filter(|then| now - **then < milliseconds).count();
                match limits.take_at(alice(), Limited::Messages, now) {
                    Ok(()) => {
                        prop_assert!(within(60_000) < most as usize);
                        passed.push(now);
                    }
                    Err(refused) => {
                        prop_assert!(within(60_200) >= most as usize);
                        let wait = refused.retry_after.expect("it says how long to wait");
                        prop_assert!((1..=60).contains(&wait));
                        // To wait as long as that is enough, and a second less would not have been.
                        let then = now + wait * 1_000;
                        let still = passed.iter().filter(|past| then - **past < 60_000).count();
                        prop_assert!(still < most as usize);
                        prop_assert!(within(60_200 - (wait - 1) * 1_000) >= most as usize);
                    }
                }
            }
        }
    }
}
