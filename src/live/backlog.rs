//! The events that a connection has taken from its feed and has not told its client yet.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use super::Listener;
use crate::chat::event::Event;

/// How long events wait that cannot be told for want of the database.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Events that wait to be told, in order.
#[derive(Default)]
pub struct Backlog {
    pub events: VecDeque<Arc<Event>>,
    /// Runs until they are told again, if the database could not be asked. It outlasts whoever waits.
    retry: Option<Pin<Box<Sleep>>>,
}

impl Backlog {
    /// Waits until there is something to tell: events that waited already, or those that the listener has next.
    /// Cancelling it loses none. What is rare in it is boxed: every idle connection is in it.
    pub async fn wait(&mut self, listener: &mut Listener) {
        if let Some(retry) = &mut self.retry {
            retry.await;
            self.retry = None;
        }
        if self.events.is_empty() && listener.next(&mut self.events).await.is_err() {
            self.retry_later();
        }
    }

    /// Puts an event back that could not be told: it and those behind it are told a second later.
    pub fn retry(&mut self, event: Arc<Event>) {
        self.events.push_front(event);
        self.retry_later();
    }

    fn retry_later(&mut self) {
        self.retry = Some(Box::pin(sleep(RETRY_DELAY)));
    }
}
