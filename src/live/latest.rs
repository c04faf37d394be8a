//! Which announcement about somebody is the latest, so that one which was overtaken on its way is not heard after it.

use std::time::Duration;

use moka::sync::Cache;

use crate::id::UserId;

/// People of whom the latest is remembered, and for how long: longer than anything is on its way.
const MAX_PEOPLE: u64 = 100_000;
const LIFETIME: Duration = Duration::from_secs(60);

/// The newest version of each person's presence that was told here, and whether it said OFFLINE: a time that runs out makes
/// no new version.
pub(super) struct Latest(Cache<UserId, (i64, bool)>);

impl Default for Latest {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MAX_PEOPLE).time_to_live(LIFETIME).build())
    }
}

impl Latest {
    /// Whether nothing newer was told of them; from now on, this was.
    pub fn is_new(&self, person: UserId, version: i64, is_offline: bool) -> bool {
        if self.0.get(&person).is_some_and(|known| known >= (version, is_offline)) {
            return false;
        }
        self.0.insert(person, (version, is_offline));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_overtaken_or_comes_twice_is_not_told() {
        let (latest, [alice, bob]) = (Latest::default(), [1, 2].map(UserId::stored));
        let told = [(alice, 4), (alice, 6), (alice, 5), (alice, 6), (bob, 1), (alice, 7)];
        assert_eq!(
            told.map(|(person, version)| latest.is_new(person, version, false)),
            [true, true, false, false, true, true]
        );
    }

    #[test]
    fn whose_time_ran_out_is_offline_once_and_may_come_back() {
        let (latest, alice) = (Latest::default(), UserId::stored(1));
        let told = [(4, false), (4, true), (4, true), (4, false), (5, false), (5, true)];
        assert_eq!(
            told.map(|(version, is_offline)| latest.is_new(alice, version, is_offline)),
            [true, true, false, false, true, true]
        );
    }
}
