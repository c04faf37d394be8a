//! A message as everybody sees it, and how rows become complete values in a constant number of statements.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter};
use serde::Serialize;
use serde_json::Value as Json;

use super::file::{self, Attachment};
use super::reaction::{self, EmojiCount, as_map};
use super::user;
use crate::chat::files::url_signer::UrlSigner;
use crate::chat::rows::distinct;
use crate::entity::message::{self, MessageType};
use crate::error::Result;
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::among;

/// A message. A deleted one is its tombstone: no content, no attachments, no reactions.
#[derive(Debug, Clone, Serialize, async_graphql::SimpleObject)]
#[graphql(complex)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub id: MessageId,
    pub conversation_id: ConversationId,
    pub message_type: MessageType,
    /// Safe wherever it is shown: plain text as it was written, or markup of a small allow-list.
    pub content: Option<String>,
    pub sender_id: UserId,
    pub sender_name: String,
    pub parent_message_id: Option<MessageId>,
    pub reply_count: i32,
    pub is_edited: bool,
    pub is_deleted: bool,
    #[graphql(tag = "up-to-10")]
    pub attachments: Vec<Attachment>,
    #[serde(serialize_with = "as_map")]
    #[graphql(skip)]
    pub reaction_summary: Vec<EmojiCount>,
    pub created_at: DateTime<Utc>,
    pub edited_at: Option<DateTime<Utc>>,
    #[graphql(skip)]
    pub metadata: Option<Json>,
    /// Only where the sender gave one, and only to the sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[graphql(tag = "own")]
    pub temp_id: Option<String>,
}

impl Message {
    /// The rendering of two that is the viewer's: only the sender sees its own `tempId`.
    pub fn for_viewer(mut self, viewer: UserId) -> Self {
        if self.sender_id != viewer {
            self.temp_id = None;
        }
        self
    }

    /// Whether the sender's rendering differs from everybody else's.
    pub fn has_two_renderings(&self) -> bool {
        self.temp_id.is_some()
    }
}

/// Completes rows, in their order: three statements, whatever their number. Every message keeps its `tempId`;
/// whoever answers one viewer takes the others' off with [`Message::for_viewer`].
pub(crate) async fn load(
    db: &impl ConnectionTrait,
    signer: &UrlSigner,
    rows: Vec<message::Model>,
) -> Result<Vec<Message>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let senders: Vec<UserId> = rows.iter().map(|row| row.sender_id).collect();
    let standing: Vec<MessageId> = rows.iter().filter(|row| !row.is_deleted).map(|row| row.id).collect();
    let names = user::by_ids(db, &senders).await?;
    let mut attachments = file::attached(db, signer, &standing).await?;
    let mut summaries = reaction::summaries(db, &standing).await?;
    let complete = rows.into_iter().map(|row| {
        let attached = attachments.remove(&row.id).unwrap_or_default();
        let summary = summaries.remove(&row.id).unwrap_or_default();
        let name = user::name_of(&names, row.sender_id);
        Message::of(row, name, attached, summary)
    });
    Ok(complete.collect())
}

impl Message {
    fn of(row: message::Model, sender_name: String, attachments: Vec<Attachment>, summary: Vec<EmojiCount>) -> Self {
        Self {
            id: row.id,
            conversation_id: row.conversation_id,
            message_type: row.message_type,
            content: row.content,
            sender_id: row.sender_id,
            sender_name,
            parent_message_id: row.parent_message_id,
            reply_count: row.reply_count,
            is_edited: row.is_edited,
            is_deleted: row.is_deleted,
            attachments,
            reaction_summary: summary,
            created_at: row.created_at,
            edited_at: row.edited_at,
            metadata: row.metadata,
            temp_id: row.temp_id,
        }
    }
}

/// Completes the messages of these ids that exist.
pub(crate) async fn load_by_ids(
    db: &impl ConnectionTrait,
    signer: &UrlSigner,
    ids: &[MessageId],
) -> Result<HashMap<MessageId, Message>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = distinct(ids.iter().copied());
    let rows = message::Entity::find().filter(among(db, message::Column::Id, ids)).all(db).await?;
    Ok(load(db, signer, rows).await?.into_iter().map(|message| (message.id, message)).collect())
}
