//! What one user may read at the same time: statements, half of the connections; heavy reads, two. More of theirs wait
//! in turn, and beyond a number are refused, so that a caller can fill nobody's queue but its own.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::id::UserId;

/// Heavy reads of one user under way at a time.
const MAX_HEAVY_READS: usize = 2;
/// Heavy reads and statements of one user that may wait.
const MAX_WAITING_HEAVY_READS: usize = 64;
const MAX_WAITING_STATEMENTS: usize = 1_024;
/// Users remembered before the shares of those are forgotten who read nothing any more.
const MIN_REMEMBERED_USERS: usize = 1_024;

/// The shares of those who are reading.
pub(super) struct UserShares {
    statements: usize,
    users: Mutex<Users>,
}

struct Users {
    shares: HashMap<UserId, Weak<UserShare>>,
    /// At how many shares to forget those of users who are gone.
    forget_at: usize,
}

/// What one user may have under way.
pub(super) struct UserShare {
    statements: BoundedSemaphore,
    heavy: BoundedSemaphore,
}

/// A turn at heavy reading. It ends when it is dropped.
pub struct HeavyReadPermit {
    _share: Arc<UserShare>,
    _permit: Permit,
}

/// So many at a time, and so many more in a queue.
struct BoundedSemaphore {
    running: Arc<Semaphore>,
    /// Places for all, those that run and those that wait.
    places: Arc<Semaphore>,
}

/// The right to run, and the place in the queue that goes with it.
pub(super) struct Permit {
    _running: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

impl UserShares {
    /// `statements` of one user run at the same time.
    pub fn new(statements: usize) -> Self {
        Self { statements, users: Mutex::new(Users { shares: HashMap::new(), forget_at: MIN_REMEMBERED_USERS }) }
    }

    /// The share of a user, one and the same for all that they read at the same time.
    pub fn of(&self, user: UserId) -> Arc<UserShare> {
        let mut users = self.users.lock();
        if let Some(share) = users.shares.get(&user).and_then(Weak::upgrade) {
            return share;
        }
        if users.shares.len() >= users.forget_at {
            users.shares.retain(|_, share| share.strong_count() > 0);
            users.forget_at = MIN_REMEMBERED_USERS.max(users.shares.len() * 2);
        }
        let share = Arc::new(UserShare {
            statements: BoundedSemaphore::new(self.statements, MAX_WAITING_STATEMENTS),
            heavy: BoundedSemaphore::new(MAX_HEAVY_READS, MAX_WAITING_HEAVY_READS),
        });
        users.shares.insert(user, Arc::downgrade(&share));
        share
    }
}

impl UserShare {
    /// Waits until a statement may run; `None` where too many wait.
    pub async fn statement(&self) -> Option<Permit> {
        self.statements.take().await
    }

    /// Waits until a heavy read may run; `None` where too many wait.
    pub async fn turn(self: Arc<Self>) -> Option<HeavyReadPermit> {
        let permit = self.heavy.take().await?;
        Some(HeavyReadPermit { _share: self, _permit: permit })
    }
}

impl BoundedSemaphore {
    fn new(running: usize, waiting: usize) -> Self {
        Self { running: Arc::new(Semaphore::new(running)), places: Arc::new(Semaphore::new(running + waiting)) }
    }

    async fn take(&self) -> Option<Permit> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let running = Arc::clone(&self.running).acquire_owned().await.ok()?;
        Some(Permit { _running: running, _place: place })
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn a_user_has_two_heavy_reads_at_a_time_and_the_others_wait_in_turn() {
        let shares = UserShares::new(2);
        let user = UserId::stored(1);
        let (first, _second) = (shares.of(user).turn().await, shares.of(user).turn().await);
        assert!(first.is_some() && _second.is_some());
        let (third, fourth) = (shares.of(user).turn(), shares.of(user).turn());
        let (mut third, mut fourth) = (std::pin::pin!(third), std::pin::pin!(fourth));
        assert!(poll!(&mut third).is_pending() && poll!(&mut fourth).is_pending());
        assert!(shares.of(UserId::stored(2)).turn().await.is_some(), "somebody else does not wait");
        drop(first);
        assert!(poll!(&mut fourth).is_pending(), "the third came first");
        let third = third.await;
        assert!(third.is_some());
        drop(third);
        assert!(matches!(poll!(&mut fourth), Poll::Ready(Some(_))));
    }

    #[tokio::test]
    async fn a_user_beyond_the_line_is_refused_and_one_who_went_away_leaves_it() {
        let shares = UserShares::new(2);
        let share = shares.of(UserId::stored(1));
        let _running = [Arc::clone(&share).turn().await, Arc::clone(&share).turn().await];
        let mut waiting: Vec<_> = (0..MAX_WAITING_HEAVY_READS).map(|_| Box::pin(Arc::clone(&share).turn())).collect();
        for turn in &mut waiting {
            assert!(poll!(turn).is_pending());
        }
        assert!(Arc::clone(&share).turn().await.is_none());
        waiting.pop();
        assert!(poll!(Box::pin(Arc::clone(&share).turn())).is_pending());
    }

    #[test]
    fn those_who_read_nothing_any_more_are_forgotten() {
        let shares = UserShares::new(2);
        let kept = shares.of(UserId::stored(1));
        for user in 2..10_000 {
            shares.of(UserId::stored(user));
        }
        assert!(shares.users.lock().shares.len() <= MIN_REMEMBERED_USERS);
        assert!(Arc::ptr_eq(&kept, &shares.of(UserId::stored(1))));
    }
}
