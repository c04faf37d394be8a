//! `chat_files`: what is known of an uploaded file. The bytes lie elsewhere, under `storage_key`.

use sea_orm::entity::prelude::*;

use crate::id::{ConversationId, FileId, UserId};

/// An uploaded file.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_files")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: FileId,
    pub uploader_id: UserId,
    /// Ours, never made from the user's file name.
    #[sea_orm(unique)]
    pub storage_key: String,
    pub thumbnail_key: Option<String>,
    pub file_name: String,
    /// As sniffed from the bytes, not as declared.
    pub content_type: String,
    /// In bytes.
    pub size: i64,
    /// Of the bytes, for the entity tag.
    pub digest: String,
    /// In pixels; both or none.
    pub width: Option<i32>,
    pub height: Option<i32>,
    /// The conversation that it was uploaded for, if one was named.
    pub conversation_id: Option<ConversationId>,
    pub created_at: DateTimeUtc,
    /// When the bytes were given up, which may lie ahead for a file that is still coming. The row goes after them.
    pub deleted_at: Option<DateTimeUtc>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
