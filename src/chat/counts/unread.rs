//! What is unread, which nobody counts: the messages behind a marker, less one's own among them, less those of others that
//! were deleted there. Each of the three is the difference of two numbers that are kept, or the sum of a few.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, Statement, Value};

use super::deletions::DELETED_BEHIND;
use crate::chat::access::one_by_one;
use crate::id::{ConversationId, UserId};
use crate::store;

/// The last of the reader's own messages says how many of them there are.
const OWN_BEHIND: &str = "COALESCE((SELECT m.sender_number FROM chat_messages m
    WHERE m.conversation_id = p.conversation_id AND m.sender_id = p.user_id AND m.number > p.read_number
    ORDER BY m.number DESC LIMIT 1), p.read_own) - p.read_own";

/// People to a statement, at most.
const MAX_READERS: usize = 1_000;

/// What each of the conversations, or each open one, holds that `reader` has not read: newer than the marker, not one's
/// own, not deleted (protocol §4). Conversations without any are left out. One statement.
pub(crate) async fn unread_in(
    db: &impl ConnectionTrait,
    reader: UserId,
    conversations: Option<&[ConversationId]>,
) -> Result<HashMap<ConversationId, i64>, DbErr> {
    let Some(ids) = conversations else {
        return read(db, "p.conversation_id", "chat_participants p", "p.user_id = $1 AND", vec![reader.into()]).await;
    };
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = store::list(db, ids.iter().copied());
    let who = one_by_one::<ConversationId>(db, "first.user_id = $1 AND first.conversation_id = listed.value");
    read(db, "p.conversation_id", &who, "", vec![reader.into(), ids]).await
}

/// What each of the people has not read in an open conversation; those without any are left out. One statement for each
/// thousand of them.
pub(crate) async fn unread_of(
    db: &impl ConnectionTrait,
    conversation: ConversationId,
    readers: &[UserId],
) -> Result<HashMap<UserId, i64>, DbErr> {
    let mut unread = HashMap::new();
    for readers in readers.chunks(MAX_READERS) {
        let readers = store::list(db, readers.iter().copied());
        let who = one_by_one::<UserId>(db, "first.conversation_id = $1 AND first.user_id = listed.value");
        unread.extend(read(db, "p.user_id", &who, "", vec![conversation.into(), readers]).await?);
    }
    Ok(unread)
}

/// `who` stands behind FROM and names participants `p`, of whom `which` holds.
async fn read<K>(
    db: &impl ConnectionTrait,
    key: &str,
    who: &str,
    which: &str,
    values: Vec<Value>,
) -> Result<HashMap<K, i64>, DbErr>
where
    K: std::hash::Hash + Eq + sea_orm::TryGetable,
{
    // The participants have to lead, which SQLite takes from the words of the join.
    let sql = format!(
        "SELECT {key} AS counted, c.message_count - p.read_number - ({OWN_BEHIND})
        - CASE WHEN c.last_deleted_number > p.read_number THEN {DELETED_BEHIND} ELSE 0 END AS unread
        FROM {who} CROSS JOIN chat_conversations c
        WHERE {which} c.id = p.conversation_id AND c.closed_at IS NULL AND c.message_count > p.read_number"
    );
    let mut unread = HashMap::new();
    for row in db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await? {
        let count: i64 = row.try_get("", "unread")?;
        if count != 0 {
            unread.insert(row.try_get("", "counted")?, count);
        }
    }
    Ok(unread)
}
