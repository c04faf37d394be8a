//! What is unread, which nobody counts: the messages behind a marker, less one's own among them, less those of others that
//! were deleted there. Each of the three is the difference of two numbers that are kept, or the sum of a few.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, Statement, Value};

use super::deletions::DELETED_BEHIND;
use crate::chat::access::one_by_one;
use crate::id::{ConversationId, Id, UserId};
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

/// What the participant `p` of the conversation `c` has not read.
fn unread() -> String {
    format!(
        "c.message_count - p.read_number - ({OWN_BEHIND}) \
        - CASE WHEN c.last_deleted_number > p.read_number THEN {DELETED_BEHIND} ELSE 0 END"
    )
}

/// Counts the participants of open conversations of whom something else is said to be unread than counting the messages
/// gives (protocol §8).
pub(crate) fn miscounted() -> String {
    format!(
        "SELECT COUNT(*) FROM chat_participants p JOIN chat_conversations c ON c.id = p.conversation_id \
        WHERE c.closed_at IS NULL AND {} <> (SELECT COUNT(*) FROM chat_messages m \
        WHERE m.conversation_id = p.conversation_id AND m.id > COALESCE(p.last_read_message_id, 0) \
        AND m.sender_id <> p.user_id AND NOT m.is_deleted)",
        unread()
    )
}

/// `who` stands behind FROM and names participants `p`, of whom `which` holds.
async fn read<K: std::hash::Hash + Eq>(
    db: &impl ConnectionTrait,
    key: &str,
    who: &str,
    which: &str,
    values: Vec<Value>,
) -> Result<HashMap<Id<K>, i64>, DbErr> {
    let unread = unread();
    // The participants have to lead, which SQLite takes from the words of the join. Everything comes as one text: somebody
    // in ten thousand conversations would wait longer for as many rows than for what is in them.
    let sql = format!(
        "SELECT string_agg(counted || ' ' || unread, ',') FROM (\
        SELECT {key} AS counted, {unread} AS unread \
        FROM {who} CROSS JOIN chat_conversations c \
        WHERE {which} c.id = p.conversation_id AND c.closed_at IS NULL AND c.message_count > p.read_number) AS counts"
    );
    let row = db.query_one_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    let counts: Option<String> = row.map_or(Ok(None), |row| row.try_get_by_index(0))?;
    let counts = counts.as_deref().unwrap_or_default().split_terminator(',').map(|count| {
        let (counted, unread) = count.split_once(' ')?;
        Some((Id::stored(counted.parse().ok()?), unread.parse().ok()?))
    });
    let counts: Option<HashMap<Id<K>, i64>> = counts.collect();
    let mut counts = counts.ok_or_else(|| DbErr::Type("what is unread is no list of numbers".to_owned()))?;
    counts.retain(|_, unread| *unread != 0);
    Ok(counts)
}
