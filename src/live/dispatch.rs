//! From the writer to the hub: keeps the order of the log's positions and fills every hole from the log, so that a
//! lost hint, of this node or of another one on the same database, costs time and never an event.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Hub;
use crate::chat::event::{Drain, Event, Fact};
use crate::chat::{Chat, log, presence};
use crate::error::Result;
use crate::id::ConversationId;

/// How often the log is read even if nothing was announced.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// Events that are read from the log at once.
const MAX_PAGE_EVENTS: u64 = 500;

/// Signals of presence of which it is looked up who may know. What comes while so many wait is told to nobody.
const MAX_WAITING_PRESENCE: usize = 16_384;

/// A signal of presence, and the conversations in which somebody listened when it came ([`Hub::rooms_that_hear_of`]).
type Heard = (Arc<Event>, Option<Vec<ConversationId>>);

/// Routes until the server stops.
pub async fn dispatch(chat: Arc<Chat>, hub: Arc<Hub>, drain: Drain, stopping: CancellationToken) {
    let (presence, heard) = mpsc::channel(MAX_WAITING_PRESENCE);
    let telling = tell_presence(Arc::clone(&chat), Arc::clone(&hub), heard, stopping.clone());
    tokio::join!(route_all(chat, hub, drain, presence, stopping), telling);
}

/// Tells those how somebody is who share a conversation: in the order in which that came, and beside all else, which does
/// not wait until it was looked up.
async fn tell_presence(chat: Arc<Chat>, hub: Arc<Hub>, mut heard: mpsc::Receiver<Heard>, stopping: CancellationToken) {
    while let Some((event, rooms)) = stopping.run_until_cancelled(heard.recv()).await.flatten() {
        match presence::for_listeners(&chat, &event, rooms.as_deref()).await {
            Ok(Some(event)) => hub.deliver(&Arc::new(event)),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "a signal of presence is told to nobody"),
        }
    }
}

async fn route_all(
    chat: Arc<Chat>,
    hub: Arc<Hub>,
    mut drain: Drain,
    presence: mpsc::Sender<Heard>,
    stopping: CancellationToken,
) {
    let mut sweep = interval(SWEEP_INTERVAL);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut events = Vec::new();
    loop {
        let swept = tokio::select! {
            open = drain.take(&mut events) => {
                if !open { return }
                drain.overflowed()
            }
            _ = sweep.tick() => true,
            () = stopping.cancelled() => return,
        };
        chat.heard(events.iter().map(Arc::as_ref));
        for event in events.drain(..) {
            if let Err(error) = route(&chat, &hub, &presence, event).await {
                tracing::debug!(%error, "an event waits in the log for the next sweep");
            }
        }
        if swept && let Err(error) = fill_from_log(&chat, &hub, i64::MAX).await {
            tracing::debug!(%error, "the log cannot be read");
        }
    }
}

/// Delivers an event to the hub in its order, and reads what is missing before it from the log.
async fn route(chat: &Chat, hub: &Hub, presence: &mpsc::Sender<Heard>, event: Arc<Event>) -> Result<()> {
    let Some(position) = event.position else {
        hub.deliver(&event);
        if matches!(event.fact, Fact::Presence { .. }) {
            let rooms = hub.rooms_that_hear_of(event.actor);
            if rooms.as_ref().is_none_or(|rooms| !rooms.is_empty()) && presence.try_send((event, rooms)).is_err() {
                tracing::debug!("a signal of presence is told to nobody: too many wait");
            }
        }
        return Ok(());
    };
    if position > hub.position() + 1 {
        fill_from_log(chat, hub, position - 1).await?;
    }
    if position == hub.position() + 1 {
        hub.deliver(&event);
    }
    Ok(())
}

/// Delivers what the log has beyond the hub's position, up to `last` at least.
async fn fill_from_log(chat: &Chat, hub: &Hub, last: i64) -> Result<()> {
    while hub.position() < last {
        let page = log::since(chat, hub.position(), MAX_PAGE_EVENTS).await?;
        chat.heard(&page.events);
        for event in page.events {
            hub.deliver(&Arc::new(event));
        }
        hub.advance_to(page.position);
        if page.complete {
            return Ok(());
        }
    }
    Ok(())
}
