//! `chat_webhook_endpoints`: who wants to be told, where, and with which secret. It knows no delivery.

use sea_orm::entity::prelude::*;

use crate::id::WebhookEndpointId;

/// An endpoint. The secrets are for signing only and must not reach an answer after the first, nor a log line.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_webhook_endpoints")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: WebhookEndpointId,
    pub url: String,
    /// A list of event names; an empty one means all.
    pub events: Json,
    pub secret: String,
    /// Signs beside `secret` until `previous_secret_until`; both or none.
    pub previous_secret: Option<String>,
    pub previous_secret_until: Option<DateTimeUtc>,
    pub enabled: bool,
    /// Why the server switched it off.
    pub disabled_reason: Option<String>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    /// It stands in the settings, and is changed there.
    pub configured: bool,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
