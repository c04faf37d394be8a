//! Read receipts as others see them: where somebody's marker moved, and who has read a message.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, Statement};
use serde::Serialize;

use super::user;
use crate::entity::message;
use crate::error::Result;
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::{is_listed, list};

/// Somebody's marker moved: `ReadReceiptBroadcast` over REST and STOMP.
#[derive(Debug, Clone, Serialize, async_graphql::SimpleObject)]
#[graphql(complex, name = "ReadReceiptBroadcast")]
#[serde(rename_all = "camelCase")]
pub struct ReadReceiptMove {
    pub conversation_id: ConversationId,
    pub user_id: UserId,
    pub user_name: String,
    pub last_read_message_id: MessageId,
    pub read_at: DateTime<Utc>,
}

/// Somebody has read a message: `ReadReceiptResponse` over REST and STOMP.
#[derive(Debug, Clone, Serialize, async_graphql::SimpleObject)]
#[graphql(complex)]
#[serde(rename_all = "camelCase")]
pub struct ReadReceipt {
    pub message_id: MessageId,
    pub user_id: UserId,
    pub user_name: String,
    pub read_at: DateTime<Utc>,
}

/// Where the caller's marker stands.
#[derive(Debug, Clone, Serialize, async_graphql::SimpleObject)]
#[serde(rename_all = "camelCase")]
pub struct ReadState {
    pub conversation_id: ConversationId,
    pub last_read_message_id: Option<MessageId>,
    /// When it moved there; null if it never moved.
    pub read_at: Option<DateTime<Utc>>,
    pub unread_count: i64,
}

/// The receipts of messages, first readers first: two statements.
pub(crate) async fn load(
    db: &impl ConnectionTrait,
    rows: &[message::Model],
) -> Result<HashMap<MessageId, Vec<ReadReceipt>>> {
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let moves = moves(db, rows).await?;
    let users: Vec<UserId> = moves.iter().map(|(_, reader, _)| *reader).collect();
    let users = user::by_ids(db, &users).await?;
    let mut receipts: HashMap<MessageId, Vec<ReadReceipt>> = rows.iter().map(|row| (row.id, Vec::new())).collect();
    for (message_id, user_id, read_at) in moves {
        let user_name = user::name_of(&users, user_id);
        receipts.entry(message_id).or_default().push(ReadReceipt { message_id, user_id, user_name, read_at });
    }
    Ok(receipts)
}

/// Of everybody who is in the conversation now and whose marker has passed the message, the move that passed it. One's
/// moves follow each other without overlapping, so that it is the first one that ended there or behind: one look-up for
/// each reader, however many moves there are. Somebody without one came in behind the message.
const MOVES: &str = "
FROM chat_messages m
CROSS JOIN chat_participants p
CROSS JOIN chat_message_read_receipts r
WHERE p.conversation_id = m.conversation_id AND p.user_id <> m.sender_id AND p.last_read_message_id >= m.id
    AND r.conversation_id = m.conversation_id AND r.user_id = p.user_id AND r.from_message_id < m.id
    AND r.message_id = (SELECT MIN(n.message_id) FROM chat_message_read_receipts n
        WHERE n.conversation_id = m.conversation_id AND n.user_id = p.user_id AND n.message_id >= m.id)";

/// Who read which of these messages when, in the order in which they did.
async fn moves(
    db: &impl ConnectionTrait,
    rows: &[message::Model],
) -> Result<Vec<(MessageId, UserId, DateTime<Utc>)>, DbErr> {
    let which = is_listed::<MessageId>(db, "m.id", 1);
    let sql = format!("SELECT m.id, r.user_id, r.read_at {MOVES} AND {which} ORDER BY r.id");
    let messages = list(db, rows.iter().map(|row| row.id));
    let moves = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, [messages])).await?;
    moves
        .iter()
        .map(|row| Ok((row.try_get("", "id")?, row.try_get("", "user_id")?, row.try_get("", "read_at")?)))
        .collect()
}
