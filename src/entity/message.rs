//! `chat_messages`: what was said. A deleted message keeps its row, as a tombstone without content. It knows neither
//! its files nor its reactions.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::id::{ConversationId, MessageId, UserId};

/// What a message is made of.
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
pub enum MessageType {
    /// Words.
    Text,
    /// A picture.
    Image,
    /// A film.
    Video,
    /// A sound.
    Audio,
    /// Any other file.
    File,
    /// Reserved for the server: no caller may send it.
    System,
}

/// A message. Its id comes from `log_state`, under the lock that orders the log, so ids grow in the order of commit.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_messages")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MessageId,
    pub conversation_id: ConversationId,
    pub sender_id: UserId,
    pub message_type: MessageType,
    /// None in a tombstone, and where files say it all.
    pub content: Option<String>,
    /// The message that this one replies to: an older one of the same conversation.
    pub parent_message_id: Option<MessageId>,
    /// Kept by sends and, for deletions, by triggers, 0 at first: direct replies that are not deleted.
    pub reply_count: i32,
    /// Goes together with `edited_at`.
    pub is_edited: bool,
    /// Goes together with `deleted_at`, and takes content and search words away.
    pub is_deleted: bool,
    /// A JSON object.
    pub metadata: Option<Json>,
    /// The sender's own name for the message, unique for a sender in a conversation while it is kept.
    pub temp_id: Option<String>,
    /// What tells a repeated input from another one; present with every `temp_id`.
    pub input_digest: Option<String>,
    /// The words to be found by, apart by single blanks; none where there is nothing to find.
    pub search_words: Option<String>,
    /// Words of before, in a message that waits for its words to be written anew.
    pub old_words: Option<String>,
    pub created_at: DateTimeUtc,
    pub edited_at: Option<DateTimeUtc>,
    pub deleted_at: Option<DateTimeUtc>,
    /// 1, 2, 3 … inside the conversation, in the order of ids. None only in an older database, before it is served.
    pub number: Option<i64>,
    /// 1, 2, 3 … among the sender's own messages of the conversation; there whenever `number` is.
    pub sender_number: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
