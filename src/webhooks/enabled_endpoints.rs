//! The endpoints that are switched on, as the writer of this process knows them, and the signal that something waits for
//! one of them.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::chat::writer::Batch;
use crate::id::WebhookEndpointId;

/// What the writer and the worker of one process share.
#[derive(Default)]
pub struct EnabledEndpoints {
    /// As of the revision in the row that every change locks: another process cannot change an endpoint without this one
    /// seeing it in the next transaction.
    cached: Mutex<Option<(i64, Arc<[EnabledEndpoint]>)>>,
    waiting: Notify,
}

/// An endpoint and the events that it asked for.
#[derive(Debug, Clone)]
pub(super) struct EnabledEndpoint {
    pub id: WebhookEndpointId,
    /// Empty: all events.
    pub events: Vec<String>,
}

impl EnabledEndpoint {
    pub fn wants(&self, event: &str) -> bool {
        self.events.is_empty() || self.events.iter().any(|wanted| wanted == event)
    }
}

impl EnabledEndpoints {
    /// Wakes the worker: deliveries may be waiting.
    pub(super) fn wake(&self) {
        self.waiting.notify_one();
    }

    /// Waits until [`EnabledEndpoints::wake`] was called.
    pub(super) async fn woken(&self) {
        self.waiting.notified().await;
    }

    /// The endpoints as of this revision; none where they have to be read.
    pub(super) fn cached(&self, revision: i64) -> Option<Arc<[EnabledEndpoint]>> {
        let cached = self.cached.lock();
        cached.as_ref().filter(|(cached, _)| *cached == revision).map(|(_, endpoints)| Arc::clone(endpoints))
    }

    pub(super) fn cache(&self, revision: i64, endpoints: &Arc<[EnabledEndpoint]>) {
        *self.cached.lock() = Some((revision, Arc::clone(endpoints)));
    }
}

/// Makes every process read the endpoints anew, once the batch is committed.
pub(super) fn endpoints_changed(batch: &mut Batch) {
    batch.outbox_changed();
    batch.outbox_filled();
}
