//! `chat_conversations`: the rooms, with counters that triggers and sends keep. It knows nobody's own settings of a room:
//! those are `participant`'s.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::id::{ConversationId, MessageId, UserId};

/// Whether a room belongs to a pair of users or to a group.
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
pub enum ConversationType {
    /// Two users, one room for them, ever.
    Direct,
    /// Any number of users, with roles.
    Group,
}

/// A conversation. What is marked as kept by triggers or by sends is left out of other inserts and updates.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_conversations")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: ConversationId,
    #[sea_orm(column_name = "type")]
    pub kind: ConversationType,
    /// A group always has one; that of a direct conversation is the other user's.
    pub name: Option<String>,
    pub description: Option<String>,
    pub avatar_url: Option<String>,
    pub created_by_id: UserId,
    /// The lower user id of the pair; set in a direct conversation only, as is the higher one.
    pub direct_low: Option<UserId>,
    pub direct_high: Option<UserId>,
    pub allow_reactions: bool,
    pub allow_replies: bool,
    pub allow_file_uploads: bool,
    pub max_file_size_mb: i32,
    /// A list of MIME patterns; none allows all types.
    pub allowed_file_types: Option<Json>,
    /// Kept by triggers, 0 at first.
    pub participant_count: i32,
    /// Kept by sends, 0 at first; deleted messages count.
    pub message_count: i64,
    /// Kept by sends: the newest message, deleted or not.
    pub last_message_id: Option<MessageId>,
    /// Kept by sends: when the newest message was sent.
    pub last_message_at: Option<DateTimeUtc>,
    /// Starts as `created_at`; kept by sends from then on.
    pub last_activity_at: DateTimeUtc,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    /// A closed group is gone for everybody, but its rows stay.
    pub closed_at: Option<DateTimeUtc>,
    /// Behind which message a closed group is still to be tidied up; none where nothing is left to do.
    pub untidied_from: Option<i64>,
    /// The highest number of a deleted message; 0 while there is none.
    pub last_deleted_number: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
