//! What can be put right only when all records have come: the people of direct conversations, the owners of groups, and where
//! the database numbers on.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use crate::chat::doctor::NUMBERED;
use crate::chat::log::epoch;
use crate::store::Transaction;
use crate::transfer::report::Report;

const MISSING_PEOPLE: &str = "
INSERT INTO chat_participants (conversation_id, user_id, role, joined_at)
SELECT c.id, u.id, 'MEMBER', c.created_at FROM chat_conversations c
JOIN chat_users u ON u.id IN (c.direct_low, c.direct_high)
WHERE c.type = 'DIRECT' AND NOT EXISTS
    (SELECT 1 FROM chat_participants p WHERE p.conversation_id = c.id AND p.user_id = u.id)";

/// A group has one owner: the first of several, else the first administrator, else whoever is in it for longest.
const OTHER_OWNERS: &str = "
UPDATE chat_participants SET role = 'ADMIN' WHERE role = 'OWNER' AND EXISTS
    (SELECT 1 FROM chat_participants o JOIN chat_conversations c ON c.id = o.conversation_id
    WHERE o.conversation_id = chat_participants.conversation_id AND o.role = 'OWNER' AND o.id < chat_participants.id
    AND c.type = 'GROUP')";
const MISSING_OWNERS: &str = "
UPDATE chat_participants SET role = 'OWNER' WHERE id IN
    (SELECT (SELECT p.id FROM chat_participants p WHERE p.conversation_id = c.id
        ORDER BY CASE p.role WHEN 'ADMIN' THEN 0 ELSE 1 END, p.id LIMIT 1)
    FROM chat_conversations c WHERE c.type = 'GROUP' AND c.closed_at IS NULL AND NOT EXISTS
        (SELECT 1 FROM chat_participants o WHERE o.conversation_id = c.id AND o.role = 'OWNER'))";
/// A group that nobody is in is closed, as when the last one has left it.
const EMPTY_GROUPS: &str = "
UPDATE chat_conversations SET closed_at = last_activity_at
WHERE type = 'GROUP' AND closed_at IS NULL AND participant_count = 0";

const REPAIRS: [(&str, &str); 4] = [
    (MISSING_PEOPLE, "Somebody was missing in their direct conversation"),
    (OTHER_OWNERS, "A group had more than one owner, of whom the first stays"),
    (MISSING_OWNERS, "A group had no owner, and the first administrator or member is it"),
    (EMPTY_GROUPS, "A group without participants was closed"),
];

pub(super) async fn finish(tx: &Transaction, report: &mut Report) -> Result<(), DbErr> {
    for (sql, what) in REPAIRS {
        for _ in 0..tx.execute_unprepared(sql).await?.rows_affected() {
            report.changed("the end", what);
        }
    }
    if tx.get_database_backend() == DbBackend::Postgres {
        for table in NUMBERED {
            // SQLite minds the ids that it is given by itself.
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('{table}', 'id'), \
                 GREATEST((SELECT MAX(id) FROM {table}), (SELECT last_value FROM {table}_id_seq))) \
                 FROM {table} HAVING MAX(id) IS NOT NULL"
            );
            tx.execute_unprepared(&sql).await?;
        }
    }
    if report.has_news() { epoch::renew(tx).await.map(drop) } else { Ok(()) }
}
