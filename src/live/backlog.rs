//! The events that a connection has taken from its feed and has not told its client yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Listener;
use crate::chat::event::Event;

/// How long events wait that cannot be told for want of the database.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Events that wait to be told, in order.
#[derive(Default)]
pub struct Backlog {
    pub events: VecDeque<Arc<Event>>,
    /// Until when they wait, if the database could not be asked.
    retry_at: Option<Instant>,
}

impl Backlog {
    /// Waits until there is something to tell: events that waited already, or those that the listener has next.
    /// Cancelling it loses none. What is rare in it is boxed: every idle connection is in it.
    pub async fn wait(&mut self, listener: &mut Listener) {
        if let Some(moment) = self.retry_at {
            Box::pin(sleep_until(moment)).await;
            self.retry_at = None;
        }
        if self.events.is_empty() && listener.next(&mut self.events).await.is_err() {
            self.retry_at = Some(Instant::now() + RETRY_DELAY);
        }
    }

    /// Puts an event back that could not be told: it and those behind it are told a second later.
    pub fn retry(&mut self, event: Arc<Event>) {
        self.events.push_front(event);
        self.retry_at = Some(Instant::now() + RETRY_DELAY);
    }
}
