//! Files as others see them: by themselves, and attached to a message.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};

use crate::chat::files::url_signer::{Part, UrlSigner};
use crate::chat::rows::group;
use crate::entity::clock::now;
use crate::entity::{attachment, file};
use crate::error::Result;
use crate::id::{AttachmentId, FileId, MessageId};
use crate::store::among;
use crate::timestamp::Timestamp;

/// An uploaded file: `ChatFileResponse` over REST.
#[derive(Debug, Clone, Serialize, async_graphql::SimpleObject, utoipa::ToSchema)]
#[graphql(complex)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChatFileResponse)]
pub struct File {
    /// The file's id.
    pub id: FileId,
    /// What it is called.
    pub file_name: String,
    /// As the bytes tell it, not as it was declared.
    pub content_type: String,
    /// Bytes.
    pub size: i64,
    /// Signed; it opens the file for at least five minutes without any header. Absolute where the server knows its address.
    pub url: String,
    /// A small picture, of images, with the same kind of link.
    pub thumbnail_url: Option<String>,
    /// Pixels, of images.
    pub width: Option<i32>,
    /// Pixels, of images.
    pub height: Option<i32>,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

/// A file of a message: `ChatAttachmentResponse` over REST and STOMP.
#[derive(Debug, Clone, Serialize, Deserialize, async_graphql::SimpleObject, utoipa::ToSchema)]
#[graphql(complex)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChatAttachmentResponse)]
pub struct Attachment {
    /// The id of the file in this message.
    pub id: AttachmentId,
    /// The file.
    pub file_id: FileId,
    /// What it is called.
    pub file_name: String,
    /// As the bytes tell it, not as it was declared.
    pub content_type: String,
    /// Bytes.
    pub size: i64,
    /// Signed; it opens the file for at least five minutes without any header. Absolute where the server knows its address.
    pub url: String,
    /// A small picture, of images, with the same kind of link.
    pub thumbnail_url: Option<String>,
    /// Pixels, of images.
    pub width: Option<i32>,
    /// Pixels, of images.
    pub height: Option<i32>,
}

impl File {
    pub(in crate::chat) fn of(file: file::Model, signer: &UrlSigner, now: DateTime<Utc>) -> Self {
        Self {
            id: file.id,
            url: signer.sign(file.id, Part::Content, now),
            thumbnail_url: file.thumbnail_key.as_ref().map(|_| signer.sign(file.id, Part::Thumbnail, now)),
            file_name: file.file_name,
            content_type: file.content_type,
            size: file.size,
            width: file.width,
            height: file.height,
            created_at: file.created_at.into(),
        }
    }
}

impl Attachment {
    pub(in crate::chat) fn of(
        row: &attachment::Model,
        file: file::Model,
        signer: &UrlSigner,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id: row.id,
            file_id: file.id,
            url: signer.sign(file.id, Part::Content, now),
            thumbnail_url: file.thumbnail_key.as_ref().map(|_| signer.sign(file.id, Part::Thumbnail, now)),
            file_name: file.file_name,
            content_type: file.content_type,
            size: file.size,
            width: file.width,
            height: file.height,
        }
    }
}

/// The attachments of messages, in order, by message: one statement.
pub(crate) async fn attached(
    db: &impl ConnectionTrait,
    signer: &UrlSigner,
    messages: &[MessageId],
) -> Result<HashMap<MessageId, Vec<Attachment>>> {
    if messages.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = attachment::Entity::find()
        .filter(among(db, attachment::Column::MessageId, messages.iter().copied()))
        .order_by_asc(attachment::Column::MessageId)
        .order_by_asc(attachment::Column::Ordinal)
        .find_also_related(file::Entity)
        .all(db)
        .await?;
    let now = now();
    let complete = rows.into_iter().filter_map(|(attachment, file)| {
        let file = file?;
        Some((attachment.message_id, Attachment::of(&attachment, file, signer, now)))
    });
    Ok(group(complete))
}
