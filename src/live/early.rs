//! Events that came before one that precedes them in the log: bounded, by position. It knows neither clock nor database.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chat::event::Event;

/// Events that are kept, at most: of more than that the furthest is forgotten, since the log has it.
const MAX_EVENTS: usize = 4096;

/// What came too early, and up to where the log is known to go.
#[derive(Default)]
pub(super) struct Early {
    events: BTreeMap<i64, Arc<Event>>,
    /// The newest position of which anything was heard.
    known: i64,
}

impl Early {
    /// The log goes up to `position` at least.
    pub fn reaches(&mut self, position: i64) {
        self.known = self.known.max(position);
    }

    /// Keeps an event of this position until it is its turn.
    pub fn keep(&mut self, position: i64, event: Arc<Event>) {
        self.reaches(position);
        self.events.insert(position, event);
        if self.events.len() > MAX_EVENTS {
            self.events.pop_last();
        }
    }

    /// The event whose turn it is after `routed`. What is not needed any more is forgotten.
    pub fn next(&mut self, routed: i64) -> Option<Arc<Event>> {
        while let Some(first) = self.events.first_entry() {
            match *first.key() - routed {
                ..=0 => drop(first.remove()),
                1 => return Some(first.remove()),
                _ => break,
            }
        }
        None
    }

    /// The log was read and goes up to `routed`, whatever was heard of it.
    pub fn looked(&mut self, routed: i64) {
        self.known = self.events.last_key_value().map_or(routed, |(last, _)| routed.max(*last));
    }

    /// How many events are known to be there after `routed`.
    pub fn lag(&self, routed: i64) -> i64 {
        (self.known - routed).max(0)
    }

    /// Up to where something is missing after `routed`: before the first event that came too early, or up to the end that
    /// is known. None where nothing is.
    pub fn missing(&self, routed: i64) -> Option<i64> {
        let until = self.events.first_key_value().map_or(self.known, |(first, _)| first - 1);
        (until > routed).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chat::event::{EventType, Fact};
    use crate::entity::clock;
    use crate::id::{ConversationId, UserId};

    fn event(position: i64) -> Arc<Event> {
        let conversation = Some(ConversationId::stored(1));
        let mut event =
            Event::new(EventType::MessageSent, conversation, UserId::stored(1), clock::now(), Fact::Settings);
        event.position = Some(position);
        Arc::new(event)
    }

    /// Hands out everything whose turn it is, and says up to where that went.
    fn route(early: &mut Early, mut routed: i64) -> i64 {
        while let Some(event) = early.next(routed) {
            assert_eq!(event.position, Some(routed + 1));
            routed += 1;
        }
        routed
    }

    proptest! {
        /// Whatever comes, doubled, in any order and with any holes: what is handed out follows without a hole, and
        /// whatever is missing is known as soon as anything later was heard of.
        #[test]
        fn events_are_handed_out_in_their_order_and_holes_are_known(came in prop::collection::vec(1..40_i64, 0..120)) {
            let (mut early, mut routed, mut there) = (Early::default(), 0, std::collections::BTreeSet::new());
            for position in came {
                early.keep(position, event(position));
                there.insert(position);
                routed = route(&mut early, routed);
                let expected = (1..).find(|position| !there.contains(position)).unwrap() - 1;
                prop_assert_eq!(routed, expected);
                let last = there.last().copied().unwrap_or(0);
                prop_assert_eq!(early.missing(routed).is_some(), last > routed);
                if let Some(until) = early.missing(routed) {
                    prop_assert!((routed + 1..=until).all(|position| !there.contains(&position)));
                }
            }
        }
    }

    #[test]
    fn the_furthest_events_are_forgotten_and_known_to_be_missing() {
        let mut early = Early::default();
        let most = i64::try_from(MAX_EVENTS).unwrap();
        for position in 2..most + 100 {
            early.keep(position, event(position));
        }
        assert_eq!(early.events.len(), MAX_EVENTS);
        assert_eq!(early.missing(0), Some(1));
        assert_eq!(route(&mut early, 1), most + 1);
        assert_eq!(early.missing(most + 1), Some(most + 99));
        early.reaches(most + 500);
        assert_eq!(early.missing(most + 1), Some(most + 500));
    }
}
