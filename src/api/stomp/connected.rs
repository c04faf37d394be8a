//! A client that has connected: its subscriptions, and the events that wait for it.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::agreement::Beat;
use super::destinations::{self, Queue, Refused};
use super::frame;
use super::subscription::{Subscription, told};
use crate::chat::Cx;
use crate::chat::conversations::Change;
use crate::chat::event::{Event, Topic};
use crate::chat::log;
use crate::chat::views::announcement;
use crate::connection::Message;
use crate::error::{Error, Result};
use crate::live::{Backlog, Interest, Listener};

/// The number of subscriptions of one session.
const MAX_SUBSCRIPTIONS: usize = 100;
/// The longest id of a subscription.
pub(super) const MAX_ID_BYTES: usize = 128;

/// A client that has connected, and what it subscribes to.
pub(super) struct ConnectedClient {
    pub cx: Cx,
    pub listener: Listener,
    pub backlog: Backlog,
    pub subscriptions: Vec<Subscription>,
    /// Whether the client speaks 1.0, where a subscription needs no id.
    pub is_old: bool,
    pub expires: Instant,
    /// The heart-beats that the server sends, and those that it expects.
    pub own_beat: Option<Beat>,
    pub client_beat: Option<Beat>,
}

impl ConnectedClient {
    /// Adds the subscription of a SUBSCRIBE.
    ///
    /// # Errors
    /// `NotFound` and `Forbidden` for other destinations, `BadRequest` without an id or for one subscription too many, and what
    /// is said of a cursor that cannot be served.
    pub async fn subscribe(&mut self, frame: &frame::Frame) -> Result<(), Refused> {
        let refuse = |error| Refused::of("Failed to subscribe", error);
        let destination = frame.header("destination").unwrap_or_default();
        let queue = destinations::queue(destination)?;
        let id = frame.header("id");
        if id.is_none() && !self.is_old {
            return Err(refuse(Error::bad_request("A subscription needs an id")));
        }
        if id.is_some_and(|id| id.len() > MAX_ID_BYTES) {
            return Err(refuse(Error::bad_request("The id of the subscription is too long")));
        }
        let is_same = |known: &Subscription| known.id.as_deref() == id && (id.is_some() || known.queue == queue);
        // The first one of an id stays.
        if self.subscriptions.iter().any(is_same) {
            return Ok(());
        }
        if self.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            return Err(refuse(Error::bad_request(format!(
                "At most {MAX_SUBSCRIPTIONS} subscriptions fit into one session"
            ))));
        }
        let resumed = match (frame.header("after"), queue) {
            (Some(after), Queue::Events(topic)) if topic.is_durable() => {
                let head = log::head(&self.cx).await.map_err(refuse)?;
                Some(head.position_of(after).map_err(refuse)?)
            }
            _ => None,
        };
        let told = resumed.unwrap_or_else(|| self.listener.position());
        self.subscriptions.push(Subscription { id: id.map(Box::from), queue, told });
        self.update_interest();
        if let Some(after) = resumed {
            self.listener.rewind(after, &mut self.backlog.events);
        }
        Ok(())
    }

    /// Removes the subscription of an UNSUBSCRIBE.
    pub fn unsubscribe(&mut self, frame: &frame::Frame) {
        let (id, destination) = (frame.header("id"), frame.header("destination"));
        self.subscriptions.retain(|known| match id {
            Some(_) => known.id.as_deref() != id,
            None => known.id.is_some() || Some(known.queue.destination()) != destination,
        });
        self.update_interest();
    }

    /// Drops events of the backlog that a later one makes needless. What the conversations queue tells of a change is the
    /// conversation as it is now, so of several changes of one conversation only the newest is told, with its cursor.
    /// What makes or ends a conversation for this user is always told.
    pub fn coalesce(&mut self) {
        let waiting = &mut self.backlog.events;
        if waiting.iter().all(|event| event.kind.topic() != Topic::Conversations) {
            return;
        }
        let mut updated_later = HashSet::new();
        let mut kept: VecDeque<Arc<Event>> = VecDeque::with_capacity(waiting.len());
        while let Some(event) = waiting.pop_back() {
            let is_told_later = match announcement::change(&event, self.cx.me()) {
                Some(Change::Updated) => event.followed || !updated_later.insert(event.conversation),
                Some(_) => {
                    updated_later.remove(&event.conversation);
                    false
                }
                None => false,
            };
            if !is_told_later {
                kept.push_front(event);
            }
        }
        *waiting = kept;
    }

    /// Tells an event to every subscription to its queue; the id of each message is made of the `session`'s and of the count of
    /// `messages`.
    ///
    /// # Errors
    /// `Unavailable` without the database: then it has still to be told.
    pub async fn tell(
        &mut self,
        event: &Event,
        session: &str,
        messages: &mut u64,
        out: &mut Vec<Message>,
    ) -> Result<()> {
        let queue = Queue::Events(event.kind.topic());
        if !self.subscriptions.iter().any(|known| known.queue == queue && known.wants(event)) {
            return Ok(());
        }
        let Some(parts) = told(&self.cx, event, &self.listener).await? else { return Ok(()) };
        for subscription in &mut self.subscriptions {
            if subscription.queue == queue && subscription.wants(event) {
                subscription.told = event.position.unwrap_or(subscription.told);
                *messages += 1;
                out.push(subscription.message(session, *messages, &parts));
            }
        }
        Ok(())
    }

    fn update_interest(&self) {
        let topics = self.subscriptions.iter().filter_map(|known| match known.queue {
            Queue::Events(topic) => Some(topic),
            Queue::Errors | Queue::Renewals => None,
        });
        let interest = topics.collect::<Interest>();
        let shows_conversations = interest.covers(Topic::Conversations);
        self.listener.set_interest(if shows_conversations { interest.with_own_views() } else { interest });
    }
}
