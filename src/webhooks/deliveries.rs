//! What was delivered, what waits and what has failed: lists of deliveries, and sending them again.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Order;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};

use super::retry::lifetime;
use crate::chat::Cx;
use crate::chat::page::{Page, Window};
use crate::chat::writer::Batch;
use crate::entity::webhook_delivery::{self, Column, DeliveryState};
use crate::error::{Error, Result};
use crate::id::{WebhookDeliveryId, WebhookEndpointId};
use crate::store::among;
use crate::timestamp::Timestamp;

/// Deliveries named in one call, at most.
const MAX_REPLAYED_IDS: usize = 256;

/// One event on its way to one endpoint. What it says is for the endpoint only.
#[derive(Debug, Clone, async_graphql::SimpleObject)]
#[graphql(name = "WebhookDelivery")]
pub struct Delivery {
    /// The id of the delivery.
    pub id: WebhookDeliveryId,
    /// The id that the receiver sees, the same in every attempt.
    pub webhook_id: String,
    /// Whom it is for.
    pub endpoint_id: WebhookEndpointId,
    /// What it tells of, such as `chat_message.sent`.
    pub event_type: String,
    /// How far it is.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: i32,
    /// When it is tried next, while it is pending and the first of its endpoint.
    pub next_attempt_at: Option<Timestamp>,
    /// The HTTP status of the last answer, if there was one.
    pub last_status: Option<i32>,
    /// What was wrong at the last attempt.
    pub last_error: Option<String>,
    /// When what it tells of happened.
    pub created_at: Timestamp,
    /// When it was accepted.
    pub delivered_at: Option<Timestamp>,
}

/// What is to be sent again.
#[derive(Debug, Clone)]
pub enum Replay {
    /// These, delivered or failed.
    Ids(Vec<WebhookDeliveryId>),
    /// Those of an endpoint that have failed, of those that were made from `from` on and before `to`.
    Failed { endpoint: WebhookEndpointId, from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>> },
}

/// A page of deliveries, oldest first.
///
/// # Errors
/// `Forbidden` unless an administrator asks.
pub async fn deliveries(
    cx: &Cx,
    endpoint: Option<WebhookEndpointId>,
    state: Option<DeliveryState>,
    window: Window,
    limit: u64,
) -> Result<Page<Delivery>> {
    cx.must_be_admin()?;
    let (after, before) = window.bounds();
    let order = if window.is_forward() { Order::Asc } else { Order::Desc };
    let rows = webhook_delivery::Entity::find()
        .apply_if(endpoint, |rows, endpoint| rows.filter(Column::EndpointId.eq(endpoint)))
        .apply_if(state, |rows, state| rows.filter(Column::State.eq(state)))
        .apply_if(after, |rows, after| rows.filter(Column::Id.gt(after)))
        .apply_if(before, |rows, before| rows.filter(Column::Id.lt(before)))
        .order_by(Column::Id, order)
        .limit(limit + 1)
        .all(&cx.reader())
        .await?;
    let mut page = Page::cut(rows, limit);
    if !window.is_forward() {
        page.items.reverse();
    }
    Ok(page.map(|rows| rows.into_iter().map(Delivery::from).collect()))
}

/// Puts deliveries into their queues again, under their old ids and with all attempts before them; what is pending stays
/// as it is. Answers how many.
///
/// # Errors
/// `Forbidden` unless an administrator asks, `NotFound` for an id that does not exist, `BadRequest` for over 256.
pub async fn replay(cx: &Cx, which: Replay) -> Result<u64> {
    cx.must_be_admin()?;
    let condition = match &which {
        Replay::Ids(ids) => {
            if ids.len() > MAX_REPLAYED_IDS {
                return Err(Error::bad_request(format!("At most {MAX_REPLAYED_IDS} deliveries can be named at once")));
            }
            must_exist(cx, ids).await?;
            Condition::all().add(among(&cx.reader(), Column::Id, ids.iter().copied()))
        }
        Replay::Failed { endpoint, from, to } => Condition::all()
            .add(Column::EndpointId.eq(*endpoint))
            .add(Column::State.eq(DeliveryState::Failed))
            .add_option(from.map(|from| Column::CreatedAt.gte(from)))
            .add_option(to.map(|to| Column::CreatedAt.lt(to))),
    };
    let lifetime = lifetime(&cx.chat.config);
    let change = cx.chat.write(async move |batch: &mut Batch| {
        let anew = webhook_delivery::ActiveModel {
            state: Set(DeliveryState::Pending),
            attempts: Set(0),
            next_attempt_at: Set(batch.now),
            expires_at: Set(batch.now + lifetime),
            delivered_at: Set(None),
            ..Default::default()
        };
        let rows = webhook_delivery::Entity::update_many().set(anew).filter(condition);
        let done = rows.filter(Column::State.ne(DeliveryState::Pending)).exec(&batch.tx).await?;
        batch.outbox_filled();
        Ok(done.rows_affected)
    });
    change.await
}

async fn must_exist(cx: &Cx, ids: &[WebhookDeliveryId]) -> Result<()> {
    let db = &cx.reader();
    let known: Vec<WebhookDeliveryId> = webhook_delivery::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(among(db, Column::Id, ids.iter().copied()))
        .into_tuple()
        .all(db)
        .await?;
    match ids.iter().find(|id| !known.contains(id)) {
        Some(id) => Err(Error::not_found(format!("Webhook delivery not found: {id}"))),
        None => Ok(()),
    }
}

impl From<webhook_delivery::Model> for Delivery {
    fn from(row: webhook_delivery::Model) -> Self {
        Self {
            id: row.id,
            webhook_id: row.webhook_id,
            endpoint_id: row.endpoint_id,
            event_type: row.event_type,
            state: row.state,
            attempts: row.attempts,
            next_attempt_at: (row.state == DeliveryState::Pending).then(|| row.next_attempt_at.into()),
            last_status: row.last_status,
            last_error: row.last_error,
            created_at: row.created_at.into(),
            delivered_at: row.delivered_at.map(Into::into),
        }
    }
}
