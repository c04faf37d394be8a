//! `chat_events`: the durable log, one row for each thing that happened, by dense positions. What the types mean and
//! who sees them is said in the `event` and `access` modules.

use sea_orm::entity::prelude::*;

use crate::id::{ConversationId, MessageId, UserId};

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_events")]
pub struct Model {
    /// Taken from `log_state`, so it grows in the order of commit, without holes.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i64,
    /// One of the thirteen names of protocol §12, such as `message.sent`.
    pub event_type: String,
    pub conversation_id: Option<ConversationId>,
    /// Who did it.
    pub user_id: UserId,
    /// To whom it was done, where that may be somebody else.
    pub subject_id: Option<UserId>,
    pub message_id: Option<MessageId>,
    /// What cannot be read again from the other tables.
    pub payload: Option<Json>,
    pub created_at: DateTimeUtc,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
