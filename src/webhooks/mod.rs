//! Webhooks: who wants to be told of what, and the outbox that every change is written to in its own transaction.
//! Only administrators see any of it. How a delivery is sent is not known here.

mod client;
mod deliveries;
pub mod egress;
mod endpoints;
mod event_names;
mod outbox;
mod queue;
pub mod settings;
pub mod signature;
pub mod worker;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::chat::writer::Batch;

pub use deliveries::{Delivery, Replay, deliveries, replay};
pub use endpoints::{
    Endpoint, EndpointChange, EndpointInput, configure, create, delete, endpoints, rotate, send_test, update,
};
pub use outbox::outbox;
pub use queue::{Claim, Due, Next, Outcome, Secrets, TURN, claim, next, settle, tidy};

/// What the writer knows of endpoints, and how it tells that something waits for them.
#[derive(Default)]
pub struct Hooks {
    /// The endpoints that want anything, as of the revision in the row that every change locks: another process
    /// cannot change an endpoint without this one seeing it in the next transaction.
    wanted: Mutex<Option<(i64, Arc<[Wanted]>)>>,
    waiting: Notify,
}

/// An endpoint and what it wants.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    endpoint: crate::id::WebhookEndpointId,
    /// Empty: everything.
    events: Vec<String>,
}

impl Wanted {
    fn wants(&self, event: &str) -> bool {
        self.events.is_empty() || self.events.iter().any(|wanted| wanted == event)
    }
}

impl Hooks {
    /// Says that deliveries may be waiting.
    pub(crate) fn wake(&self) {
        self.waiting.notify_one();
    }

    /// Waits until [`Hooks::wake`] was called.
    pub async fn woken(&self) {
        self.waiting.notified().await;
    }

    fn known(&self, revision: i64) -> Option<Arc<[Wanted]>> {
        let known = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(known, _)| *known == revision).map(|(_, wanted)| Arc::clone(wanted))
    }

    fn keep(&self, revision: i64, wanted: &Arc<[Wanted]>) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some((revision, Arc::clone(wanted)));
    }
}

/// Makes every process read the endpoints anew, once the batch is committed.
fn changed(batch: &mut Batch) {
    batch.outbox_changed();
    batch.outbox_filled();
}
