//! Read receipts as others see them: where somebody's marker moved, and who has read a message.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::Serialize;

use super::user;
use crate::chat::rows::{distinct, group};
use crate::entity::{message, participant, read_receipt};
use crate::error::Result;
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::among;

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
    let users: Vec<UserId> = moves.iter().map(|row| row.user_id).collect();
    let users = user::by_ids(db, &users).await?;
    let moves = group(moves.into_iter().map(|moved| (moved.conversation_id, moved)));
    let receipts = rows.iter().map(|row| {
        let over = |moved: &&read_receipt::Model| {
            moved.user_id != row.sender_id && row.id.get() > moved.from_message_id && row.id <= moved.message_id
        };
        let mut readers = HashSet::new();
        let receipts = moves.get(&row.conversation_id).into_iter().flatten().filter(over).filter(|moved| {
            // Somebody who came back may have read it twice; the first time counts.
            readers.insert(moved.user_id)
        });
        let message_id = row.id;
        let receipts = receipts.map(|moved| {
            let user_id = moved.user_id;
            let user_name = user::name_of(&users, user_id);
            ReadReceipt { message_id, user_id, user_name, read_at: moved.read_at }
        });
        (message_id, receipts.collect())
    });
    Ok(receipts.collect())
}

/// The moves over any of these messages, and no others, of those who are in the conversations now, in their order.
async fn moves(db: &impl ConnectionTrait, rows: &[message::Model]) -> Result<Vec<read_receipt::Model>> {
    let here = |column| Expr::col((participant::Entity, column));
    let there = |column| (read_receipt::Entity, column);
    let present = Query::select()
        .expr(Expr::val(1))
        .from(participant::Entity)
        .and_where(here(participant::Column::ConversationId).equals(there(read_receipt::Column::ConversationId)))
        .and_where(here(participant::Column::UserId).equals(there(read_receipt::Column::UserId)))
        .to_owned();
    let passed = |column| Expr::col((message::Entity, column));
    let covered = Query::select()
        .expr(Expr::val(1))
        .from(message::Entity)
        .and_where(among(db, message::Column::Id, rows.iter().map(|row| row.id)))
        .and_where(passed(message::Column::ConversationId).equals(there(read_receipt::Column::ConversationId)))
        .and_where(passed(message::Column::Id).gt(Expr::col(there(read_receipt::Column::FromMessageId))))
        .and_where(passed(message::Column::Id).lte(Expr::col(there(read_receipt::Column::MessageId))))
        .to_owned();
    let moves = read_receipt::Entity::find()
        .filter(among(db, read_receipt::Column::ConversationId, distinct(rows.iter().map(|row| row.conversation_id))))
        .filter(Expr::exists(covered))
        .filter(Expr::exists(present))
        .order_by_asc(read_receipt::Column::Id);
    Ok(moves.all(db).await?)
}
