//! The queue of one connection. It is bounded: a connection whose queue is full when a durable event comes falls behind,
//! and reads the log from its position until it has caught up. Signals replace older ones of their kind.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::Interest;
use crate::chat::event::{Event, EventType};
use crate::config::fault;
use crate::id::{ConversationId, UserId};

/// Durable events, and signals, that may wait for a connection.
const MAX_EVENTS: usize = 256;
const MAX_SIGNALS: usize = 256;

/// What waits for one connection.
pub struct Feed {
    waiting: Mutex<Waiting>,
    interest: AtomicU8,
    wake: Notify,
}

struct Waiting {
    events: VecDeque<Arc<Event>>,
    /// By a number that grows in the order in which they came.
    signals: BTreeMap<u64, Arc<Event>>,
    /// The number of the signal of each kind: a later one replaces it.
    signal_numbers: HashMap<(EventType, Option<ConversationId>, UserId), u64>,
    next_signal: u64,
    /// The newest durable event that was queued or read.
    position: i64,
    /// Behind: the newest durable event that was not queued. The log has it.
    missed: Option<i64>,
}

/// What [`Feed::take`] found.
pub enum Taken {
    /// Events, the durable ones first and in order.
    Events(Vec<Arc<Event>>),
    /// Nothing is queued, and the log has what comes after this position.
    Behind(i64),
    Nothing,
}

impl Feed {
    /// A feed that starts after `position`.
    pub fn new(position: i64) -> Self {
        let waiting = Waiting {
            events: VecDeque::new(),
            signals: BTreeMap::new(),
            signal_numbers: HashMap::new(),
            next_signal: 0,
            position,
            missed: None,
        };
        Self { waiting: Mutex::new(waiting), interest: AtomicU8::new(0), wake: Notify::new() }
    }

    /// Sets the topics whose events are queued from now on.
    pub fn set_interest(&self, interest: Interest) {
        self.interest.store(interest.0, Ordering::Release);
    }

    /// The topics whose events are queued.
    pub fn interest(&self) -> Interest {
        Interest(self.interest.load(Ordering::Acquire))
    }

    /// Queues an event, unless the connection does not want its topic or has had it.
    pub fn push(&self, event: &Arc<Event>) {
        if !self.interest().covers(event.kind.topic()) {
            return;
        }
        let mut waiting = self.lock();
        match event.position {
            None => waiting.push_signal(event),
            Some(position) if position > waiting.position => waiting.push_event(position, event),
            Some(_) => return,
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// Takes all that is queued.
    pub fn take(&self) -> Taken {
        let mut waiting = self.lock();
        if waiting.events.is_empty() && waiting.signals.is_empty() {
            return match waiting.missed {
                Some(_) => Taken::Behind(waiting.position),
                None => Taken::Nothing,
            };
        }
        let mut taken: Vec<Arc<Event>> = waiting.events.drain(..).collect();
        taken.extend(std::mem::take(&mut waiting.signals).into_values());
        waiting.signal_numbers = HashMap::new();
        Taken::Events(taken)
    }

    /// Waits until something may have been queued.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// The log was read up to `position`, which was its end if `complete`: if nothing was missed beyond that, the
    /// connection has caught up.
    pub fn caught_up(&self, position: i64, complete: bool) {
        let mut waiting = self.lock();
        waiting.position = waiting.position.max(position);
        if complete && waiting.missed.is_none_or(|missed| missed <= position) {
            waiting.missed = None;
        }
    }

    /// Goes back to `position`: everything after it comes again, from the log. What is already waiting is never
    /// passed over, even if `position` lies behind it.
    pub fn rewind(&self, position: i64) {
        let mut waiting = self.lock();
        let newest = waiting.missed.unwrap_or(waiting.position).max(waiting.position);
        let first = waiting.events.front().and_then(|event| event.position).map(|first| first - 1);
        let unread = first.or(waiting.missed.map(|_| waiting.position));
        waiting.events.clear();
        waiting.missed = Some(newest);
        waiting.position = unread.map_or(position, |unread| unread.min(position));
        drop(waiting);
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock()
    }
}

impl Waiting {
    fn push_event(&mut self, position: i64, event: &Arc<Event>) {
        if self.missed.is_some() || (self.events.len() >= MAX_EVENTS && !fault::is_on("feed-without-bound")) {
            self.missed = Some(position);
        } else {
            self.position = position;
            self.events.push_back(Arc::clone(event));
        }
    }

    fn push_signal(&mut self, event: &Arc<Event>) {
        let kind = |event: &Event| (event.kind, event.conversation, event.actor);
        self.next_signal += 1;
        if let Some(replaced) = self.signal_numbers.insert(kind(event), self.next_signal) {
            self.signals.remove(&replaced);
        } else if self.signals.len() >= MAX_SIGNALS
            && let Some((_, oldest)) = self.signals.pop_first()
        {
            self.signal_numbers.remove(&kind(&oldest));
        }
        self.signals.insert(self.next_signal, Arc::clone(event));
    }
}

#[cfg(test)]
mod tests {
    use crate::entity::clock;

    use super::*;
    use crate::chat::event::{Fact, Topic};
    use crate::chat::typing::TypingIndicator;

    fn durable(position: i64) -> Arc<Event> {
        let conversation = Some(ConversationId::stored(1));
        let fact = Fact::Conversation { participants: Vec::new() };
        let mut event = Event::new(EventType::ConversationUpdated, conversation, UserId::stored(1), clock::now(), fact);
        event.position = Some(position);
        Arc::new(event)
    }

    fn feed() -> Feed {
        let feed = Feed::new(0);
        feed.set_interest(Interest::NOTHING.with(Topic::Conversations));
        feed
    }

    fn positions(taken: Taken) -> Vec<i64> {
        match taken {
            Taken::Events(events) => events.iter().filter_map(|event| event.position).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn a_full_feed_turns_to_the_log_and_comes_back_without_gap_or_duplicate() {
        let feed = feed();
        (1..=300).for_each(|position| feed.push(&durable(position)));
        assert_eq!(positions(feed.take()), (1..=256).collect::<Vec<_>>());
        assert!(matches!(feed.take(), Taken::Behind(256)));
        feed.push(&durable(301));
        feed.caught_up(300, true);
        assert!(matches!(feed.take(), Taken::Behind(300)), "301 came while the log was being read");
        feed.caught_up(305, true);
        feed.push(&durable(304));
        assert!(matches!(feed.take(), Taken::Nothing), "the log had 304 already");
        feed.push(&durable(306));
        assert_eq!(positions(feed.take()), [306]);
    }

    #[test]
    fn a_rewound_feed_reads_the_log_up_to_what_it_had() {
        let feed = feed();
        (1..=10).for_each(|position| feed.push(&durable(position)));
        assert_eq!(positions(feed.take()).len(), 10);
        feed.rewind(4);
        assert!(matches!(feed.take(), Taken::Behind(4)));
        feed.caught_up(8, false);
        assert!(matches!(feed.take(), Taken::Behind(8)));
        feed.caught_up(10, true);
        assert!(matches!(feed.take(), Taken::Nothing));
    }

    #[test]
    fn a_rewind_to_the_present_passes_over_nothing_that_waits() {
        let feed = feed();
        (1..=10).for_each(|position| feed.push(&durable(position)));
        feed.rewind(10);
        assert!(matches!(feed.take(), Taken::Behind(0)), "1 to 10 were waiting");
        feed.caught_up(5, false);
        feed.rewind(8);
        assert!(matches!(feed.take(), Taken::Behind(5)), "6 to 8 were not read yet");
    }

    #[test]
    fn of_the_signals_that_wait_the_newest_of_each_kind_stay_in_their_order() {
        let feed = Feed::new(0);
        feed.set_interest(Interest::NOTHING.with(Topic::Typing));
        let typing = |user: i64, typing: bool| {
            let (conversation_id, user_id) = (ConversationId::stored(1), UserId::stored(user));
            let indicator =
                TypingIndicator { conversation_id, user_id, user_name: String::new(), typing, expires_at: None };
            let fact = Fact::Typing(indicator);
            feed.push(&Arc::new(Event::new(EventType::Typing, Some(conversation_id), user_id, clock::now(), fact)));
        };
        let taken = || match feed.take() {
            Taken::Events(events) => events.iter().map(|event| event.actor.get()).collect(),
            _ => Vec::new(),
        };
        for user in [1, 2, 1, 3, 2] {
            typing(user, true);
        }
        assert_eq!(taken(), [1, 3, 2]);
        (1..=300).for_each(|user| typing(user, true));
        (46..=300).for_each(|user| typing(user, false));
        assert_eq!(taken(), (45..=300).collect::<Vec<_>>());
        typing(1, true);
        assert_eq!(taken(), [1]);
    }

    #[test]
    fn what_nobody_asked_for_does_not_wait() {
        let feed = Feed::new(0);
        feed.push(&durable(1));
        assert!(matches!(feed.take(), Taken::Nothing));
    }
}
