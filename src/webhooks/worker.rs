//! The webhook worker: one task for each endpoint that something waits for, so that a slow one delays no other. Commits
//! of this process wake it, and it looks by itself for what other processes left. It knows no SQL and no rule.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::client::WebhookClient;
use super::egress::EgressPolicy;
use super::enabled_endpoints::EnabledEndpoints;
use super::links::with_fresh_links;
use super::prune::prune;
use super::queue::{self, DeliveryLease, Outcome, SEND_WINDOW};
use super::settings::apply_settings;
use crate::chat::Chat;
use crate::entity::clock;
use crate::id::{WebhookDeliveryId, WebhookEndpointId};
use crate::telemetry;

/// How often the worker looks at the queues even if no commit woke it: what another process left waits no longer.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// How often old deliveries are deleted.
const PRUNE_INTERVAL: Duration = Duration::from_secs(3_600);
/// How long an attempt may go on while the server stops. One that is cut off is made again, under the same id.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// What the tasks share.
struct Worker {
    chat: Arc<Chat>,
    endpoints: Arc<EnabledEndpoints>,
    client: WebhookClient,
    /// Tells this process from others in the leases.
    name: String,
    stopping: CancellationToken,
}

/// Delivers until the server stops, and ends when no attempt is under way any more.
pub async fn run(chat: Arc<Chat>, endpoints: Arc<EnabledEndpoints>, stopping: CancellationToken) {
    let client = match WebhookClient::new(EgressPolicy::of(&chat.config.webhooks)) {
        Ok(client) => client,
        Err(cause) => return tracing::error!(%cause, "webhooks cannot be sent"),
    };
    let worker = Arc::new(Worker { chat, endpoints, client, name: uuid::Uuid::new_v4().to_string(), stopping });
    let mut senders = JoinSet::new();
    let mut active = HashSet::new();
    let (mut configured, mut pruned, mut measured) = (false, None::<Instant>, None::<Instant>);
    loop {
        if !configured {
            configured = worker.succeeds(apply_settings(&worker.chat).await).is_some();
        }
        if pruned.is_none_or(|at| at.elapsed() >= PRUNE_INTERVAL) {
            worker.succeeds(prune(&worker.chat).await);
            pruned = Some(Instant::now());
        }
        if measured.is_none_or(|at| at.elapsed() >= POLL_INTERVAL) {
            worker
                .succeeds(queue::outbox_length(&worker.chat).await)
                .inspect(|waiting| telemetry::webhook_outbox(*waiting));
            measured = Some(Instant::now());
        }
        let pause = worker.spawn_senders(&mut senders, &mut active).await;
        tokio::select! {
            () = worker.endpoints.woken() => {}
            Some(done) = senders.join_next() => { done.ok().map(|endpoint| active.remove(&endpoint)); }
            () = sleep(pause) => {}
            () = worker.stopping.cancelled() => break,
        }
    }
    while senders.join_next().await.is_some() {}
}

impl Worker {
    /// Starts a task for each queue whose head is due and that has none; answers when to look again.
    async fn spawn_senders(
        self: &Arc<Self>,
        senders: &mut JoinSet<WebhookEndpointId>,
        active: &mut HashSet<WebhookEndpointId>,
    ) -> Duration {
        let Some(heads) = self.succeeds(queue::queue_heads(&self.chat).await) else { return POLL_INTERVAL };
        let now = clock::now();
        let mut pause = POLL_INTERVAL;
        for head in heads {
            match (head.due_at - now).to_std() {
                Ok(left) if !left.is_zero() => pause = pause.min(left),
                _ if active.insert(head.endpoint) => {
                    let worker = Arc::clone(self);
                    senders.spawn(async move {
                        worker.send_all(head.endpoint).await;
                        head.endpoint
                    });
                }
                _ => {}
            }
        }
        pause
    }

    /// Delivers to one endpoint for as long as something is due in its queue.
    async fn send_all(&self, endpoint: WebhookEndpointId) {
        let mut leased = queue::lease(&self.chat, &self.name, endpoint).await;
        while let Ok(Some(lease)) = leased {
            let outcomes = self.send_leased(&lease).await;
            let more = !self.stopping.is_cancelled();
            // Where this cannot be written, the lease ends by itself and the attempt is made again.
            leased = queue::complete(&self.chat, &self.name, lease, outcomes, more).await;
        }
        if self.succeeds(leased).is_none() {
            // What can be read but not written would else be tried again at once, and again.
            tokio::select! {
                () = sleep(POLL_INTERVAL) => {}
                () = self.stopping.cancelled() => {}
            }
        }
    }

    /// Makes the deliveries of a lease, one after the other, until one fails or the time is over.
    async fn send_leased(&self, lease: &DeliveryLease) -> Vec<(WebhookDeliveryId, Outcome)> {
        let begun = Instant::now();
        let mut outcomes = Vec::with_capacity(lease.deliveries.len());
        for delivery in &lease.deliveries {
            let body = with_fresh_links(&delivery.payload, &self.chat.signer, clock::now());
            let outcome = tokio::select! {
                outcome = self.client.send(lease, delivery, &body) => outcome,
                () = self.stop_timeout() => break,
            };
            telemetry::webhook_attempted(outcome.name());
            let accepted = matches!(outcome, Outcome::Delivered(_));
            outcomes.push((delivery.id, outcome));
            if !accepted || begun.elapsed() >= SEND_WINDOW || self.stopping.is_cancelled() {
                break;
            }
        }
        outcomes
    }

    /// Ends when an attempt that is under way has to be cut off.
    async fn stop_timeout(&self) {
        self.stopping.cancelled().await;
        sleep(STOP_TIMEOUT).await;
    }

    /// The value, if there is one: a failure of the database is tried again later.
    fn succeeds<T>(&self, result: crate::error::Result<T>) -> Option<T> {
        result.inspect_err(|error| tracing::debug!(%error, "webhooks wait for the next look")).ok()
    }
}
