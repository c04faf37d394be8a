//! A connection of the hub: it takes the events that the hub routed to it, and reads the log where it has fallen behind.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::Interest;
use super::feed::{Feed, Taken};
use super::hub::{Hub, Joined};
use crate::chat::event::Event;
use crate::chat::log::{self, Cursor, Epoch, LogPage};
use crate::chat::users::standing;
use crate::chat::{Cx, Viewer, conversations, presence};
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::telemetry::ConnectionGauge;

/// Events that a connection which is behind reads from the log at once.
const MAX_PAGE_EVENTS: u64 = 100;

/// One connection of the hub. Dropping it removes it from the hub.
pub struct Listener {
    hub: Arc<Hub>,
    cx: Cx,
    id: u64,
    feed: Arc<Feed>,
    /// The turns of its user's connections to read the log.
    pub(crate) log_turns: Arc<Semaphore>,
    /// The page of the log after this position, while it is read. A task of its own reads it, so that a reader of the
    /// database does not wait for a slow connection, and that a connection which is interrupted need not begin anew.
    reading: Option<(i64, AbortOnDropHandle<Result<LogPage>>)>,
    connected: ConnectionGauge,
    _presence: presence::PresenceLease,
}

impl Hub {
    /// Adds a connection of the viewer, at the door of this name. It gets everything that is committed after this returns.
    ///
    /// # Errors
    /// `Unavailable` without the database, `RateLimited` for more connections than one user may have, and where they are
    /// not let in.
    pub async fn listen(self: &Arc<Self>, cx: &Cx, door: &'static str) -> Result<Listener> {
        let lease = presence::connect(cx).await?;
        let Joined { id, feed, log_turns } = loop {
            if let Some(joined) = self.join(cx.me(), None)? {
                break joined;
            }
            let _turn = self.arrivals.acquire().await.map_err(Error::unavailable_because)?;
            // What was routed is committed, and so is seen by what is read after it; whatever changes in between is applied
            // again, which does no harm.
            let routed = self.position();
            let memberships = conversations::ids_of(cx).await?;
            if let Some(joined) = self.join(cx.me(), Some((routed, memberships)))? {
                break joined;
            }
        };
        let connected = ConnectionGauge::to(door);
        let hub = Arc::clone(self);
        let listener =
            Listener { hub, cx: cx.clone(), id, feed, log_turns, reading: None, connected, _presence: lease };
        // From now on the listener is told. What has happened since the token was looked at was not.
        standing::must_be_welcome(cx).await?;
        Ok(listener)
    }
}

impl Listener {
    /// Whether the viewer of this connection, which may have a newer token than at its beginning, is let in still. After
    /// [`Listener::next`] has returned, it has to be asked.
    ///
    /// # Errors
    /// Those of [`Standing::judge`](crate::chat::users::known::Standing::judge).
    pub fn judge(&self, viewer: &Viewer) -> Result<()> {
        self.feed.standing().map_or(Ok(()), |standing| standing.judge(viewer.issued))
    }

    /// Sets the topics that are wanted from now on; before the first call, none is.
    pub fn set_interest(&self, interest: Interest) {
        self.feed.set_interest(interest);
    }

    /// Goes back to a position of the log: everything after it comes again, and with it what was `taken` before and not
    /// told yet. A position that the hub has not reached is waited for.
    pub fn rewind(&self, position: i64, taken: &mut VecDeque<Arc<Event>>) {
        let untold = taken.iter().find_map(|event| event.position);
        taken.retain(|event| event.position.is_none());
        let position = untold.map_or(position, |untold| position.min(untold - 1));
        // Beyond it nothing was routed: what comes there is still new for the other subscriptions of this connection.
        let waiter = self.hub.with_position(|routed| self.feed.rewind(position.min(routed)));
        waiter.iter().for_each(Waker::wake_by_ref);
    }

    /// As [`Hub::audience`].
    pub fn audience(&self, event: &Event) -> Vec<UserId> {
        self.hub.audience(event)
    }

    /// The epoch of the log.
    pub fn epoch(&self) -> &Epoch {
        &self.hub.epoch
    }

    /// The cursor from which a client goes on after the event of this position.
    pub fn cursor(&self, position: i64) -> Cursor {
        self.hub.epoch.cursor(position)
    }

    /// The position of the newest event that was routed: what is routed later has a higher one.
    pub fn position(&self) -> i64 {
        self.hub.position()
    }

    /// Waits for events and appends all that are waiting, durable ones first and in order. Cancelling it loses none.
    ///
    /// # Errors
    /// `Unavailable` while the log cannot be read; the next call goes on where this one stopped.
    pub async fn next(&mut self, into: &mut VecDeque<Arc<Event>>) -> Result<()> {
        let before = into.len();
        loop {
            match self.feed.next(into).await {
                Taken::Events => break,
                Taken::Behind(position) => {
                    let page = Box::pin(self.read(position)).await?;
                    self.feed.caught_up(page.position, page.complete);
                    if !page.events.is_empty() {
                        into.extend(page.events.into_iter().map(Arc::new));
                        break;
                    }
                }
            }
        }
        self.connected.delivered(into.len() - before);
        Ok(())
    }

    /// The page of the log after `position`, when it is this connection's turn. Cancelling it loses nothing: the task
    /// reads on.
    async fn read(&mut self, position: i64) -> Result<LogPage> {
        let reading = match &mut self.reading {
            Some((from, reading)) if *from == position => reading,
            // Another page, if one is being read, is given up.
            _ => {
                let (hub, me, log_turns) = (Arc::clone(&self.hub), self.cx.me(), Arc::clone(&self.log_turns));
                let read = async move {
                    let _turn = log_turns.acquire_owned().await.map_err(Error::unavailable_because)?;
                    log::replay(&hub.chat, me, position, MAX_PAGE_EVENTS).await
                };
                &mut self.reading.insert((position, AbortOnDropHandle::new(tokio::spawn(read.in_current_span())))).1
            }
        };
        let read = reading.await.unwrap_or_else(|cause| Err(Error::unavailable_because(cause)));
        self.reading = None;
        read
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.hub.leave(self.cx.me(), self.id);
    }
}
