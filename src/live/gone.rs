//! Those who have left a moment ago, and in which conversations they were: a line that breaks off, or a whole network, brings
//! the same people back in a crowd, and what has changed meanwhile the hub knows.

use std::collections::{HashMap, VecDeque};

use crate::id::{ConversationId, UserId};

/// People who are remembered.
const MAX_PEOPLE: usize = 10_000;
/// Conversations of one of them: who is in more is read anew.
const MAX_CONVERSATIONS: usize = 100;

/// The memberships of people, as they were when the log stood at a position; those who left last.
#[derive(Default)]
pub struct Gone {
    people: HashMap<UserId, Left>,
    /// In the order in which they left. Who has come back since, or has left again, stands here still.
    order: VecDeque<(u64, UserId)>,
    last: u64,
}

struct Left {
    number: u64,
    position: i64,
    conversations: Vec<ConversationId>,
}

impl Gone {
    /// Somebody left who was in these conversations at `position`.
    pub fn remember(
        &mut self,
        user: UserId,
        position: i64,
        conversations: impl ExactSizeIterator<Item = ConversationId>,
    ) {
        if conversations.len() > MAX_CONVERSATIONS {
            return;
        }
        self.last += 1;
        let left = Left { number: self.last, position, conversations: conversations.collect() };
        self.people.insert(user, left);
        self.order.push_back((self.last, user));
        while self.order.len() > MAX_PEOPLE {
            let Some((number, user)) = self.order.pop_front() else { return };
            if self.people.get(&user).is_some_and(|left| left.number == number) {
                self.people.remove(&user);
            }
        }
    }

    /// A conversation is no more.
    pub fn forget(&mut self, conversation: ConversationId) {
        self.people.values_mut().for_each(|left| left.conversations.retain(|known| *known != conversation));
    }

    /// The conversations of somebody who comes back, and the position at which they were in those.
    pub fn take(&mut self, user: UserId) -> Option<(i64, Vec<ConversationId>)> {
        self.people.remove(&user).map(|left| (left.position, left.conversations))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remember(gone: &mut Gone, user: i64, position: i64, conversations: usize) {
        let conversations: Vec<_> = (1..).map(ConversationId::stored).take(conversations).collect();
        gone.remember(UserId::stored(user), position, conversations.into_iter());
    }

    fn position(gone: &mut Gone, user: i64) -> Option<i64> {
        gone.take(UserId::stored(user)).map(|(position, _)| position)
    }

    #[test]
    fn who_left_last_is_remembered_until_they_come_back() {
        let mut gone = Gone::default();
        remember(&mut gone, 1, 5, 2);
        assert_eq!(gone.take(UserId::stored(1)), Some((5, [1, 2].map(ConversationId::stored).to_vec())));
        assert_eq!(position(&mut gone, 1), None, "they are here");
        remember(&mut gone, 1, 6, 0);
        (2..).take(MAX_PEOPLE - 2).for_each(|user| remember(&mut gone, user, 7, 1));
        assert_eq!(position(&mut gone, 1), Some(6), "of two departures the later one counts");
        remember(&mut gone, 1, 8, 1);
        (20_000..).take(MAX_PEOPLE).for_each(|user| remember(&mut gone, user, 9, 1));
        assert_eq!((position(&mut gone, 1), gone.people.len(), gone.order.len()), (None, MAX_PEOPLE, MAX_PEOPLE));
        remember(&mut gone, 1, 9, 2);
        gone.forget(ConversationId::stored(1));
        assert_eq!(gone.take(UserId::stored(1)), Some((9, vec![ConversationId::stored(2)])));
        remember(&mut gone, 1, 10, MAX_CONVERSATIONS + 1);
        assert_eq!(position(&mut gone, 1), None, "that is too much to remember");
    }
}
