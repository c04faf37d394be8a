//! Who may read a file, and its bytes: the uploader, whoever is in a conversation where it is attached, and, for some
//! minutes, whoever holds a link. For anybody else it does not exist (protocol §12).

use std::ops::Range;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Statement};

use super::stored::not_found;
use super::url_signer::Part;
use crate::chat::access;
use crate::chat::views::file::File;
use crate::chat::{Chat, Cx};
use crate::entity::file;
use crate::error::Result;
use crate::id::{FileId, UserId};
use crate::store::blobs::{Blobs, ByteStream};

/// What is known of a file.
///
/// # Errors
/// `NotFound` for one that does not exist or that the caller may not read.
pub async fn get(cx: &Cx, id: FileId) -> Result<File> {
    let row = readable(cx, id).await?;
    Ok(File::of(row, &cx.chat.signer, crate::entity::clock::now()))
}

/// The bytes of a file or of its small picture, for the caller.
///
/// # Errors
/// `NotFound`, as [`get`], and where a file has no such part.
pub async fn open(cx: &Cx, id: FileId, part: Part) -> Result<Bytes> {
    let row = readable(cx, id).await?;
    Bytes::of(&cx.chat.blobs, row, part).await
}

/// The bytes for somebody who holds a link and says no name.
///
/// # Errors
/// `NotFound` for a link that is over or was not signed here for this very part, and for a file that is deleted.
pub async fn follow(chat: &Chat, id: FileId, part: Part, expires: &str, signature: &str) -> Result<Bytes> {
    let left = chat.signer.verify(id, part, expires, signature).ok_or_else(not_found)?;
    let bytes = Bytes::of(&chat.blobs, standing(&chat.store.reader_for_strangers(), id).await?, part).await?;
    Ok(Bytes { link_left: Some(left), ..bytes })
}

/// A file that is not deleted, nor attached in closed groups only.
async fn standing(db: &impl ConnectionTrait, id: FileId) -> Result<file::Model> {
    let standing = file::Entity::find_by_id(id).filter(file::Column::DeletedAt.is_null());
    let row = standing.one(db).await?.ok_or_else(not_found)?;
    let sql = "SELECT 1 AS found WHERE \
        NOT EXISTS (SELECT 1 FROM chat_message_attachments a WHERE a.file_id = $1) \
        OR EXISTS (SELECT 1 FROM chat_message_attachments a JOIN chat_messages m ON m.id = a.message_id \
        JOIN chat_conversations c ON c.id = m.conversation_id WHERE a.file_id = $1 AND c.closed_at IS NULL)";
    let here = db.query_one_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, [id.into()]));
    here.await?.map(|_| row).ok_or_else(not_found)
}

async fn readable(cx: &Cx, id: FileId) -> Result<file::Model> {
    let db = &cx.reader();
    let row = standing(db, id).await?;
    if row.uploader_id == cx.me() || is_shared_with(db, id, cx.me()).await? { Ok(row) } else { Err(not_found()) }
}

/// Whether the user is in a conversation where the file is attached.
async fn is_shared_with(db: &impl ConnectionTrait, id: FileId, user: UserId) -> Result<bool> {
    let sql = format!(
        "SELECT 1 AS found FROM chat_message_attachments a JOIN chat_messages m ON m.id = a.message_id \
         WHERE a.file_id = $1 AND m.conversation_id IN ({}$2) LIMIT 1",
        access::CONVERSATIONS_OF
    );
    let values = [id.into(), user.into()];
    Ok(db.query_one_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?.is_some())
}

/// Bytes that may be read, and what is to be said about them.
pub struct Bytes {
    pub file_name: String,
    pub content_type: String,
    pub size: u64,
    /// The same for the same bytes, and no others.
    pub tag: String,
    /// How long the link still lives that was followed to them.
    pub link_left: Option<Duration>,
    source: Source,
}

enum Source {
    Stored(Blobs, String),
    Held(bytes::Bytes),
}

impl Bytes {
    async fn of(blobs: &Blobs, row: file::Model, part: Part) -> Result<Self> {
        if part == Part::Content {
            return Ok(Self {
                file_name: row.file_name,
                content_type: row.content_type,
                size: u64::try_from(row.size).unwrap_or(0),
                tag: row.digest,
                link_left: None,
                source: Source::Stored(blobs.clone(), row.storage_key),
            });
        }
        // A small picture is small: nothing needs to be known of it but its bytes.
        let held = blobs.whole(&row.thumbnail_key.ok_or_else(not_found)?).await?;
        let (content_type, ending) = match held.first() {
            Some(0xff) => ("image/jpeg", "jpg"),
            _ => ("image/png", "png"),
        };
        Ok(Self {
            file_name: format!("thumbnail.{ending}"),
            content_type: content_type.to_owned(),
            size: held.len() as u64,
            tag: format!("{}-thumbnail", row.digest),
            link_left: None,
            source: Source::Held(held),
        })
    }

    /// The bytes of a range within the size, as they come.
    ///
    /// # Errors
    /// `NotFound` where they were removed a moment ago, `Unavailable`.
    pub async fn read(self, range: Range<u64>) -> Result<ByteStream> {
        match self.source {
            Source::Stored(blobs, key) => blobs.read(&key, range).await,
            Source::Held(held) => {
                let within = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(held.len());
                let piece = held.slice(within(range.start)..within(range.end));
                Ok(stream::once(async { Ok(piece) }).boxed())
            }
        }
    }
}
