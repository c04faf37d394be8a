//! Read receipts as others see them: where somebody's marker moved, and who has read a message.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, FromQueryResult, Statement};
use serde::{Deserialize, Serialize};

use crate::chat::rows::group;
use crate::error::Result;
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::{is_listed, join_first, list};
use crate::timestamp::Timestamp;

/// Somebody's marker moved: `ReadReceiptBroadcast` over REST and STOMP.
#[derive(Debug, Clone, Serialize, Deserialize, async_graphql::SimpleObject, utoipa::ToSchema)]
#[graphql(complex, name = "ReadReceiptBroadcast")]
#[serde(rename_all = "camelCase")]
#[schema(as = ReadReceiptBroadcast)]
pub struct ReadReceiptMove {
    /// Where the marker moved.
    pub conversation_id: ConversationId,
    /// Whose marker it is.
    pub user_id: UserId,
    /// What they are called.
    pub user_name: String,
    /// Up to which message they have read.
    pub last_read_message_id: MessageId,
    /// When they did.
    pub read_at: Timestamp,
}

/// Somebody has read a message: `ReadReceiptResponse` over REST and STOMP.
#[derive(Debug, Clone, Serialize, async_graphql::SimpleObject, utoipa::ToSchema)]
#[graphql(complex)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReadReceiptResponse)]
pub struct ReadReceipt {
    /// The message.
    pub message_id: MessageId,
    /// Who has read it.
    pub user_id: UserId,
    /// What they are called.
    pub user_name: String,
    /// When they did.
    pub read_at: Timestamp,
}

/// Where the caller's marker stands.
#[derive(Debug, Clone, Serialize, async_graphql::SimpleObject, utoipa::ToSchema)]
#[graphql(complex)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReadStateResponse)]
pub struct ReadState {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Up to which message the viewer has read.
    pub last_read_message_id: Option<MessageId>,
    /// When it moved there; null if it never moved.
    pub read_at: Option<Timestamp>,
    /// What is unread behind it.
    pub unread_count: i64,
}

/// A receipt as it is read: the message and its reader, and when.
#[derive(FromQueryResult)]
struct Row {
    of_message: MessageId,
    user_id: UserId,
    user_name: String,
    read_at: DateTime<Utc>,
}

/// The receipts of messages, first readers first, of those who are in the conversations now: one statement.
///
/// Somebody's moves follow one another, so whether they have read a message is seen from the first that reaches it,
/// which is looked up for each of them, whatever else they have read.
pub(crate) async fn load(
    db: &impl ConnectionTrait,
    messages: &[MessageId],
) -> Result<HashMap<MessageId, Vec<ReadReceipt>>> {
    if messages.is_empty() {
        return Ok(HashMap::new());
    }
    let reaching =
        "first.conversation_id = p.conversation_id AND first.user_id = p.user_id AND first.message_id >= m.id";
    let sql = format!(
        "SELECT m.id AS of_message, r.user_id, u.name AS user_name, r.read_at FROM chat_messages m \
         JOIN chat_participants p ON p.conversation_id = m.conversation_id AND p.user_id <> m.sender_id \
         AND p.last_read_message_id >= m.id {} \
         JOIN chat_users u ON u.id = r.user_id WHERE {} AND r.from_message_id < m.id ORDER BY r.id",
        join_first(db, "chat_message_read_receipts r", reaching, "first.message_id"),
        is_listed::<MessageId>(db, "m.id", 1)
    );
    let values = [list(db, messages.iter().copied())];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let rows = Row::find_by_statement(statement).all(db).await?;
    Ok(group(rows.into_iter().map(|Row { of_message: message_id, user_id, user_name, read_at }| {
        (message_id, ReadReceipt { message_id, user_id, user_name, read_at: read_at.into() })
    })))
}
