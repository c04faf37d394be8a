//! `chat_webhook_deliveries`: the outbox, one row for each event and endpoint. When to try again is the worker's to
//! say.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::id::{WebhookDeliveryId, WebhookEndpointId};

/// How far a delivery has come.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize, async_graphql::Enum,
)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "WebhookDeliveryState")]
pub enum DeliveryState {
    /// Not accepted yet; it will be tried.
    Pending,
    /// Accepted by the endpoint.
    Delivered,
    /// Given up; it can be replayed.
    Failed,
}

/// What one endpoint is to be told.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_webhook_deliveries")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: WebhookDeliveryId,
    /// The id that the receiver sees, the same in every attempt.
    pub webhook_id: String,
    pub endpoint_id: WebhookEndpointId,
    pub event_type: String,
    /// The body as it was first written. Links in it are signed anew for each attempt.
    pub payload: String,
    pub state: DeliveryState,
    pub attempts: i32,
    pub next_attempt_at: DateTimeUtc,
    /// Claimed by the worker `locked_by` until then; both or none.
    pub locked_until: Option<DateTimeUtc>,
    pub locked_by: Option<String>,
    /// The HTTP status of the last answer, if there was one.
    pub last_status: Option<i32>,
    pub last_error: Option<String>,
    pub created_at: DateTimeUtc,
    pub delivered_at: Option<DateTimeUtc>,
    /// A failure after this is the last one.
    pub expires_at: DateTimeUtc,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
