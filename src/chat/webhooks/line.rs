//! The line before each endpoint: whose turn it is, and what came of it. Deliveries of one endpoint are made one after
//! the other, in the order of the log; while the first one waits for its next attempt, so do those behind it. A process
//! that is sending holds a lease of the first one, so that several can share a database; whoever dies while sending
//! leaves it to another under the same id.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Statement,
};

use super::changed;
use crate::chat::Chat;
use crate::chat::change::Batch;
use crate::entity::webhook_delivery::{self, Column, DeliveryState};
use crate::entity::webhook_endpoint;
use crate::error::Result;
use crate::id::WebhookEndpointId;

/// How long a process may take for one attempt before another one may make it: more than an attempt can last.
const LEASE: TimeDelta = TimeDelta::seconds(15);
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

/// The attempt that this process is to make.
#[derive(Debug, Clone)]
pub struct Claim {
    pub endpoint: WebhookEndpointId,
    pub url: String,
    pub secrets: Secrets,
    pub webhook_id: String,
    pub payload: String,
    delivery: i64,
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
    /// The server stops: as if nothing had been tried.
    Interrupted,
}

/// The lines that are not empty and whose endpoint is switched on: one statement.
pub async fn next(chat: &Chat) -> Result<Vec<Next>> {
    let sql = "SELECT d.endpoint_id, d.next_attempt_at, d.locked_until FROM chat_webhook_endpoints e \
               JOIN chat_webhook_deliveries d ON d.id = (SELECT MIN(first.id) FROM chat_webhook_deliveries first \
               WHERE first.endpoint_id = e.id AND first.state = 'PENDING') WHERE e.enabled";
    let db = chat.store.reader();
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    let lines = rows.into_iter().map(|row| {
        let due: DateTime<Utc> = row.try_get("", "next_attempt_at")?;
        let leased: Option<DateTime<Utc>> = row.try_get("", "locked_until")?;
        let endpoint = WebhookEndpointId::stored(row.try_get("", "endpoint_id")?);
        Ok(Next { endpoint, at: leased.map_or(due, |leased| due.max(leased)) })
    });
    Ok(lines.collect::<Result<_, sea_orm::DbErr>>()?)
}

/// Takes the turn of `endpoint` for `worker`, if the first of its line is due and nobody else is sending it.
pub async fn claim(chat: &Chat, worker: &str, endpoint: WebhookEndpointId) -> Result<Option<Claim>> {
    let worker = worker.to_owned();
    chat.change(move |batch| Box::pin(async move { take_turn(batch, &worker, endpoint).await })).await
}

/// Writes down what came of a claim and, for `more`, takes the next turn in the same transaction.
pub async fn settle(chat: &Chat, worker: &str, claim: Claim, outcome: Outcome, more: bool) -> Result<Option<Claim>> {
    let worker = worker.to_owned();
    let change = chat.change(move |batch| {
        Box::pin(async move {
            let row = webhook_delivery::Entity::find_by_id(claim.delivery)
                .filter(Column::LockedBy.eq(worker.as_str()))
                .filter(Column::State.eq(DeliveryState::Pending))
                .one(&batch.tx)
                .await?;
            if let Some(row) = row {
                write_down(batch, row, outcome).await?;
            }
            if more { take_turn(batch, &worker, claim.endpoint).await } else { Ok(None) }
        })
    });
    change.await
}

async fn take_turn(batch: &mut Batch, worker: &str, endpoint: WebhookEndpointId) -> Result<Option<Claim>> {
    let to = webhook_endpoint::Entity::find_by_id(endpoint.get())
        .filter(webhook_endpoint::Column::Enabled.eq(true))
        .one(&batch.tx)
        .await?;
    let Some(to) = to else { return Ok(None) };
    let first = webhook_delivery::Entity::find()
        .filter(Column::EndpointId.eq(endpoint.get()))
        .filter(Column::State.eq(DeliveryState::Pending))
        .order_by_asc(Column::Id)
        .one(&batch.tx)
        .await?;
    let is_free = |row: &webhook_delivery::Model| {
        row.next_attempt_at <= batch.now && row.locked_until.is_none_or(|until| until <= batch.now)
    };
    let Some(first) = first.filter(is_free) else { return Ok(None) };
    let mut row: webhook_delivery::ActiveModel = first.clone().into();
    row.locked_until = Set(Some(batch.now + LEASE));
    row.locked_by = Set(Some(worker.to_owned()));
    row.update(&batch.tx).await?;
    let previous = to.previous_secret.filter(|_| to.previous_secret_until.is_some_and(|until| until > batch.now));
    Ok(Some(Claim {
        endpoint,
        url: to.url,
        secrets: Secrets(std::iter::once(to.secret).chain(previous).collect()),
        webhook_id: first.webhook_id,
        payload: first.payload,
        delivery: first.id,
    }))
}

async fn write_down(batch: &mut Batch, old: webhook_delivery::Model, outcome: Outcome) -> Result<()> {
    let (attempts, endpoint, expires) = (old.attempts + 1, old.endpoint_id, old.expires_at);
    let mut row: webhook_delivery::ActiveModel = old.into();
    row.locked_until = Set(None);
    row.locked_by = Set(None);
    if !matches!(outcome, Outcome::Interrupted) {
        row.attempts = Set(attempts);
    }
    match outcome {
        Outcome::Interrupted => {}
        Outcome::Delivered(status) => {
            row.state = Set(DeliveryState::Delivered);
            row.delivered_at = Set(Some(batch.now));
            row.last_status = Set(Some(status.into()));
            row.last_error = Set(None);
        }
        Outcome::Gone => {
            row.state = Set(DeliveryState::Failed);
            row.last_status = Set(Some(410));
            row.last_error = Set(Some(GONE.to_owned()));
            switch_off(batch, endpoint).await?;
        }
        Outcome::Failed { status, why } => {
            let pauses = &batch.writer.config.webhooks.retry_seconds;
            let again = usize::try_from(attempts - 1).ok().and_then(|tried| pauses.get(tried));
            match again.map(|pause| batch.now + jittered(*pause)).filter(|at| *at <= expires) {
                Some(at) => row.next_attempt_at = Set(at),
                None => {
                    tracing::warn!(endpoint, attempts, why, "a webhook has failed for good");
                    row.state = Set(DeliveryState::Failed);
                }
            }
            row.last_status = Set(status.map(i32::from));
            row.last_error = Set(Some(why));
        }
    }
    row.update(&batch.tx).await?;
    Ok(())
}

async fn switch_off(batch: &mut Batch, endpoint: i64) -> Result<()> {
    let row = webhook_endpoint::ActiveModel {
        id: Set(endpoint),
        enabled: Set(false),
        disabled_reason: Set(Some(GONE.to_owned())),
        updated_at: Set(batch.now),
        ..Default::default()
    };
    row.update(&batch.tx).await?;
    tracing::warn!(endpoint, "a webhook endpoint answered 410 and is switched off");
    changed(batch);
    Ok(())
}

/// A pause, up to a tenth longer, so that what failed together does not come back together.
fn jittered(seconds: u64) -> TimeDelta {
    let milliseconds = seconds.saturating_mul(1_000);
    let share = u64::from(getrandom::u32().unwrap_or(0)) % 1_000;
    TimeDelta::milliseconds(i64::try_from(milliseconds + milliseconds / 10_000 * share).unwrap_or(i64::MAX / 1_000))
}

/// Deletes what was done with longer ago than the log is kept.
pub async fn tidy(chat: &Chat) -> Result<()> {
    let before = super::super::now() - TimeDelta::days(chat.config.log.retention_days.into());
    let old = move || {
        let done = webhook_delivery::Entity::find().select_only().column(Column::Id);
        done.filter(Column::State.ne(DeliveryState::Pending)).filter(Column::CreatedAt.lt(before)).limit(SWEPT)
    };
    loop {
        let ids: Vec<i64> = old().into_tuple().all(chat.store.reader()).await?;
        let found = ids.len() as u64;
        if found > 0 {
            let change = chat.change(move |batch| {
                Box::pin(async move {
                    let gone = webhook_delivery::Entity::delete_many().filter(Column::Id.is_in(ids));
                    gone.filter(Column::State.ne(DeliveryState::Pending)).exec(&batch.tx).await?;
                    Ok(())
                })
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
    fn pauses_grow_by_a_tenth_at_most() {
        for seconds in [0, 1, 5, 86_400] {
            let least = TimeDelta::seconds(seconds);
            for _ in 0..100 {
                let pause = jittered(seconds.unsigned_abs());
                assert!(pause >= least && pause <= least * 11 / 10, "{pause}");
            }
        }
    }
}
