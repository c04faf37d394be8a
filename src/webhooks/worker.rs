//! The webhook worker: one lane for each endpoint that something waits for, so that a slow one delays nobody else. It
//! is woken by commits of this process and looks by itself for what others left. It knows no SQL and no rule.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::client::WebhookClient;
use super::egress::EgressPolicy;
use crate::chat::Chat;
use crate::id::{WebhookDeliveryId, WebhookEndpointId};
use crate::webhooks::{self, Claim, Hooks, Outcome};

/// How often the lines are looked at even if nothing was announced: what another process left waits no longer.
const SWEEP: Duration = Duration::from_secs(5);
/// How often old deliveries are deleted.
const TIDY: Duration = Duration::from_secs(3_600);
/// How long an attempt may go on while the server stops. What is cut off then is made again, under the same id.
const LAST_ATTEMPT: Duration = Duration::from_secs(2);

/// What the lanes share.
struct Worker {
    chat: Arc<Chat>,
    hooks: Arc<Hooks>,
    client: WebhookClient,
    /// Tells this process from others in the leases.
    name: String,
    stopping: CancellationToken,
}

/// Delivers until the server stops, and ends when no attempt is under way any more.
pub async fn run(chat: Arc<Chat>, hooks: Arc<Hooks>, stopping: CancellationToken) {
    let client = match WebhookClient::new(EgressPolicy::of(&chat.config.webhooks)) {
        Ok(client) => client,
        Err(cause) => return tracing::error!(%cause, "webhooks cannot be sent"),
    };
    let worker = Arc::new(Worker { chat, hooks, client, name: uuid::Uuid::new_v4().to_string(), stopping });
    let mut lanes = JoinSet::new();
    let mut busy = HashSet::new();
    let (mut configured, mut tidied) = (false, None::<Instant>);
    loop {
        if !configured {
            configured = worker.succeeds(webhooks::configure(&worker.chat).await).is_some();
        }
        if tidied.is_none_or(|at| at.elapsed() >= TIDY) {
            worker.succeeds(webhooks::tidy(&worker.chat).await);
            tidied = Some(Instant::now());
        }
        let pause = worker.open_lanes(&mut lanes, &mut busy).await;
        tokio::select! {
            () = worker.hooks.woken() => {}
            Some(done) = lanes.join_next() => { done.ok().map(|endpoint| busy.remove(&endpoint)); }
            () = sleep(pause) => {}
            () = worker.stopping.cancelled() => break,
        }
    }
    while lanes.join_next().await.is_some() {}
}

impl Worker {
    /// Opens a lane for each line whose first is due and that has none; answers when to look again.
    async fn open_lanes(
        self: &Arc<Self>,
        lanes: &mut JoinSet<WebhookEndpointId>,
        busy: &mut HashSet<WebhookEndpointId>,
    ) -> Duration {
        let Some(lines) = self.succeeds(webhooks::next(&self.chat).await) else { return SWEEP };
        let now = Utc::now();
        let mut pause = SWEEP;
        for line in lines {
            match (line.at - now).to_std() {
                Ok(left) if !left.is_zero() => pause = pause.min(left),
                _ if busy.insert(line.endpoint) => {
                    let worker = Arc::clone(self);
                    lanes.spawn(async move {
                        worker.lane(line.endpoint).await;
                        line.endpoint
                    });
                }
                _ => {}
            }
        }
        pause
    }

    /// Delivers to one endpoint for as long as its line goes on.
    async fn lane(&self, endpoint: WebhookEndpointId) {
        let mut turn = webhooks::claim(&self.chat, &self.name, endpoint).await;
        while let Ok(Some(claim)) = turn {
            let done = self.take_turn(&claim).await;
            let more = !self.stopping.is_cancelled();
            // Where this cannot be written, the lease ends by itself and the attempt is made again.
            turn = webhooks::settle(&self.chat, &self.name, claim, done, more).await;
        }
        if self.succeeds(turn).is_none() {
            // What can be read but not written would else be tried again at once, and again.
            tokio::select! {
                () = sleep(SWEEP) => {}
                () = self.stopping.cancelled() => {}
            }
        }
    }

    /// Makes the deliveries of a turn, one after the other, until one fails or the time is over.
    async fn take_turn(&self, claim: &Claim) -> Vec<(WebhookDeliveryId, Outcome)> {
        let begun = Instant::now();
        let mut done = Vec::with_capacity(claim.run.len());
        for due in &claim.run {
            let outcome = tokio::select! {
                outcome = self.client.send(claim, due) => outcome,
                () = self.cut_off() => break,
            };
            let accepted = matches!(outcome, Outcome::Delivered(_));
            done.push((due.id, outcome));
            if !accepted || begun.elapsed() >= webhooks::TURN || self.stopping.is_cancelled() {
                break;
            }
        }
        done
    }

    async fn cut_off(&self) {
        self.stopping.cancelled().await;
        sleep(LAST_ATTEMPT).await;
    }

    fn succeeds<T>(&self, result: crate::error::Result<T>) -> Option<T> {
        result.inspect_err(|error| tracing::debug!(%error, "webhooks wait for the next sweep")).ok()
    }
}
