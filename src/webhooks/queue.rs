//! The queue of each endpoint: which deliveries are next, and what came of them. Deliveries of one endpoint are made one
//! after the other, in the order of the log; while the first one waits for its next attempt, so do those behind it. A
//! process that sends holds a lease of the first ones, so that several can share a database; a process that dies while it
//! sends leaves them to another under the same ids.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Statement,
};

use super::enabled_endpoints::endpoints_changed;
use super::retry::jittered;
use crate::chat::Chat;
use crate::chat::rows;
use crate::chat::writer::Batch;
use crate::entity::webhook_delivery::{self, Column, DeliveryState};
use crate::entity::webhook_endpoint;
use crate::error::Result;
use crate::id::{WebhookDeliveryId, WebhookEndpointId};
use crate::store::among;

/// How long a lease lasts: [`SEND_WINDOW`], the last attempt that was begun within it, and some more.
const LEASE_DURATION: TimeDelta = TimeDelta::seconds(20);
/// For how long after the beginning of a lease attempts may begin.
pub const SEND_WINDOW: Duration = Duration::from_secs(5);
/// Deliveries of one lease: what waits for an endpoint must not need a commit each while everybody else writes.
const MAX_LEASED_DELIVERIES: u64 = 32;
/// What is said of an endpoint that answered 410.
const GONE_REASON: &str = "It answered 410: it wants no more webhooks";

/// When the first delivery of a queue can be tried.
#[derive(Debug, Clone, Copy)]
pub struct QueueHead {
    pub endpoint: WebhookEndpointId,
    pub due_at: DateTime<Utc>,
}

/// The right of this process to send to an endpoint: the first deliveries of its queue, to be made in this order until
/// one fails.
#[derive(Debug, Clone)]
pub struct DeliveryLease {
    pub endpoint: WebhookEndpointId,
    pub url: String,
    pub secrets: Secrets,
    pub deliveries: Vec<LeasedDelivery>,
}

/// A delivery that is to be made now.
#[derive(Debug, Clone)]
pub struct LeasedDelivery {
    pub id: WebhookDeliveryId,
    pub webhook_id: String,
    pub payload: String,
}

/// What signs: the secret, and the one before it for as long as both are in use. It is not shown.
#[derive(Clone)]
pub struct Secrets(pub Vec<String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} secrets", self.0.len())
    }
}

/// What came of an attempt to deliver.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Accepted, with this status.
    Delivered(u16),
    /// The receiver wants no more (410).
    Gone,
    /// Why not; the status, if there was an answer.
    Failed { status: Option<u16>, why: String },
}

impl Outcome {
    /// As operators read it.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Delivered(_) => "delivered",
            Outcome::Gone => "gone",
            Outcome::Failed { status: Some(_), .. } => "refused",
            Outcome::Failed { status: None, .. } => "unreachable",
        }
    }
}

/// How many deliveries wait in all queues together, as far as a hundred thousand.
pub async fn outbox_length(chat: &Chat) -> Result<u64> {
    let sql =
        "SELECT count(*) FROM (SELECT 1 FROM chat_webhook_deliveries WHERE state = 'PENDING' LIMIT 100000) waiting";
    let db = &chat.store.reader();
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    let waiting: Option<i64> = row.map(|row| row.try_get_by_index(0)).transpose()?;
    Ok(waiting.unwrap_or_default().unsigned_abs())
}

/// The heads of the queues that are not empty and whose endpoint is switched on: one statement.
pub async fn queue_heads(chat: &Chat) -> Result<Vec<QueueHead>> {
    let sql = "SELECT d.endpoint_id, d.next_attempt_at, (SELECT MAX(ours.locked_until) FROM chat_webhook_deliveries ours \
               WHERE ours.endpoint_id = e.id AND ours.state = 'PENDING' AND ours.locked_until IS NOT NULL) AS locked_until FROM chat_webhook_endpoints e \
               JOIN chat_webhook_deliveries d ON d.id = (SELECT MIN(first.id) FROM chat_webhook_deliveries first \
               WHERE first.endpoint_id = e.id AND first.state = 'PENDING') WHERE e.enabled";
    let db = &chat.store.reader();
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    let heads = rows.into_iter().map(|row| {
        let due: DateTime<Utc> = row.try_get("", "next_attempt_at")?;
        let leased: Option<DateTime<Utc>> = row.try_get("", "locked_until")?;
        let endpoint = row.try_get("", "endpoint_id")?;
        Ok(QueueHead { endpoint, due_at: leased.map_or(due, |leased| std::cmp::max(due, leased)) })
    });
    Ok(heads.collect::<Result<_, sea_orm::DbErr>>()?)
}

/// Leases the first deliveries of `endpoint` to `worker`, if they are due and no other process is sending to it: what is
/// replayed may come before what is on its way.
pub async fn lease(chat: &Chat, worker: &str, endpoint: WebhookEndpointId) -> Result<Option<DeliveryLease>> {
    let worker = worker.to_owned();
    chat.write(async move |batch: &mut Batch| lease_first(batch, &worker, endpoint).await).await
}

/// Writes down what came of a lease and, for `more`, takes the next one in the same transaction. What was not tried is
/// free again.
pub async fn complete(
    chat: &Chat,
    worker: &str,
    lease: DeliveryLease,
    outcomes: Vec<(WebhookDeliveryId, Outcome)>,
    more: bool,
) -> Result<Option<DeliveryLease>> {
    let worker = worker.to_owned();
    let change = chat.write(async move |batch: &mut Batch| {
        // What is not ours any more was taken by another process when the lease had ended.
        let ours = webhook_delivery::Entity::find()
            .filter(among(&batch.tx, Column::Id, lease.deliveries.iter().map(|delivery| delivery.id)))
            .filter(Column::LockedBy.eq(worker.as_str()))
            .filter(Column::State.eq(DeliveryState::Pending))
            .all(&batch.tx)
            .await?;
        let mut ours: HashMap<WebhookDeliveryId, webhook_delivery::Model> =
            ours.into_iter().map(|row| (row.id, row)).collect();
        let mut delivered = Vec::new();
        for (id, outcome) in outcomes {
            let Some(row) = ours.remove(&id) else { continue };
            match outcome {
                Outcome::Delivered(status) => delivered.push((i32::from(status), row.id)),
                Outcome::Gone => fail_and_disable(batch, row).await?,
                Outcome::Failed { status, why } => retry_or_fail(batch, row, status, why).await?,
            }
        }
        for (status, ids) in rows::group(delivered) {
            mark_delivered(batch, status, ids).await?;
        }
        mark_leased(batch, ours.into_keys().collect(), None).await?;
        if more { lease_first(batch, &worker, lease.endpoint).await } else { Ok(None) }
    });
    change.await
}

async fn lease_first(batch: &mut Batch, worker: &str, endpoint: WebhookEndpointId) -> Result<Option<DeliveryLease>> {
    let to = webhook_endpoint::Entity::find_by_id(endpoint)
        .filter(webhook_endpoint::Column::Enabled.eq(true))
        .one(&batch.tx)
        .await?;
    let Some(to) = to else { return Ok(None) };
    let busy = webhook_delivery::Entity::find()
        .filter(Column::EndpointId.eq(endpoint))
        .filter(Column::State.eq(DeliveryState::Pending))
        .filter(Column::LockedUntil.gt(batch.now));
    if busy.one(&batch.tx).await?.is_some() {
        return Ok(None);
    }
    let first = webhook_delivery::Entity::find()
        .filter(Column::EndpointId.eq(endpoint))
        .filter(Column::State.eq(DeliveryState::Pending))
        .order_by_asc(Column::Id)
        .limit(MAX_LEASED_DELIVERIES)
        .all(&batch.tx)
        .await?;
    let due: Vec<webhook_delivery::Model> =
        first.into_iter().take_while(|row| row.next_attempt_at <= batch.now).collect();
    if due.is_empty() {
        return Ok(None);
    }
    mark_leased(batch, due.iter().map(|row| row.id).collect(), Some(worker)).await?;
    let previous = to.previous_secret.filter(|_| to.previous_secret_until.is_some_and(|until| until > batch.now));
    let leased =
        |row: webhook_delivery::Model| LeasedDelivery { id: row.id, webhook_id: row.webhook_id, payload: row.payload };
    Ok(Some(DeliveryLease {
        endpoint,
        url: to.url,
        secrets: Secrets(std::iter::once(to.secret).chain(previous).collect()),
        deliveries: due.into_iter().map(leased).collect(),
    }))
}

/// Leases deliveries to a worker, or to nobody: then the next worker can have them.
async fn mark_leased(batch: &Batch, ids: Vec<WebhookDeliveryId>, worker: Option<&str>) -> Result<()> {
    if !ids.is_empty() {
        let row = webhook_delivery::ActiveModel {
            locked_until: Set(worker.map(|_| batch.now + LEASE_DURATION)),
            locked_by: Set(worker.map(str::to_owned)),
            ..Default::default()
        };
        let rows = webhook_delivery::Entity::update_many().set(row).filter(among(&batch.tx, Column::Id, ids));
        rows.exec(&batch.tx).await?;
    }
    Ok(())
}

async fn mark_delivered(batch: &Batch, status: i32, ids: Vec<WebhookDeliveryId>) -> Result<()> {
    let row = webhook_delivery::ActiveModel {
        state: Set(DeliveryState::Delivered),
        delivered_at: Set(Some(batch.now)),
        last_status: Set(Some(status)),
        last_error: Set(None),
        locked_until: Set(None),
        locked_by: Set(None),
        ..Default::default()
    };
    let rows = webhook_delivery::Entity::update_many().set(row);
    let rows = rows.col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1));
    rows.filter(among(&batch.tx, Column::Id, ids)).exec(&batch.tx).await?;
    Ok(())
}

/// The receiver wants no more: this one has failed, and what waits behind it waits for an administrator.
async fn fail_and_disable(batch: &mut Batch, old: webhook_delivery::Model) -> Result<()> {
    let (attempts, endpoint) = (old.attempts + 1, old.endpoint_id);
    let row = webhook_delivery::ActiveModel {
        attempts: Set(attempts),
        state: Set(DeliveryState::Failed),
        last_status: Set(Some(410)),
        last_error: Set(Some(GONE_REASON.to_owned())),
        locked_until: Set(None),
        locked_by: Set(None),
        ..old.into()
    };
    row.update(&batch.tx).await?;
    disable(batch, endpoint).await
}

/// Puts a delivery off until its next pause is over; after the last pause it has failed for good.
async fn retry_or_fail(batch: &Batch, old: webhook_delivery::Model, status: Option<u16>, why: String) -> Result<()> {
    let (attempts, endpoint, expires) = (old.attempts + 1, old.endpoint_id, old.expires_at);
    let pauses = &batch.tools.config.webhooks.retry_seconds;
    let again = usize::try_from(attempts - 1).ok().and_then(|tried| pauses.get(tried));
    let again = again.map(|pause| batch.now + jittered(*pause)).filter(|at| *at <= expires);
    let mut row: webhook_delivery::ActiveModel = old.into();
    match again {
        Some(at) => row.next_attempt_at = Set(at),
        None => {
            tracing::warn!(endpoint = endpoint.get(), attempts, why, "a webhook has failed for good");
            row.state = Set(DeliveryState::Failed);
        }
    }
    row.attempts = Set(attempts);
    row.last_status = Set(status.map(i32::from));
    row.last_error = Set(Some(why));
    row.locked_until = Set(None);
    row.locked_by = Set(None);
    row.update(&batch.tx).await?;
    Ok(())
}

async fn disable(batch: &mut Batch, endpoint: WebhookEndpointId) -> Result<()> {
    let row = webhook_endpoint::ActiveModel {
        id: Set(endpoint),
        enabled: Set(false),
        disabled_reason: Set(Some(GONE_REASON.to_owned())),
        updated_at: Set(batch.now),
        ..Default::default()
    };
    row.update(&batch.tx).await?;
    tracing::warn!(endpoint = endpoint.get(), "a webhook endpoint answered 410 and is switched off");
    endpoints_changed(batch);
    Ok(())
}
