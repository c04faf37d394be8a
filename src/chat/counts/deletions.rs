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

/// How many messages of others are deleted behind the marker of the participant `p`: those in the rest of its block of 64
/// one by one, then the blocks of 64 up to the end of its block of 4 096, then those of 4 096 up to the end of its block
/// of 262 144, and all of those behind. The number `n` is followed by `n + 1`, whose block, rounded up, is
/// `(n + size) / size`.
pub(super) const DELETED_BEHIND: &str = "(
    (SELECT COUNT(*) FROM chat_messages m
        WHERE m.conversation_id = p.conversation_id AND m.is_deleted AND m.sender_id <> p.user_id
        AND m.number > p.read_number AND m.number < (p.read_number + 64) / 64 * 64)
    + (SELECT CAST(COALESCE(SUM(CASE WHEN d.sender_id = 0 THEN d.count ELSE -d.count END), 0) AS bigint)
        FROM chat_deletion_counts d
        WHERE d.conversation_id = p.conversation_id AND d.sender_id IN (0, p.user_id) AND d.level = 1
        AND d.block >= (p.read_number + 64) / 64 AND d.block < (p.read_number + 4096) / 4096 * 64)
    + (SELECT CAST(COALESCE(SUM(CASE WHEN d.sender_id = 0 THEN d.count ELSE -d.count END), 0) AS bigint)
        FROM chat_deletion_counts d
        WHERE d.conversation_id = p.conversation_id AND d.sender_id IN (0, p.user_id) AND d.level = 2
        AND d.block >= (p.read_number + 4096) / 4096 AND d.block < (p.read_number + 262144) / 262144 * 64)
    + (SELECT CAST(COALESCE(SUM(CASE WHEN d.sender_id = 0 THEN d.count ELSE -d.count END), 0) AS bigint)
        FROM chat_deletion_counts d
        WHERE d.conversation_id = p.conversation_id AND d.sender_id IN (0, p.user_id) AND d.level = 3
        AND d.block >= (p.read_number + 262144) / 262144))";

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use proptest::prelude::*;

    /// What [`super::DELETED_BEHIND`] adds up: numbers one by one, and blocks of the three levels.
    fn behind(n: i64) -> [Range<i64>; 4] {
        let block = |size: i64| (n + size) / size;
        [
            n + 1..block(64) * 64,
            block(64)..block(4_096) * 64,
            block(4_096)..block(262_144) * 64,
            block(262_144)..i64::MAX,
        ]
    }

    proptest! {
        #[test]
        fn what_is_behind_a_number_is_covered_once_by_about_two_hundred_rows(
            n in 0..3_000_000_i64, other in 1..3_000_000_i64, near in 1..5_000_i64
        ) {
            let parts = behind(n);
            prop_assert!(parts[..3].iter().all(|part| part.is_empty() || part.end - part.start <= 63));
            for number in [other, n + near, n, n + 1, (n - near).max(1)] {
                let sizes = [1, 64, 4_096, 262_144];
                let covered = parts.iter().zip(sizes).filter(|(part, size)| part.contains(&(number / size))).count();
                prop_assert_eq!(covered, usize::from(number > n), "{} behind {}", number, n);
            }
        }
    }
}
