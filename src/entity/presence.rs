//! `chat_user_presence`: what a user chose to be, and until when the server takes them for being here. It does not
//! decide who is online, nor who may know.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use super::clock;
use crate::id::UserId;

/// How somebody wants to be seen.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
    async_graphql::Enum,
    utoipa::ToSchema,
)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PresenceStatus {
    /// Here.
    Online,
    /// Here, but not looking.
    Away,
    /// Here, and not to be disturbed.
    Dnd,
    /// Not here; chosen, it means invisible.
    Offline,
}

/// The presence of a user.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_user_presence")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// What the user chose.
    pub status: PresenceStatus,
    pub status_message: Option<String>,
    pub device_type: Option<String>,
    /// Told to nobody.
    pub browser_info: Option<Json>,
    /// Until when the user counts as here without another sign of life; for ever while they are connected to a node.
    pub seen_until: Option<DateTimeUtc>,
    pub last_seen_at: Option<DateTimeUtc>,
    pub updated_at: DateTimeUtc,
    /// Grows whenever others see a difference.
    pub version: i64,
}

impl Model {
    /// Whether the user is connected to a node.
    pub fn is_connected(&self) -> bool {
        self.seen_until == Some(clock::for_ever())
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
