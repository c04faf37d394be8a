//! A message as everybody sees it, and how rows become complete values in a constant number of statements.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ConnectionTrait, EntityTrait, FromQueryResult, IdenStatic, JoinType, QueryFilter, QuerySelect, Select, SelectModel,
    Selector,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::file::{self, Attachment};
use super::reaction::{self, EmojiCount, as_map, from_map};
use super::user::{self, User};
use crate::chat::files::url_signer::UrlSigner;
use crate::chat::rows::distinct;
use crate::entity::message::{self, Column, MessageType};
use crate::entity::user as stored_user;
use crate::error::Result;
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::among;
use crate::timestamp::Timestamp;

/// A message. A deleted one is its tombstone: no content, no attachments, no reactions.
#[derive(Debug, Clone, Serialize, Deserialize, async_graphql::SimpleObject, utoipa::ToSchema)]
#[graphql(complex)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChatMessageResponse)]
pub struct Message {
    /// The message's id; ids grow in the order of messages.
    pub id: MessageId,
    /// Where it was sent.
    pub conversation_id: ConversationId,
    /// What it is called by its sender.
    pub message_type: MessageType,
    /// Safe wherever it is shown: plain text as it was written, or markup of a small allow-list.
    pub content: Option<String>,
    /// Who sent it.
    pub sender_id: UserId,
    /// What its sender is called.
    pub sender_name: String,
    /// What it replies to.
    pub parent_message_id: Option<MessageId>,
    /// How many direct replies there are that are not deleted.
    pub reply_count: i32,
    /// Whether it was edited.
    pub is_edited: bool,
    /// Whether it was deleted.
    pub is_deleted: bool,
    /// Its files, in order.
    #[graphql(tag = "up-to-10")]
    pub attachments: Vec<Attachment>,
    #[serde(serialize_with = "as_map", deserialize_with = "from_map")]
    #[graphql(skip)]
    #[schema(value_type = std::collections::BTreeMap<String, i64>)]
    pub reaction_summary: Vec<EmojiCount>,
    /// When it was sent.
    pub created_at: Timestamp,
    /// When it was edited last.
    pub edited_at: Option<Timestamp>,
    #[graphql(skip)]
    #[schema(value_type = Option<std::collections::BTreeMap<String, Value>>)]
    pub metadata: Option<Json>,
    /// Only where the sender gave one, and only to the sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[graphql(tag = "own")]
    #[schema(nullable = false)]
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

/// What others see of a stored message, with its sender's name, and whether anything hangs on it.
#[derive(Debug, FromQueryResult)]
pub(crate) struct ShownRow {
    id: MessageId,
    conversation_id: ConversationId,
    message_type: MessageType,
    content: Option<String>,
    sender_id: UserId,
    sender_name: Option<String>,
    parent_message_id: Option<MessageId>,
    reply_count: i32,
    is_edited: bool,
    is_deleted: bool,
    created_at: DateTime<Utc>,
    edited_at: Option<DateTime<Utc>>,
    metadata: Option<Json>,
    temp_id: Option<String>,
    has_attachments: bool,
    has_reactions: bool,
}

/// The columns of `chat_messages` that are shown.
const COLUMNS: [Column; 13] = [
    Column::Id,
    Column::ConversationId,
    Column::MessageType,
    Column::Content,
    Column::SenderId,
    Column::ParentMessageId,
    Column::ReplyCount,
    Column::IsEdited,
    Column::IsDeleted,
    Column::CreatedAt,
    Column::EditedAt,
    Column::Metadata,
    Column::TempId,
];
/// Looked up for each row, which a planner could not do otherwise: what hangs on all other messages is not its business.
const HAS_ATTACHMENTS: &str =
    "(SELECT 1 FROM chat_message_attachments a WHERE a.message_id = chat_messages.id LIMIT 1) IS NOT NULL";
const HAS_REACTIONS: &str =
    "(SELECT 1 FROM chat_message_reactions r WHERE r.message_id = chat_messages.id LIMIT 1) IS NOT NULL";

/// The rows of messages as far as others see them: still one statement.
pub(crate) fn shown(rows: Select<message::Entity>) -> Selector<SelectModel<ShownRow>> {
    let sender = message::Entity::belongs_to(stored_user::Entity).from(Column::SenderId).to(stored_user::Column::Id);
    rows.select_only()
        .columns(COLUMNS)
        .join(JoinType::LeftJoin, sender.into())
        .column_as(stored_user::Column::Name, "sender_name")
        .column_as(Expr::cust(HAS_ATTACHMENTS), "has_attachments")
        .column_as(Expr::cust(HAS_REACTIONS), "has_reactions")
        .into_model()
}

/// The same for a statement that is written out: `from` names `chat_messages`, and may go on with how it is joined.
pub(crate) fn shown_sql(from: &str, and_then: &str) -> String {
    let columns: String = COLUMNS.iter().map(|column| format!("chat_messages.{}, ", column.as_str())).collect();
    format!(
        "SELECT {columns}chat_users.name AS sender_name, {HAS_ATTACHMENTS} AS has_attachments, \
         {HAS_REACTIONS} AS has_reactions FROM {from} LEFT JOIN chat_users ON chat_users.id = chat_messages.sender_id \
         {and_then}"
    )
}

impl ShownRow {
    /// Of a row that was read as a whole; what hangs on it is to be looked for.
    fn of(row: message::Model, names: &HashMap<UserId, User>) -> Self {
        Self {
            sender_name: names.get(&row.sender_id).map(|sender| sender.name.clone()),
            has_attachments: true,
            has_reactions: true,
            id: row.id,
            conversation_id: row.conversation_id,
            message_type: row.message_type,
            content: row.content,
            sender_id: row.sender_id,
            parent_message_id: row.parent_message_id,
            reply_count: row.reply_count,
            is_edited: row.is_edited,
            is_deleted: row.is_deleted,
            created_at: row.created_at,
            edited_at: row.edited_at,
            metadata: row.metadata,
            temp_id: row.temp_id,
        }
    }
}

/// Completes rows, in their order: three statements, whatever their number. Every message keeps its `tempId`;
/// whoever answers one viewer takes the others' off with [`Message::for_viewer`].
pub(crate) async fn load(
    db: &impl ConnectionTrait,
    signer: &UrlSigner,
    rows: Vec<message::Model>,
) -> Result<Vec<Message>> {
    let senders: Vec<UserId> = rows.iter().map(|row| row.sender_id).collect();
    let names = user::by_ids(db, &senders).await?;
    complete(db, signer, rows.into_iter().map(|row| ShownRow::of(row, &names)).collect()).await
}

/// Completes what was read to be shown, as [`load`] does: two statements, and none where nothing hangs on any of them.
pub(crate) async fn complete(
    db: &impl ConnectionTrait,
    signer: &UrlSigner,
    rows: Vec<ShownRow>,
) -> Result<Vec<Message>> {
    let those = |has: fn(&ShownRow) -> bool| -> Vec<MessageId> {
        rows.iter().filter(|row| !row.is_deleted && has(row)).map(|row| row.id).collect()
    };
    let (with_attachments, with_reactions) = (those(|row| row.has_attachments), those(|row| row.has_reactions));
    let mut attachments = file::attached(db, signer, &with_attachments).await?;
    let mut summaries = reaction::summaries(db, &with_reactions).await?;
    let complete = rows.into_iter().map(|row| {
        let attached = attachments.remove(&row.id).unwrap_or_default();
        let summary = summaries.remove(&row.id).unwrap_or_default();
        Message::of(row, attached, summary)
    });
    Ok(complete.collect())
}

impl Message {
    fn of(row: ShownRow, attachments: Vec<Attachment>, reaction_summary: Vec<EmojiCount>) -> Self {
        Self {
            id: row.id,
            conversation_id: row.conversation_id,
            message_type: row.message_type,
            content: row.content,
            sender_id: row.sender_id,
            sender_name: row.sender_name.unwrap_or_else(|| user::unnamed(row.sender_id)),
            parent_message_id: row.parent_message_id,
            reply_count: row.reply_count,
            is_edited: row.is_edited,
            is_deleted: row.is_deleted,
            attachments,
            reaction_summary,
            created_at: row.created_at.into(),
            edited_at: row.edited_at.map(Into::into),
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
    let rows = shown(message::Entity::find().filter(among(db, Column::Id, ids))).all(db).await?;
    Ok(complete(db, signer, rows).await?.into_iter().map(|message| (message.id, message)).collect())
}
