//! The queue of one connection. It is bounded: a connection whose queue is full when a durable event comes falls behind,
//! and reads the log from its position until it has caught up. Signals replace older ones of their kind.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::{Mutex, MutexGuard};

use super::Interest;
use crate::chat::event::{Event, EventType};
use crate::chat::users::known::Standing;
use crate::config::fault;
use crate::id::{ConversationId, UserId};
use crate::telemetry::BehindGauge;

/// Durable events, and signals, that may wait for a connection.
const MAX_EVENTS: usize = 256;
const MAX_SIGNALS: usize = 256;
/// Events that a connection keeps room for while it waits.
const KEPT_EVENTS: usize = 4;

/// What waits for one connection.
pub struct Feed {
    waiting: Mutex<Waiting>,
    interest: AtomicU8,
    /// Whether it was said how the user stands.
    is_informed: AtomicBool,
}

struct Waiting {
    events: VecDeque<Arc<Event>>,
    /// None while none wait: a listener's feed is small.
    signals: Option<Box<Signals>>,
    /// The newest durable event that was queued or read.
    position: i64,
    /// Behind: the newest durable event that was not queued. The log has it.
    missed: Option<i64>,
    /// Counted for as long as it is behind.
    behind: Option<BehindGauge>,
    /// How the connection's user stands, where that was changed, and whether the connection has yet to look at it.
    standing: Standing,
    is_standing_new: bool,
    /// Who waits for the connection: to be woken when nothing is locked any more, since that may tell right then.
    waiter: Option<Waker>,
}

/// What passes.
#[derive(Default)]
struct Signals {
    /// By a number that grows in the order in which they came.
    waiting: BTreeMap<u64, Arc<Event>>,
    /// The number of the signal of each kind: a later one replaces it.
    numbers: HashMap<(EventType, Option<ConversationId>, UserId), u64>,
    next: u64,
}

/// What [`Feed::next`] found.
pub enum Taken {
    /// Events, which were appended: the durable ones first and in order; none where only the user's standing is new.
    Events,
    /// Nothing is queued, and the log has what comes after this position.
    Behind(i64),
}

impl Feed {
    /// A feed that starts after `position`.
    pub fn new(position: i64) -> Self {
        let waiting = Waiting {
            events: VecDeque::new(),
            signals: None,
            position,
            missed: None,
            behind: None,
            standing: Standing::default(),
            is_standing_new: false,
            waiter: None,
        };
        Self { waiting: Mutex::new(waiting), interest: AtomicU8::new(0), is_informed: AtomicBool::new(false) }
    }

    /// Sets the topics whose events are queued from now on.
    pub fn set_interest(&self, interest: Interest) {
        self.interest.store(interest.0, Ordering::Release);
    }

    /// The topics whose events are queued.
    pub fn interest(&self) -> Interest {
        Interest(self.interest.load(Ordering::Acquire))
    }

    /// Queues an event, unless the connection does not want its topic or has had it. Who is to be woken for it, if
    /// somebody waits.
    #[must_use = "it waits to be woken"]
    pub fn push(&self, event: &Arc<Event>) -> Option<Waker> {
        if !self.interest().covers(event.kind.topic()) {
            return None;
        }
        let mut waiting = self.lock();
        match event.position {
            None => waiting.signals.get_or_insert_default().push(event),
            Some(position) if position > waiting.position => waiting.push_event(position, event),
            Some(_) => return None,
        }
        waiting.waiter.take()
    }

    /// Says how the connection's user stands. Who is to be woken for it, if somebody waits.
    #[must_use = "it waits to be woken"]
    pub fn inform(&self, standing: Standing) -> Option<Waker> {
        let mut waiting = self.lock();
        (waiting.standing, waiting.is_standing_new) = (standing, true);
        self.is_informed.store(true, Ordering::Release);
        waiting.waiter.take()
    }

    /// How the connection's user stands, if that was said since it was opened.
    pub fn standing(&self) -> Option<Standing> {
        self.is_informed.load(Ordering::Acquire).then(|| self.lock().standing)
    }

    /// Waits until something is queued, or the log has something, and appends all that is queued. Of two tasks that wait,
    /// only the later one is woken.
    pub async fn next(&self, into: &mut VecDeque<Arc<Event>>) -> Taken {
        poll_fn(|task| self.poll_take(task, into)).await
    }

    /// Appends all that is queued now; none where nothing is, and the log has nothing.
    #[cfg(test)]
    pub fn take(&self, into: &mut VecDeque<Arc<Event>>) -> Option<Taken> {
        self.lock().take(into)
    }

    fn poll_take(&self, task: &mut Context<'_>, into: &mut VecDeque<Arc<Event>>) -> Poll<Taken> {
        let mut waiting = self.lock();
        if std::mem::take(&mut waiting.is_standing_new) {
            return Poll::Ready(Taken::Events);
        }
        if let Some(taken) = waiting.take(into) {
            return Poll::Ready(taken);
        }
        match &mut waiting.waiter {
            Some(waiter) => waiter.clone_from(task.waker()),
            none => *none = Some(task.waker().clone()),
        }
        Poll::Pending
    }

    /// The log was read up to `position`, which was its end if `complete`: if nothing was missed beyond that, the
    /// connection has caught up.
    pub fn caught_up(&self, position: i64, complete: bool) {
        let mut waiting = self.lock();
        waiting.position = waiting.position.max(position);
        if complete && waiting.missed.is_none_or(|missed| missed <= position) {
            (waiting.missed, waiting.behind) = (None, None);
        }
    }

    /// Goes back to `position`: everything after it comes again, from the log. What is already waiting is never
    /// passed over, even if `position` lies behind it. Who is to be woken for it, if somebody waits.
    #[must_use = "it waits to be woken"]
    pub fn rewind(&self, position: i64) -> Option<Waker> {
        let mut waiting = self.lock();
        let newest = waiting.missed.unwrap_or(waiting.position).max(waiting.position);
        let first = waiting.events.front().and_then(|event| event.position).map(|first| first - 1);
        let unread = first.or(waiting.missed.map(|_| waiting.position));
        waiting.events.clear();
        waiting.fall_behind(newest);
        waiting.position = unread.map_or(position, |unread| unread.min(position));
        waiting.waiter.take()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock()
    }
}

impl Waiting {
    /// Appends all that is queued, or says where to read on in the log; none where there is neither.
    fn take(&mut self, into: &mut VecDeque<Arc<Event>>) -> Option<Taken> {
        if self.events.is_empty() && self.signals.is_none() {
            return self.missed.map(|_| Taken::Behind(self.position));
        }
        if into.is_empty() {
            // Nothing is allocated where one event comes after the other, and what a burst needed is not kept.
            std::mem::swap(&mut self.events, into);
            self.events.shrink_to(KEPT_EVENTS);
        } else {
            into.append(&mut self.events);
        }
        if let Some(signals) = self.signals.take() {
            into.extend(signals.waiting.into_values());
        }
        Some(Taken::Events)
    }

    fn push_event(&mut self, position: i64, event: &Arc<Event>) {
        if self.missed.is_some() || (self.events.len() >= MAX_EVENTS && !fault::is_on("feed-without-bound")) {
            self.fall_behind(position);
        } else {
            self.position = position;
            self.events.push_back(Arc::clone(event));
        }
    }

    /// The log has what comes, up to the event of this position at least.
    fn fall_behind(&mut self, newest: i64) {
        self.missed = Some(newest);
        self.behind.get_or_insert_with(BehindGauge::new);
    }
}

impl Signals {
    fn push(&mut self, event: &Arc<Event>) {
        let kind = |event: &Event| (event.kind, event.conversation, event.actor);
        self.next += 1;
        if let Some(replaced) = self.numbers.insert(kind(event), self.next) {
            self.waiting.remove(&replaced);
        } else if self.waiting.len() >= MAX_SIGNALS
            && let Some((_, oldest)) = self.waiting.pop_first()
        {
            self.numbers.remove(&kind(&oldest));
        }
        self.waiting.insert(self.next, Arc::clone(event));
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

    fn take(feed: &Feed) -> (Option<Taken>, VecDeque<Arc<Event>>) {
        let mut events = VecDeque::new();
        (feed.take(&mut events), events)
    }

    fn positions(feed: &Feed) -> Vec<i64> {
        take(feed).1.iter().filter_map(|event| event.position).collect()
    }

    /// Where the log has to be read on; none where nothing was missed.
    fn behind(feed: &Feed) -> Option<i64> {
        match take(feed).0 {
            Some(Taken::Behind(position)) => Some(position),
            _ => None,
        }
    }

    #[test]
    fn a_full_feed_turns_to_the_log_and_comes_back_without_gap_or_duplicate() {
        let feed = feed();
        (1..=300).for_each(|position| drop(feed.push(&durable(position))));
        assert_eq!(positions(&feed), (1..=256).collect::<Vec<_>>());
        assert_eq!(behind(&feed), Some(256));
        assert!(feed.push(&durable(301)).is_none());
        feed.caught_up(300, true);
        assert_eq!(behind(&feed), Some(300), "301 came while the log was being read");
        feed.caught_up(305, true);
        assert!(feed.push(&durable(304)).is_none());
        assert!(take(&feed).0.is_none(), "the log had 304 already");
        assert!(feed.push(&durable(306)).is_none());
        assert_eq!(positions(&feed), [306]);
    }

    #[test]
    fn a_rewound_feed_reads_the_log_up_to_what_it_had() {
        let feed = feed();
        (1..=10).for_each(|position| drop(feed.push(&durable(position))));
        assert_eq!(positions(&feed).len(), 10);
        assert!(feed.rewind(4).is_none());
        assert_eq!(behind(&feed), Some(4));
        feed.caught_up(8, false);
        assert_eq!(behind(&feed), Some(8));
        feed.caught_up(10, true);
        assert!(take(&feed).0.is_none());
    }

    #[test]
    fn a_rewind_to_the_present_passes_over_nothing_that_waits() {
        let feed = feed();
        (1..=10).for_each(|position| drop(feed.push(&durable(position))));
        assert!(feed.rewind(10).is_none());
        assert_eq!(behind(&feed), Some(0), "1 to 10 were waiting");
        feed.caught_up(5, false);
        assert!(feed.rewind(8).is_none());
        assert_eq!(behind(&feed), Some(5), "6 to 8 were not read yet");
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
            let event = Event::new(EventType::Typing, Some(conversation_id), user_id, clock::now(), fact);
            assert!(feed.push(&Arc::new(event)).is_none());
        };
        let taken = || take(&feed).1.iter().map(|event| event.actor.get()).collect::<Vec<_>>();
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
        assert!(feed.push(&durable(1)).is_none());
        assert!(take(&feed).0.is_none());
    }
}
