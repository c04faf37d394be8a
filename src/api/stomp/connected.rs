//! Somebody who has connected: their subscriptions, and the news that wait for them.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::agreement::Beat;
use super::destinations::{self, Queue, Refused};
use super::frame;
use super::subscription::{Subscription, body};
use crate::chat::Cx;
use crate::chat::conversations::Change;
use crate::chat::event::{Event, Topic};
use crate::chat::log::{self, Head};
use crate::chat::views::announcement;
use crate::connection::Frame;
use crate::error::{Error, Result};
use crate::live::{Interest, Listener};

/// Subscriptions of one session, and bytes of the id of one, at most.
const MOST: usize = 100;
const LONGEST: usize = 128;

/// Somebody who has connected, and what they listen to.
pub(super) struct Connected {
    pub cx: Cx,
    pub listener: Listener,
    pub head: Head,
    /// News that were taken and are not told yet.
    pub waiting: VecDeque<Arc<Event>>,
    /// Until when they wait, if they have to.
    pub pause: Option<Instant>,
    pub subscriptions: Vec<Subscription>,
    /// Whether the client speaks 1.0, where a subscription needs no id.
    pub is_old: bool,
    pub expires: Instant,
    pub beat: Option<Beat>,
    pub watch: Option<Beat>,
}

impl Connected {
    /// Does what a SUBSCRIBE asks for.
    ///
    /// # Errors
    /// `NotFound` and `Forbidden` for other destinations, `BadRequest` without an id or for one subscription too many, and what
    /// is said of a cursor that cannot be served.
    pub async fn subscribe(&mut self, frame: &frame::Frame) -> Result<(), Refused> {
        let refuse = |error| Refused { prefix: "Failed to subscribe", error };
        let destination = frame.header("destination").unwrap_or_default();
        let queue = destinations::queue(destination)?;
        let id = frame.header("id").map(str::to_owned);
        if id.is_none() && !self.is_old {
            return Err(refuse(Error::bad_request("A subscription needs an id")));
        }
        if id.as_ref().is_some_and(|id| id.len() > LONGEST) {
            return Err(refuse(Error::bad_request("The id of the subscription is too long")));
        }
        let is_same = |known: &Subscription| match &id {
            Some(id) => known.id.as_ref() == Some(id),
            None => known.id.is_none() && known.destination == destination,
        };
        // The first one of an id stays.
        if self.subscriptions.iter().any(is_same) {
            return Ok(());
        }
        if self.subscriptions.len() >= MOST {
            return Err(refuse(Error::bad_request(format!("At most {MOST} subscriptions fit into one session"))));
        }
        let resumed = match (frame.header("after"), queue) {
            (Some(after), Queue::Events(topic)) if topic.is_durable() => {
                let head = log::head(&self.cx).await.map_err(refuse)?;
                Some(head.position_of(after).map_err(refuse)?)
            }
            _ => None,
        };
        let told = resumed.unwrap_or_else(|| self.listener.position());
        self.subscriptions.push(Subscription { id, destination: destination.to_owned(), queue, told });
        self.update_interest();
        if let Some(after) = resumed {
            self.listener.rewind(after, &mut self.waiting);
        }
        Ok(())
    }

    pub fn unsubscribe(&mut self, frame: &frame::Frame) {
        let (id, destination) = (frame.header("id"), frame.header("destination"));
        self.subscriptions.retain(|known| match id {
            Some(_) => known.id.as_deref() != id,
            None => known.id.is_some() || Some(known.destination.as_str()) != destination,
        });
        self.update_interest();
    }

    /// Takes news, to be told in order. What the conversations queue tells of a change is the conversation as it is, so
    /// that of several changes of one which wait together only the newest is told, with its cursor; what makes or ends a
    /// conversation for this user is always told.
    pub fn take(&mut self, events: Vec<Arc<Event>>) {
        self.waiting.extend(events);
        let mut updated_later = HashSet::new();
        let mut kept: VecDeque<Arc<Event>> = VecDeque::with_capacity(self.waiting.len());
        while let Some(event) = self.waiting.pop_back() {
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
        self.waiting = kept;
    }

    /// Tells an event to every subscription that waits for it; `session` and `messages` make the id of each message.
    ///
    /// # Errors
    /// `Unavailable` without the database: then it has still to be told.
    pub async fn tell(&mut self, event: &Event, session: &str, messages: &mut u64, out: &mut Vec<Frame>) -> Result<()> {
        let queue = Queue::Events(event.kind.topic());
        if !self.subscriptions.iter().any(|known| known.queue == queue && known.wants(event)) {
            return Ok(());
        }
        let Some(body) = body(&self.cx, event, || self.listener.audience(event)).await? else { return Ok(()) };
        let cursor = event.position.map(|position| self.head.cursor(position).to_string());
        let extra: Vec<(&str, &str)> = cursor.iter().map(|cursor| ("cursor", cursor.as_str())).collect();
        for subscription in &mut self.subscriptions {
            if subscription.queue == queue && subscription.wants(event) {
                subscription.told = event.position.unwrap_or(subscription.told);
                *messages += 1;
                out.push(subscription.message(session, *messages, &extra, &body));
            }
        }
        Ok(())
    }

    fn update_interest(&self) {
        let topics = self.subscriptions.iter().filter_map(|known| match known.queue {
            Queue::Events(topic) => Some(topic),
            Queue::Errors => None,
        });
        let interest = topics.collect::<Interest>();
        let shows = interest.covers(Topic::Conversations);
        self.listener.set_interest(if shows { interest.with_own_views() } else { interest });
    }
}
