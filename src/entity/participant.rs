//! `chat_participants`: who is in which conversation, as what, and with which settings of their own. Who left has no
//! row; what a role may do is said in `access`.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::id::{ConversationId, MessageId, UserId};

/// The part that somebody plays in a conversation.
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
#[schema(as = ParticipantRole)]
pub enum Role {
    /// The one who answers for the group.
    Owner,
    /// Helps the owner with settings, participants and messages.
    Admin,
    /// Takes part.
    Member,
}

/// A membership.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_participants")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub conversation_id: ConversationId,
    pub user_id: UserId,
    pub role: Role,
    pub joined_at: DateTimeUtc,
    /// The read marker; none before the first message.
    pub last_read_message_id: Option<MessageId>,
    pub muted: bool,
    pub pinned: bool,
    pub archived: bool,
    /// The number of the message at the marker; 0 where there is none.
    pub read_number: i64,
    /// How many of their own messages stand at or before the marker.
    pub read_own: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::conversation::Entity",
        from = "Column::ConversationId",
        to = "super::conversation::Column::Id"
    )]
    Conversation,
}

impl ActiveModelBehavior for ActiveModel {}
