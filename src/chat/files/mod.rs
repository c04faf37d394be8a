//! Files: what is uploaded and attached, and what a conversation takes. How bytes are kept, and how they travel, is
//! not known here.

mod kind;
mod links;
mod read;
pub mod sweep;
mod thumbnail;
mod upload;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::Serialize;

use crate::chat::writer::Batch;
use crate::config::Config;
use crate::entity::{attachment, conversation, file};
use crate::error::{Error, Kind, Result};
use crate::id::{AttachmentId, FileId, MessageId, UserId};

pub use kind::is_shown;
pub use links::{Links, Part};
pub use read::{Bytes, follow, get, open};
pub use upload::{Place, Upload, may_upload, place};

/// An uploaded file: `ChatFileResponse` over REST.
#[derive(Debug, Clone, Serialize, async_graphql::SimpleObject)]
#[serde(rename_all = "camelCase")]
pub struct File {
    pub id: FileId,
    pub file_name: String,
    /// As the bytes tell it, not as it was declared.
    pub content_type: String,
    /// Bytes.
    pub size: i64,
    /// Signed; it opens the file for five minutes without any header.
    pub url: String,
    pub thumbnail_url: Option<String>,
    /// Pixels, of images.
    pub width: Option<i32>,
    pub height: Option<i32>,
    pub created_at: DateTime<Utc>,
}

/// A file of a message: `ChatAttachmentResponse` over REST and STOMP.
#[derive(Debug, Clone, Serialize, async_graphql::SimpleObject)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    pub id: AttachmentId,
    pub file_id: FileId,
    pub file_name: String,
    pub content_type: String,
    /// Bytes.
    pub size: i64,
    /// Signed; it opens the file for five minutes without any header.
    pub url: String,
    pub thumbnail_url: Option<String>,
    /// Pixels, of images.
    pub width: Option<i32>,
    pub height: Option<i32>,
}

impl File {
    fn of(file: file::Model, links: &Links, now: DateTime<Utc>) -> Self {
        Self {
            id: FileId::stored(file.id),
            url: links.link(file.id, Part::Content, now),
            thumbnail_url: file.thumbnail_key.as_ref().map(|_| links.link(file.id, Part::Thumbnail, now)),
            file_name: file.file_name,
            content_type: file.content_type,
            size: file.size,
            width: file.width,
            height: file.height,
            created_at: file.created_at,
        }
    }
}

/// A file's row, as sending needs it.
#[derive(Debug, Clone)]
pub(crate) struct Stored(file::Model);

impl Stored {
    /// Only its uploader can attach a file.
    pub fn is_from(&self, user: UserId) -> bool {
        self.0.uploader_id == user.get()
    }

    /// Refuses what the conversation or the server does not take.
    ///
    /// # Errors
    /// `Forbidden` where files are switched off, `PayloadTooLarge`, `UnsupportedMediaType`.
    pub fn must_fit(&self, conversation: &conversation::Model, config: &Config) -> Result<()> {
        let limits = Limits::of(config, Some(conversation))?;
        limits.must_hold(u64::try_from(self.0.size).unwrap_or(u64::MAX))?;
        limits.must_take(&self.0.content_type)
    }

    pub fn attach(&self, message: MessageId, ordinal: usize) -> attachment::ActiveModel {
        attachment::ActiveModel {
            message_id: Set(message.get()),
            file_id: Set(self.0.id),
            ordinal: Set(i32::try_from(ordinal).unwrap_or(i32::MAX)),
            ..Default::default()
        }
    }
}

/// What is taken: by the server, and in a conversation where one is named, which can only narrow it.
#[derive(Debug, Clone)]
struct Limits {
    megabytes: u64,
    /// Each list has to take a type; an empty one takes all.
    types: [Vec<String>; 2],
}

impl Limits {
    /// # Errors
    /// `Forbidden` where files are switched off in the conversation.
    fn of(config: &Config, conversation: Option<&conversation::Model>) -> Result<Self> {
        let server = config.chat.allowed_file_types.clone();
        let Some(conversation) = conversation else {
            return Ok(Self { megabytes: config.chat.max_file_size_mb, types: [server, Vec::new()] });
        };
        if !conversation.allow_file_uploads {
            return Err(Error::forbidden("Files are switched off in this conversation"));
        }
        let here = u64::try_from(conversation.max_file_size_mb).unwrap_or(0);
        Ok(Self { megabytes: here.min(config.chat.max_file_size_mb), types: [server, allowed_types(conversation)] })
    }

    /// # Errors
    /// `PayloadTooLarge` for more bytes than a file can have.
    fn must_hold(&self, bytes: u64) -> Result<()> {
        if bytes <= self.megabytes.saturating_mul(1_048_576) {
            return Ok(());
        }
        Err(Error::new(Kind::PayloadTooLarge, format!("A file can have at most {} MB here", self.megabytes)))
    }

    /// # Errors
    /// `UnsupportedMediaType`.
    fn must_take(&self, content_type: &str) -> Result<()> {
        if self.types.iter().all(|patterns| patterns.is_empty() || takes(patterns, content_type)) {
            return Ok(());
        }
        Err(Error::new(Kind::UnsupportedMediaType, "Files of this type are not taken here"))
    }
}

/// The MIME patterns that a conversation takes; none are all.
pub(crate) fn allowed_types(conversation: &conversation::Model) -> Vec<String> {
    let patterns = conversation.allowed_file_types.as_ref().and_then(|types| types.as_array());
    patterns.into_iter().flatten().filter_map(|pattern| pattern.as_str().map(str::to_owned)).collect()
}

/// Whether one of the patterns (`image/png`, `image/*`, `*/*`) takes the type.
fn takes(patterns: &[String], content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some("*/") | Some("") => true,
        Some(prefix) => kind.len() > prefix.len() && kind[..prefix.len()].eq_ignore_ascii_case(prefix),
        None => kind.eq_ignore_ascii_case(pattern),
    })
}

/// The files of these ids that can still be attached.
pub(crate) async fn stored(db: &impl ConnectionTrait, ids: &[FileId]) -> Result<HashMap<FileId, Stored>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = super::distinct(ids.iter().map(|id| id.get()));
    let rows = file::Entity::find()
        .filter(file::Column::Id.is_in(ids))
        .filter(file::Column::DeletedAt.is_null())
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (FileId::stored(row.id), Stored(row))).collect())
}

/// The attachments of messages, in order, by message: one statement.
pub(crate) async fn attached(
    db: &impl ConnectionTrait,
    links: &Links,
    messages: &[i64],
) -> Result<HashMap<i64, Vec<Attachment>>> {
    if messages.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = attachment::Entity::find()
        .filter(attachment::Column::MessageId.is_in(messages.iter().copied()))
        .order_by_asc(attachment::Column::MessageId)
        .order_by_asc(attachment::Column::Ordinal)
        .find_also_related(file::Entity)
        .all(db)
        .await?;
    let now = super::now();
    let complete = rows.into_iter().filter_map(|(attachment, file)| {
        let file = file?;
        Some((attachment.message_id, Attachment::of(&attachment, file, links, now)))
    });
    Ok(super::group(complete))
}

impl Attachment {
    fn of(row: &attachment::Model, file: file::Model, links: &Links, now: DateTime<Utc>) -> Self {
        Self {
            id: AttachmentId::stored(row.id),
            file_id: FileId::stored(file.id),
            url: links.link(file.id, Part::Content, now),
            thumbnail_url: file.thumbnail_key.as_ref().map(|_| links.link(file.id, Part::Thumbnail, now)),
            file_name: file.file_name,
            content_type: file.content_type,
            size: file.size,
            width: file.width,
            height: file.height,
        }
    }
}

/// Marks files as deleted that no message holds any more; their bytes are swept. However many messages hold one, it is
/// enough to find the first.
pub(crate) async fn let_go(batch: &Batch, files: Vec<i64>) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    file::Entity::update_many()
        .col_expr(file::Column::DeletedAt, Expr::value(batch.now))
        .filter(file::Column::Id.is_in(files))
        .filter(sweep::unattached())
        .exec(&batch.tx)
        .await?;
    Ok(())
}

/// What is said of a file that does not exist or is not the caller's to use: the two are told alike.
pub(crate) fn not_found() -> Error {
    Error::not_found("File not found")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_whole_types_and_families() {
        let takes = |pattern: &str, kind: &str| takes(&[pattern.to_owned()], kind);
        assert!(takes("image/*", "image/png"));
        assert!(takes("image/png", "IMAGE/PNG"));
        assert!(takes("*/*", "text/plain"));
        assert!(takes("text/plain", "text/plain; charset=utf-8"));
        assert!(!takes("image/*", "text/plain"));
        assert!(!takes("image/*", "image/"));
        assert!(!takes("image/pn", "image/png"));
    }
}
