//! The row of a file, as sending needs it.

use std::collections::HashMap;

use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::limits::FileLimits;
use crate::chat::rows;
use crate::config::Config;
use crate::entity::{attachment, conversation, file};
use crate::error::{Error, Result};
use crate::id::{ConversationId, FileId, MessageId, UserId};
use crate::store::among;

/// A file's row, as sending needs it.
#[derive(Debug, Clone)]
pub(crate) struct Stored(file::Model);

impl Stored {
    /// Only its uploader can attach a file.
    pub fn is_from(&self, user: UserId) -> bool {
        self.0.uploader_id == user
    }

    /// Refuses what the conversation or the server does not take.
    ///
    /// # Errors
    /// `Forbidden` where files are switched off, `PayloadTooLarge`, `UnsupportedMediaType`.
    pub fn must_fit(&self, conversation: &conversation::Model, config: &Config) -> Result<()> {
        let limits = FileLimits::of(config, Some(conversation))?;
        limits.must_hold(u64::try_from(self.0.size).unwrap_or(u64::MAX))?;
        limits.must_take(&self.0.content_type)
    }

    pub fn attach(&self, at: ConversationId, message: MessageId, ordinal: usize) -> attachment::ActiveModel {
        attachment::ActiveModel {
            message_id: Set(message),
            conversation_id: Set(Some(at)),
            file_id: Set(self.0.id),
            ordinal: Set(i32::try_from(ordinal).unwrap_or(i32::MAX)),
            ..Default::default()
        }
    }
}

/// The files of these ids that can still be attached.
pub(crate) async fn stored(db: &impl ConnectionTrait, ids: &[FileId]) -> Result<HashMap<FileId, Stored>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = rows::distinct(ids.iter().copied());
    let rows = file::Entity::find()
        .filter(among(db, file::Column::Id, ids))
        .filter(file::Column::DeletedAt.is_null())
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, Stored(row))).collect())
}

/// What is said of a file that does not exist or is not the caller's to use: the two are told alike.
pub(crate) fn not_found() -> Error {
    Error::not_found("File not found")
}
