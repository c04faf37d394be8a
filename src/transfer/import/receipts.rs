//! Moves of read markers as they come. A marker that stands behind its last move is carried on to it.

use std::collections::{HashMap, HashSet};

use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, Statement};
use serde_json::json;

use super::known::Placed;
use super::known::{self, NO_MESSAGE, NO_TIME, NO_USER, ROWS, moment};
use super::participants::number_markers;
use crate::entity::read_receipt;
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::{Transaction, given, is_listed, json as rows_in_json, list};
use crate::transfer::record::Receipt;
use crate::transfer::report::Report;

const KIND: &str = "receipts";

pub(super) async fn write(tx: &Transaction, receipts: Vec<Placed<Receipt>>, report: &mut Report) -> anyhow::Result<()> {
    if receipts.is_empty() {
        return Ok(());
    }
    let users = known::users(tx, receipts.iter().map(|(_, one)| one.user)).await?;
    let messages = known::messages(tx, receipts.iter().map(|(_, one)| one.message)).await?;
    let mut there = those_there(tx, &receipts).await?;
    // Where the receipts of this portion end, of each reader in each conversation.
    let mut ends: HashMap<(ConversationId, UserId), i64> = HashMap::new();
    let mut rows = Vec::new();
    for (place, one) in receipts {
        let reason = match messages.get(&one.message) {
            Some(message) if message.conversation != one.conversation => Some(NO_MESSAGE),
            None => Some(NO_MESSAGE),
            _ if !users.contains(&one.user) => Some(NO_USER),
            _ if moment(one.read_at).is_none() => Some(NO_TIME),
            _ => None,
        };
        if let Some(reason) = reason {
            report.left_out(KIND, &place, reason);
            continue;
        }
        if !there.insert((one.user, one.message)) {
            report.was_there(KIND);
            continue;
        }
        let end = match ends.get(&(one.conversation, one.user)) {
            Some(end) => *end,
            None => 0,
        };
        let from = match one.from {
            Some(from) => from,
            None if end > 0 => end,
            None => end_before(tx, &one).await?,
        };
        if !(0..one.message.get()).contains(&from) {
            report.left_out(KIND, &place, "A read marker moves forward");
            continue;
        }
        ends.insert((one.conversation, one.user), one.message.get().max(end));
        rows.push(read_receipt::ActiveModel {
            conversation_id: Set(one.conversation),
            user_id: Set(one.user),
            from_message_id: Set(from),
            message_id: Set(one.message),
            read_at: Set(moment(one.read_at).unwrap_or(one.read_at)),
            ..Default::default()
        });
    }
    report.new_ones(KIND, rows.len());
    for rows in rows.chunks(ROWS) {
        read_receipt::Entity::insert_many(rows.to_vec()).exec_without_returning(tx).await?;
    }
    carry_markers(tx, ends.into_keys().collect()).await
}

/// Those of these receipts that are stored: each is one look-up of an index.
async fn those_there(tx: &Transaction, receipts: &[Placed<Receipt>]) -> Result<HashSet<(UserId, MessageId)>, DbErr> {
    let asked =
        receipts.iter().map(|(_, one)| json!({ "room": one.conversation, "reader": one.user, "message": one.message }));
    let sql = format!(
        "SELECT r.user_id, r.message_id FROM {} JOIN chat_message_read_receipts r \
         ON r.conversation_id = given.room AND r.user_id = given.reader AND r.message_id = given.message",
        given(tx, &["room", "reader", "message"])
    );
    let values = [rows_in_json(&asked.collect::<Vec<_>>()).into()];
    let found = tx.query_all_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    found.iter().map(|row| Ok((row.try_get("", "user_id")?, row.try_get("", "message_id")?))).collect()
}

/// Where the last receipt of the reader ends that is stored, before this one.
async fn end_before(tx: &Transaction, one: &Receipt) -> anyhow::Result<i64> {
    let found = read_receipt::Entity::find()
        .filter(read_receipt::Column::ConversationId.eq(one.conversation))
        .filter(read_receipt::Column::UserId.eq(one.user))
        .filter(read_receipt::Column::MessageId.lt(one.message));
    let last = sea_orm::QueryOrder::order_by_desc(found, read_receipt::Column::MessageId).one(tx).await?;
    Ok(last.map_or(0, |row| row.message_id.get()))
}

/// The last move of a participant since they joined.
const LAST_MOVE: &str = "(SELECT MAX(r.message_id) FROM chat_message_read_receipts r \
    WHERE r.conversation_id = chat_participants.conversation_id AND r.user_id = chat_participants.user_id \
    AND r.read_at >= chat_participants.joined_at)";

async fn carry_markers(tx: &Transaction, pairs: Vec<(ConversationId, UserId)>) -> anyhow::Result<()> {
    if pairs.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE chat_participants SET last_read_message_id = {LAST_MOVE} \
         WHERE {} AND {} AND COALESCE(last_read_message_id, 0) < COALESCE({LAST_MOVE}, 0)",
        is_listed::<ConversationId>(tx, "conversation_id", 1),
        is_listed::<UserId>(tx, "user_id", 2)
    );
    let rooms: HashSet<_> = pairs.iter().map(|(room, _)| *room).collect();
    let users: HashSet<_> = pairs.iter().map(|(_, user)| *user).collect();
    let values = [list(tx, rooms), list(tx, users)];
    let moved = tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    if moved.rows_affected() == 0 { Ok(()) } else { number_markers(tx, &pairs).await }
}
