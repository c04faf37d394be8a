//! A database as records, table after table, a portion of rows at a time. Nothing is locked: what is written meanwhile may be in
//! it or not, but no message that was sent later.

use std::collections::HashMap;

use anyhow::Context;
use indicatif::ProgressBar;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use super::record::{self, Record};
use super::{Entry, Outlet};
use crate::chat::files::Kept;
use crate::chat::log::head::read_message_id;
use crate::entity::{attachment, conversation, file, message, participant, reaction, read_receipt, user};
use crate::id::MessageId;
use crate::store::{Blobs, Reader, Store, among};

/// Rows that are read at a time.
const ROWS: u64 = 2_000;

/// What becomes of the bytes of files.
pub enum Bytes {
    /// They are in the records.
    Inside(Blobs),
    /// They stay where they are.
    Stay,
}

/// Hands over all there is.
///
/// # Errors
/// A database or storage that cannot be read.
pub async fn read(store: &Store, bytes: Bytes, outlet: Outlet, progress: ProgressBar) -> anyhow::Result<()> {
    let db = store.reader();
    let end = MessageId::stored(read_message_id(&db).await?);
    let total = user::Entity::find().count(&db).await?
        + conversation::Entity::find().count(&db).await?
        + file::Entity::find().count(&db).await?
        + message::Entity::find().count(&db).await?
        + participant::Entity::find().count(&db).await?
        + reaction::Entity::find().count(&db).await?
        + read_receipt::Entity::find().count(&db).await?;
    progress.set_length(total);
    let mut export = Export { db, outlet, progress, end };
    export.users().await?;
    export.conversations().await?;
    export.files(&bytes).await?;
    export.messages().await?;
    export.participants().await?;
    export.reactions().await?;
    export.receipts().await?;
    export.outlet.finish().await
}

struct Export {
    db: Reader,
    outlet: Outlet,
    progress: ProgressBar,
    /// The newest message when it began.
    end: MessageId,
}

impl Export {
    async fn put(&mut self, record: Record, id: impl std::fmt::Display) -> anyhow::Result<()> {
        self.progress.inc(1);
        let place = format!("{} {id}", record.kind());
        self.outlet.put(Entry { place, record: Ok(record) }).await
    }

    async fn users(&mut self) -> anyhow::Result<()> {
        let mut after = 0;
        loop {
            let rows = user::Entity::find().filter(user::Column::Id.gt(after)).order_by_asc(user::Column::Id);
            let rows = rows.limit(ROWS).all(&self.db).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id.get();
            for row in rows {
                let record = record::User {
                    id: row.id,
                    name: row.name,
                    avatar_url: row.avatar_url,
                    external_id: row.external_id,
                    banned_at: row.banned_at,
                    signed_out_at: row.signed_out_at,
                    created_at: Some(row.created_at),
                    updated_at: Some(row.updated_at),
                };
                self.put(Record::User(record), row.id).await?;
            }
        }
    }

    async fn conversations(&mut self) -> anyhow::Result<()> {
        let mut after = 0;
        loop {
            let rows = conversation::Entity::find().filter(conversation::Column::Id.gt(after));
            let rows = rows.order_by_asc(conversation::Column::Id).limit(ROWS).all(&self.db).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id.get();
            for row in rows {
                let record = record::Conversation {
                    id: row.id,
                    kind: row.kind,
                    name: row.name,
                    description: row.description,
                    avatar_url: row.avatar_url,
                    created_by: Some(row.created_by_id),
                    people: row.direct_low.into_iter().chain(row.direct_high).collect(),
                    allow_reactions: row.allow_reactions,
                    allow_replies: row.allow_replies,
                    allow_file_uploads: row.allow_file_uploads,
                    max_file_size_mb: Some(row.max_file_size_mb),
                    allowed_file_types: row.allowed_file_types.and_then(|types| serde_json::from_value(types).ok()),
                    created_at: row.created_at,
                    updated_at: Some(row.updated_at),
                    closed_at: row.closed_at,
                };
                self.put(Record::Conversation(record), row.id).await?;
            }
        }
    }

    async fn files(&mut self, bytes: &Bytes) -> anyhow::Result<()> {
        let mut after = 0;
        loop {
            let rows =
                file::Entity::find().filter(file::Column::Id.gt(after)).filter(file::Column::DeletedAt.is_null());
            let rows = rows.order_by_asc(file::Column::Id).limit(ROWS).all(&self.db).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id.get();
            for row in rows {
                let (bytes, kept) = match bytes {
                    Bytes::Stay => (None, Some(kept(&row))),
                    Bytes::Inside(blobs) => (whole(blobs, &row).await?, None),
                };
                let record = record::File {
                    id: row.id,
                    uploader: row.uploader_id,
                    name: row.file_name,
                    content_type: Some(row.content_type),
                    conversation: row.conversation_id,
                    created_at: row.created_at,
                    bytes,
                    kept,
                };
                self.put(Record::File(record), row.id).await?;
            }
        }
    }

    async fn messages(&mut self) -> anyhow::Result<()> {
        let mut after = 0;
        loop {
            let rows = message::Entity::find().filter(message::Column::Id.gt(after));
            let rows = rows.filter(message::Column::Id.lte(self.end)).order_by_asc(message::Column::Id);
            let rows = rows.limit(ROWS).all(&self.db).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id.get();
            let mut attached = attachments(&self.db, &rows).await?;
            for row in rows {
                let record = record::Message {
                    id: row.id,
                    conversation: row.conversation_id,
                    sender: row.sender_id,
                    kind: row.message_type,
                    content: row.content,
                    parent: row.parent_message_id,
                    metadata: row.metadata,
                    attachments: attached.remove(&row.id).unwrap_or_default(),
                    created_at: row.created_at,
                    edited_at: row.edited_at,
                    deleted_at: row.deleted_at,
                };
                self.put(Record::Message(record), row.id).await?;
            }
        }
    }

    async fn participants(&mut self) -> anyhow::Result<()> {
        let mut after = 0;
        loop {
            let rows = participant::Entity::find().filter(participant::Column::Id.gt(after));
            let rows = rows.order_by_asc(participant::Column::Id).limit(ROWS).all(&self.db).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            for row in rows {
                let record = record::Participant {
                    conversation: row.conversation_id,
                    user: row.user_id,
                    role: row.role,
                    joined_at: row.joined_at,
                    last_read: row.last_read_message_id,
                    muted: row.muted,
                    pinned: row.pinned,
                    archived: row.archived,
                };
                self.put(Record::Participant(record), row.id).await?;
            }
        }
    }

    async fn reactions(&mut self) -> anyhow::Result<()> {
        let mut after = 0;
        loop {
            let rows = reaction::Entity::find().filter(reaction::Column::Id.gt(after));
            let rows = rows.order_by_asc(reaction::Column::Id).limit(ROWS).all(&self.db).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            let end = self.end;
            for row in rows.into_iter().filter(|row| row.message_id <= end) {
                let record = record::Reaction {
                    message: row.message_id,
                    user: row.user_id,
                    emoji: row.emoji,
                    created_at: row.created_at,
                };
                self.put(Record::Reaction(record), row.id).await?;
            }
        }
    }

    async fn receipts(&mut self) -> anyhow::Result<()> {
        let mut after = 0;
        loop {
            let rows = read_receipt::Entity::find().filter(read_receipt::Column::Id.gt(after));
            let rows = rows.order_by_asc(read_receipt::Column::Id).limit(ROWS).all(&self.db).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            let end = self.end;
            for row in rows.into_iter().filter(|row| row.message_id <= end) {
                let record = record::Receipt {
                    conversation: row.conversation_id,
                    user: row.user_id,
                    message: row.message_id,
                    from: Some(row.from_message_id),
                    read_at: row.read_at,
                };
                self.put(Record::Receipt(record), row.id).await?;
            }
        }
    }
}

/// What is attached to each of the messages, in order.
async fn attachments(
    db: &impl ConnectionTrait,
    rows: &[message::Model],
) -> anyhow::Result<HashMap<MessageId, Vec<record::Attachment>>> {
    let ids = rows.iter().map(|row| row.id);
    let found = attachment::Entity::find().filter(among(db, attachment::Column::MessageId, ids));
    let mut attached: HashMap<MessageId, Vec<record::Attachment>> = HashMap::new();
    for row in found.order_by_asc(attachment::Column::Ordinal).order_by_asc(attachment::Column::Id).all(db).await? {
        attached.entry(row.message_id).or_default().push(record::Attachment { id: Some(row.id), file: row.file_id });
    }
    Ok(attached)
}

/// The bytes of a file; none where they are gone, which the import will say.
async fn whole(blobs: &Blobs, row: &file::Model) -> anyhow::Result<Option<bytes::Bytes>> {
    match blobs.whole(&row.storage_key).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind == crate::error::Kind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("The bytes of the file {} cannot be read", row.id)),
    }
}

fn kept(row: &file::Model) -> Kept {
    Kept {
        storage_key: row.storage_key.clone(),
        thumbnail_key: row.thumbnail_key.clone(),
        content_type: row.content_type.clone(),
        size: row.size,
        digest: row.digest.clone(),
        width: row.width,
        height: row.height,
    }
}
