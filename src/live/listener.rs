//! A connection that listens: it takes what the hub routed to it, and reads the log where it has fallen behind.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::Interest;
use super::feed::{Feed, Taken};
use super::hub::{Hub, Joined};
use crate::chat::event::Event;
use crate::chat::log::{self, LogPage};
use crate::chat::{Cx, conversations, presence};
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::telemetry::Connected;

/// Events that a connection which is behind reads from the log at once.
const STRETCH: u64 = 100;

/// One connection that listens. Dropping it ends that.
pub struct Listener {
    hub: Arc<Hub>,
    cx: Cx,
    id: u64,
    feed: Arc<Feed>,
    /// The turns of its user's connections at the log.
    pub(crate) turns: Arc<Semaphore>,
    /// What is read of the log after this position. It goes on by itself, so that a reader of the database waits for
    /// nobody who takes slowly, and that nobody who is asked something has to begin anew.
    reading: Option<(i64, AbortOnDropHandle<Result<LogPage>>)>,
    connected: Connected,
    _attendance: presence::Lease,
}

impl Hub {
    /// Listens for the viewer from now on, at the door of this name: everything that is committed after this returns
    /// is heard.
    ///
    /// # Errors
    /// `Unavailable` without the database, `RateLimited` for more connections than one user may have.
    pub async fn listen(self: &Arc<Self>, cx: &Cx, door: &'static str) -> Result<Listener> {
        let attendance = presence::connect(cx).await?;
        let Joined { id, feed, reading: turns } = loop {
            if let Some(joined) = self.join(cx.me(), None)? {
                break joined;
            }
            // The head is read first: whatever changes in between is applied again, which does no harm.
            let head = log::head(cx).await?;
            let memberships = conversations::ids_of(cx).await?;
            if let Some(joined) = self.join(cx.me(), Some((head.position, memberships)))? {
                break joined;
            }
        };
        let connected = Connected::to(door);
        let hub = Arc::clone(self);
        Ok(Listener { hub, cx: cx.clone(), id, feed, turns, reading: None, connected, _attendance: attendance })
    }
}

impl Listener {
    /// Says which topics are wanted from now on; before the first call, none.
    pub fn set_interest(&self, interest: Interest) {
        self.feed.set_interest(interest);
    }

    /// Goes back to a position of the log: everything after it comes again, and with it what was `taken` before and not
    /// told yet. A position that the hub has not reached is waited for.
    pub fn rewind(&self, position: i64, taken: &mut VecDeque<Arc<Event>>) {
        let untold = taken.iter().find_map(|event| event.position);
        taken.retain(|event| event.position.is_none());
        let position = untold.map_or(position, |untold| position.min(untold - 1));
        // Beyond it nothing was routed: what comes there has still to be heard by whoever else listens here.
        self.hub.at_rest(|routed| self.feed.rewind(position.min(routed)));
    }

    /// As [`Hub::audience`].
    pub fn audience(&self, event: &Event) -> Vec<UserId> {
        self.hub.audience(event)
    }

    /// Where the listening starts: what is routed later has a higher position.
    pub fn position(&self) -> i64 {
        self.hub.position()
    }

    /// Waits for events and takes all that are waiting, durable ones first and in order. Cancelling it loses none.
    ///
    /// # Errors
    /// `Unavailable` while the log cannot be read; the next call goes on where this one stopped.
    pub async fn next(&mut self) -> Result<Vec<Arc<Event>>> {
        loop {
            match self.feed.take() {
                Taken::Events(events) => return Ok(self.handed(events)),
                Taken::Nothing => self.feed.woken().await,
                Taken::Behind(position) => {
                    let stretch = self.read(position).await?;
                    self.feed.caught_up(stretch.position, stretch.complete);
                    if !stretch.events.is_empty() {
                        return Ok(self.handed(stretch.events.into_iter().map(Arc::new).collect()));
                    }
                }
            }
        }
    }

    /// The log after `position`, when it is this connection's turn. Cancelling it loses nothing: it goes on.
    async fn read(&mut self, position: i64) -> Result<LogPage> {
        let reading = match &mut self.reading {
            Some((from, reading)) if *from == position => reading,
            // Of somewhere else, if there is one: that is given up.
            _ => {
                let (hub, me, turns) = (Arc::clone(&self.hub), self.cx.me(), Arc::clone(&self.turns));
                let read = async move {
                    let _mine = turns.acquire_owned().await.map_err(Error::unavailable_because)?;
                    log::replay(&hub.chat, me, position, STRETCH).await
                };
                &mut self.reading.insert((position, AbortOnDropHandle::new(tokio::spawn(read.in_current_span())))).1
            }
        };
        let read = reading.await.unwrap_or_else(|cause| Err(Error::unavailable_because(cause)));
        self.reading = None;
        read
    }

    fn handed(&self, events: Vec<Arc<Event>>) -> Vec<Arc<Event>> {
        self.connected.delivered(events.len());
        events
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.hub.part(self.cx.me(), self.id);
    }
}
