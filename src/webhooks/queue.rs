//! The line before each endpoint: whose turn it is, and what came of it. Deliveries of one endpoint are made one after
//! the other, in the order of the log; while the first one waits for its next attempt, so do those behind it. A process
//! that is sending holds a lease of the first one, so that several can share a database; whoever dies while sending
//! leaves it to another under the same id.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Statement,
};

use super::changed;
use crate::chat::rows;
use crate::chat::writer::Batch;
use crate::chat::{self, Chat};
use crate::entity::webhook_delivery::{self, Column, DeliveryState};
use crate::entity::webhook_endpoint;
use crate::error::Result;
use crate::id::{WebhookDeliveryId, WebhookEndpointId};

/// How long a process may take for its turn before another one may take it: [`TURN`], the last attempt begun within
/// it, and some more.
const LEASE: TimeDelta = TimeDelta::seconds(20);
/// How long attempts of one turn may begin.
pub const TURN: Duration = Duration::from_secs(5);
/// Deliveries of one turn: what waits for an endpoint must not need a commit each while everybody else writes.
const RUN: u64 = 32;
/// Deliveries deleted in one transaction.
const SWEPT: u64 = 1_000;
/// What is said of an endpoint that answered 410.
const GONE: &str = "It answered 410: it wants no more webhooks";

/// When the first of a line can be tried.
#[derive(Debug, Clone, Copy)]
pub struct Next {
    pub endpoint: WebhookEndpointId,
    pub at: DateTime<Utc>,
}

/// The turn of this process at an endpoint: the first deliveries of its line, to be made in this order until one fails.
#[derive(Debug, Clone)]
pub struct Claim {
    pub endpoint: WebhookEndpointId,
    pub url: String,
    pub secrets: Secrets,
    pub run: Vec<Due>,
}

/// A delivery whose turn it is.
#[derive(Debug, Clone)]
pub struct Due {
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

/// What came of an attempt.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Accepted, with this status.
    Delivered(u16),
    /// The receiver wants no more (410).
    Gone,
    /// Why not; the status, if there was an answer.
    Failed { status: Option<u16>, why: String },
}

/// The lines that are not empty and whose endpoint is switched on: one statement.
pub async fn next(chat: &Chat) -> Result<Vec<Next>> {
    let sql = "SELECT d.endpoint_id, d.next_attempt_at, (SELECT MAX(ours.locked_until) FROM chat_webhook_deliveries ours \
               WHERE ours.endpoint_id = e.id AND ours.state = 'PENDING' AND ours.locked_until IS NOT NULL) AS locked_until FROM chat_webhook_endpoints e \
               JOIN chat_webhook_deliveries d ON d.id = (SELECT MIN(first.id) FROM chat_webhook_deliveries first \
               WHERE first.endpoint_id = e.id AND first.state = 'PENDING') WHERE e.enabled";
    let db = &chat.store.reader();
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    let lines = rows.into_iter().map(|row| {
        let due: DateTime<Utc> = row.try_get("", "next_attempt_at")?;
        let leased: Option<DateTime<Utc>> = row.try_get("", "locked_until")?;
        let endpoint = row.try_get("", "endpoint_id")?;
        Ok(Next { endpoint, at: leased.map_or(due, |leased| std::cmp::max(due, leased)) })
    });
    Ok(lines.collect::<Result<_, sea_orm::DbErr>>()?)
}

/// Takes the turn of `endpoint` for `worker`, if the first of its line is due and nobody else is sending to it: what is
/// replayed may come before what is on its way.
pub async fn claim(chat: &Chat, worker: &str, endpoint: WebhookEndpointId) -> Result<Option<Claim>> {
    let worker = worker.to_owned();
    chat.write(async move |batch: &mut Batch| take_turn(batch, &worker, endpoint).await).await
}

/// Writes down what came of a claim and, for `more`, takes the next turn in the same transaction. What was not tried is
/// free again.
pub async fn settle(
    chat: &Chat,
    worker: &str,
    claim: Claim,
    done: Vec<(WebhookDeliveryId, Outcome)>,
    more: bool,
) -> Result<Option<Claim>> {
    let worker = worker.to_owned();
    let change = chat.write(async move |batch: &mut Batch| {
        // What is not ours any more was taken by another process when the lease had ended.
        let ours = webhook_delivery::Entity::find()
            .filter(Column::Id.is_in(claim.run.iter().map(|due| due.id)))
            .filter(Column::LockedBy.eq(worker.as_str()))
            .filter(Column::State.eq(DeliveryState::Pending))
            .all(&batch.tx)
            .await?;
        let mut ours: HashMap<WebhookDeliveryId, webhook_delivery::Model> =
            ours.into_iter().map(|row| (row.id, row)).collect();
        let mut accepted = Vec::new();
        for (id, outcome) in done {
            let Some(row) = ours.remove(&id) else { continue };
            match outcome {
                Outcome::Delivered(status) => accepted.push((i32::from(status), row.id)),
                Outcome::Gone => give_up_all(batch, row).await?,
                Outcome::Failed { status, why } => put_off(batch, row, status, why).await?,
            }
        }
        for (status, ids) in rows::group(accepted) {
            accept(batch, status, ids).await?;
        }
        lease(batch, ours.into_keys().collect(), None).await?;
        if more { take_turn(batch, &worker, claim.endpoint).await } else { Ok(None) }
    });
    change.await
}

async fn take_turn(batch: &mut Batch, worker: &str, endpoint: WebhookEndpointId) -> Result<Option<Claim>> {
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
        .limit(RUN)
        .all(&batch.tx)
        .await?;
    let run: Vec<webhook_delivery::Model> =
        first.into_iter().take_while(|row| row.next_attempt_at <= batch.now).collect();
    if run.is_empty() {
        return Ok(None);
    }
    lease(batch, run.iter().map(|row| row.id).collect(), Some(worker)).await?;
    let previous = to.previous_secret.filter(|_| to.previous_secret_until.is_some_and(|until| until > batch.now));
    let due = |row: webhook_delivery::Model| Due { id: row.id, webhook_id: row.webhook_id, payload: row.payload };
    Ok(Some(Claim {
        endpoint,
        url: to.url,
        secrets: Secrets(std::iter::once(to.secret).chain(previous).collect()),
        run: run.into_iter().map(due).collect(),
    }))
}

/// Gives deliveries to a worker, or to whoever comes next.
async fn lease(batch: &Batch, ids: Vec<WebhookDeliveryId>, worker: Option<&str>) -> Result<()> {
    if !ids.is_empty() {
        let row = webhook_delivery::ActiveModel {
            locked_until: Set(worker.map(|_| batch.now + LEASE)),
            locked_by: Set(worker.map(str::to_owned)),
            ..Default::default()
        };
        let rows = webhook_delivery::Entity::update_many().set(row).filter(Column::Id.is_in(ids));
        rows.exec(&batch.tx).await?;
    }
    Ok(())
}

async fn accept(batch: &Batch, status: i32, ids: Vec<WebhookDeliveryId>) -> Result<()> {
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
    rows.filter(Column::Id.is_in(ids)).exec(&batch.tx).await?;
    Ok(())
}

/// The receiver wants no more: this one has failed, and what waits behind it waits for an administrator.
async fn give_up_all(batch: &mut Batch, old: webhook_delivery::Model) -> Result<()> {
    let (attempts, endpoint) = (old.attempts + 1, old.endpoint_id);
    let row = webhook_delivery::ActiveModel {
        attempts: Set(attempts),
        state: Set(DeliveryState::Failed),
        last_status: Set(Some(410)),
        last_error: Set(Some(GONE.to_owned())),
        locked_until: Set(None),
        locked_by: Set(None),
        ..old.into()
    };
    row.update(&batch.tx).await?;
    switch_off(batch, endpoint).await
}

/// Until the next pause is over, or for good.
async fn put_off(batch: &Batch, old: webhook_delivery::Model, status: Option<u16>, why: String) -> Result<()> {
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

async fn switch_off(batch: &mut Batch, endpoint: WebhookEndpointId) -> Result<()> {
    let row = webhook_endpoint::ActiveModel {
        id: Set(endpoint),
        enabled: Set(false),
        disabled_reason: Set(Some(GONE.to_owned())),
        updated_at: Set(batch.now),
        ..Default::default()
    };
    row.update(&batch.tx).await?;
    tracing::warn!(endpoint = endpoint.get(), "a webhook endpoint answered 410 and is switched off");
    changed(batch);
    Ok(())
}

/// A pause, up to a tenth longer, so that what failed together does not come back together.
fn jittered(seconds: u64) -> TimeDelta {
    let milliseconds = seconds.saturating_mul(1_000);
    let share = u64::from(getrandom::u32().unwrap_or(0)) % 1_000;
    let pause = milliseconds.saturating_add(milliseconds.saturating_mul(share) / 10_000);
    TimeDelta::milliseconds(i64::try_from(pause).unwrap_or(i64::MAX / 1_000))
}

/// Deletes what was done with longer ago than the log is kept. What failed is kept for as long after its last attempt.
pub async fn tidy(chat: &Chat) -> Result<()> {
    let before = chat::clock::now() - TimeDelta::days(chat.config.log.retention_days.into());
    let old = move || {
        let done = webhook_delivery::Entity::find().select_only().column(Column::Id);
        let delivered = Column::State.eq(DeliveryState::Delivered).and(Column::DeliveredAt.lt(before));
        let failed = Column::State.eq(DeliveryState::Failed).and(Column::ExpiresAt.lt(before));
        done.filter(delivered.or(failed)).limit(SWEPT)
    };
    loop {
        let ids: Vec<WebhookDeliveryId> = old().into_tuple().all(&chat.store.reader()).await?;
        let found = ids.len() as u64;
        if found > 0 {
            let change = chat.write(async move |batch: &mut Batch| {
                let gone = webhook_delivery::Entity::delete_many().filter(Column::Id.is_in(ids));
                gone.filter(Column::State.ne(DeliveryState::Pending)).exec(&batch.tx).await?;
                Ok(())
            });
            change.await?;
        }
        if found < SWEPT {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_by_a_tenth_at_most_and_differ() {
        let first: std::collections::HashSet<TimeDelta> = (0..100).map(|_| jittered(5)).collect();
        assert!(first.len() > 10, "{first:?}");
        for seconds in [0, 1, 5, 86_400] {
            let least = TimeDelta::seconds(seconds);
            for _ in 0..100 {
                let pause = jittered(seconds.unsigned_abs());
                assert!(pause >= least && pause <= least * 11 / 10, "{pause}");
            }
        }
    }
}
