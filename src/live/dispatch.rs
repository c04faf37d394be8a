//! From the writer to the hub: keeps the order of the log's positions and fills every hole from the log, so that a
//! lost hint, of this node or of another one on the same database, costs time and never an event.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Hub;
use crate::chat::Chat;
use crate::chat::event::{Drain, Event};
use crate::chat::log;
use crate::error::Result;

/// How often the log is looked at even if nothing was announced.
const SWEEP: Duration = Duration::from_secs(5);
/// Events read from the log at once.
const STRETCH: u64 = 500;

/// Routes until the server stops.
pub async fn dispatch(chat: Arc<Chat>, hub: Arc<Hub>, mut drain: Drain, stopping: CancellationToken) {
    let mut sweep = interval(SWEEP);
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
            if let Err(error) = route(&chat, &hub, event).await {
                tracing::debug!(%error, "an event waits in the log for the next sweep");
            }
        }
        if swept && let Err(error) = fill(&chat, &hub, i64::MAX).await {
            tracing::debug!(%error, "the log cannot be read");
        }
    }
}

async fn route(chat: &Chat, hub: &Hub, event: Arc<Event>) -> Result<()> {
    let Some(position) = event.position else {
        hub.deliver(&event);
        return Ok(());
    };
    if position > hub.position() + 1 {
        fill(chat, hub, position - 1).await?;
    }
    if position == hub.position() + 1 {
        hub.deliver(&event);
    }
    Ok(())
}

/// Routes what the log has beyond the hub's position, up to `last` at least.
async fn fill(chat: &Chat, hub: &Hub, last: i64) -> Result<()> {
    while hub.position() < last {
        let stretch = log::since(chat, hub.position(), STRETCH).await?;
        chat.heard(&stretch.events);
        for event in stretch.events {
            hub.deliver(&Arc::new(event));
        }
        hub.reach(stretch.position);
        if stretch.complete {
            return Ok(());
        }
    }
    Ok(())
}
