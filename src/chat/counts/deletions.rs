//! How many messages are deleted: kept for blocks of 64, 4 096 and 262 144 numbers of a conversation, of each sender and of
//! all, so that to know how many there are after a number takes about two hundred short rows at most.

use sea_orm::{ConnectionTrait, DbErr, Statement};

use crate::entity::message;

/// One row for each level and each of the two who are counted: the sender, and everybody.
const ADD: &str = "
INSERT INTO chat_deletion_counts (conversation_id, sender_id, level, block, count)
SELECT CAST($1 AS bigint), who.sender_id, size.level, CAST($3 AS bigint) / size.numbers, 1
FROM (SELECT 0 AS sender_id UNION ALL SELECT CAST($2 AS bigint)) AS who
CROSS JOIN (SELECT 1 AS level, 64 AS numbers UNION ALL SELECT 2, 4096 UNION ALL SELECT 3, 262144) AS size
WHERE true
ON CONFLICT (conversation_id, sender_id, level, block) DO UPDATE SET count = chat_deletion_counts.count + 1";

const LAST: &str = "UPDATE chat_conversations SET last_deleted_number = $2 WHERE id = $1 AND last_deleted_number < $2";

/// Counts a message that was deleted just now, once. Two statements.
///
/// # Errors
/// Those of the database.
pub(crate) async fn record_deletion(db: &impl ConnectionTrait, message: &message::Model) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let Some(number) = message.number else { return Err(DbErr::Custom("a message has no number".to_owned())) };
    let values = [message.conversation_id.into(), message.sender_id.into(), number.into()];
    db.execute_raw(Statement::from_sql_and_values(backend, ADD, values)).await?;
    let values = [message.conversation_id.into(), number.into()];
    db.execute_raw(Statement::from_sql_and_values(backend, LAST, values)).await?;
    Ok(())
}
