//! Files as messages know them: what is attached, who may attach it, and the signed links to their bytes.
//! How bytes are kept is not known here.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::Serialize;
use sha2::Sha256;

use crate::chat::change::Batch;
use crate::config::Config;
use crate::entity::{attachment, conversation, file};
use crate::error::{Error, Kind, Result};
use crate::id::{AttachmentId, FileId, MessageId, UserId};

/// A file of a message (contract §3, ChatAttachmentResponse).
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

/// Signs links to files and checks them.
#[derive(Clone)]
pub struct Links {
    key: Hmac<Sha256>,
}

/// How long a link lives (contract §12, files).
const LINK: TimeDelta = TimeDelta::minutes(5);

impl Links {
    /// Links under `secret`, which has to outlive a restart no longer than the links do.
    pub fn new(secret: &[u8]) -> Self {
        let key = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
        Self { key }
    }

    fn link(&self, id: i64, part: &str, now: DateTime<Utc>) -> String {
        let expires = (now + LINK).timestamp();
        format!("/api/files/{id}/{part}?expires={expires}&signature={}", self.sign(id, part, expires))
    }

    fn sign(&self, id: i64, part: &str, expires: i64) -> String {
        let mut mac = self.key.clone();
        mac.update(format!("{id}.{part}.{expires}").as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
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
        if !conversation.allow_file_uploads {
            return Err(Error::forbidden("Files are switched off in this conversation"));
        }
        let most = u64::try_from(conversation.max_file_size_mb).unwrap_or(0).min(config.chat.max_file_size_mb);
        if u64::try_from(self.0.size).unwrap_or(u64::MAX) > most * 1_048_576 {
            return Err(Error::new(Kind::PayloadTooLarge, format!("A file can have at most {most} MB here")));
        }
        let patterns = allowed_types(conversation);
        let narrowed = patterns.is_empty() || takes(&patterns, &self.0.content_type);
        let served =
            config.chat.allowed_file_types.is_empty() || takes(&config.chat.allowed_file_types, &self.0.content_type);
        if narrowed && served {
            Ok(())
        } else {
            Err(Error::new(Kind::UnsupportedMediaType, "Files of this type are not taken here"))
        }
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
            url: links.link(file.id, "content", now),
            thumbnail_url: file.thumbnail_key.as_ref().map(|_| links.link(file.id, "thumbnail", now)),
            file_name: file.file_name,
            content_type: file.content_type,
            size: file.size,
            width: file.width,
            height: file.height,
        }
    }
}

/// Marks files as deleted that no message holds any more.
pub(crate) async fn let_go(batch: &Batch, files: Vec<i64>) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let held =
        attachment::Entity::find().filter(attachment::Column::FileId.is_in(files.clone())).all(&batch.tx).await?;
    let held: Vec<i64> = held.into_iter().map(|row| row.file_id).collect();
    let free: Vec<i64> = files.into_iter().filter(|file| !held.contains(file)).collect();
    file::Entity::update_many()
        .col_expr(file::Column::DeletedAt, Expr::value(batch.now))
        .filter(file::Column::Id.is_in(free))
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
