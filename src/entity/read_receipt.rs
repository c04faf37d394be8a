//! `chat_message_read_receipts`: the moves of read markers, one row a move, so that reading many messages writes one
//! row and each message's receipt is still exact. Where a marker stands now is `participant`'s to know.

use sea_orm::entity::prelude::*;

use crate::id::{ConversationId, MessageId, UserId};

/// A user read the messages after `from_message_id` up to and including `message_id`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_message_read_receipts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub conversation_id: ConversationId,
    pub user_id: UserId,
    /// Where the marker stood before; 0 where there was none.
    pub from_message_id: i64,
    pub message_id: MessageId,
    pub read_at: DateTimeUtc,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
