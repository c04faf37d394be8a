//! `chat_message_attachments`: which files a message carries, in which order. It knows nothing of the files' bytes.

use sea_orm::entity::prelude::*;

use crate::id::{AttachmentId, ConversationId, FileId, MessageId};

/// One file of one message.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_message_attachments")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: AttachmentId,
    pub message_id: MessageId,
    pub file_id: FileId,
    /// The place among the files of the message, from 0.
    pub ordinal: i32,
    /// That of the message, to find it by.
    pub conversation_id: Option<ConversationId>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "super::file::Entity", from = "Column::FileId", to = "super::file::Column::Id")]
    File,
}

impl Related<super::file::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::File.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
