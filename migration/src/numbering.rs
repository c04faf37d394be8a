//! Numbers the messages and markers of a database that is older than they are: a portion to a transaction, each of which
//! also writes how far it came, so that whoever is interrupted goes on from there. Nobody is served before it has ended.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait, Value,
};

/// Rows to a transaction.
const PORTION: i64 = 5_000;

/// Something that is written in portions: its name in `chat_backfills`, the table whose ids it follows, and what is done
/// for the ids above `$1` up to `$2`, in this order.
struct Backfill {
    name: &'static str,
    table: &'static str,
    /// Before the first portion, so that all can be numbered anew.
    clear: &'static [&'static str],
    portion: &'static [&'static str],
}

const BACKFILLS: [Backfill; 2] = [
    Backfill {
        name: "numbers",
        table: "chat_messages",
        clear: &[
            "DELETE FROM chat_deletion_counts",
            "UPDATE chat_conversations SET last_deleted_number = 0 WHERE last_deleted_number <> 0",
        ],
        portion: &[NUMBERS, DELETION_COUNTS, LAST_DELETED],
    },
    Backfill { name: "markers", table: "chat_participants", clear: &[], portion: &[MARKERS] },
];

/// Those of a conversation and of a sender go on where the last message before the portion stands.
const NUMBERS: &str = "
WITH portion AS (
    SELECT id, conversation_id, sender_id,
        row_number() OVER (PARTITION BY conversation_id ORDER BY id) AS nth,
        row_number() OVER (PARTITION BY conversation_id, sender_id ORDER BY id) AS own_nth
    FROM chat_messages WHERE id > $1 AND id <= $2
), conversations AS (
    SELECT c.conversation_id, COALESCE((SELECT m.number FROM chat_messages m
        WHERE m.conversation_id = c.conversation_id AND m.id <= $1 ORDER BY m.id DESC LIMIT 1), 0) AS before
    FROM (SELECT DISTINCT conversation_id FROM portion) c
), senders AS (
    SELECT s.conversation_id, s.sender_id, c.before, COALESCE((SELECT m.sender_number FROM chat_messages m
        WHERE m.conversation_id = s.conversation_id AND m.sender_id = s.sender_id AND m.number <= c.before
        ORDER BY m.number DESC LIMIT 1), 0) AS own_before
    FROM (SELECT DISTINCT conversation_id, sender_id FROM portion) s
    JOIN conversations c ON c.conversation_id = s.conversation_id
), placed AS (
    SELECT p.id, s.before + p.nth AS number, s.own_before + p.own_nth AS sender_number
    FROM portion p JOIN senders s ON s.conversation_id = p.conversation_id AND s.sender_id = p.sender_id
)
UPDATE chat_messages SET number = placed.number, sender_number = placed.sender_number
FROM placed WHERE placed.id = chat_messages.id";

const DELETION_COUNTS: &str = "
INSERT INTO chat_deletion_counts (conversation_id, sender_id, level, block, count)
SELECT m.conversation_id, who.sender_id, size.level, m.number / size.numbers, COUNT(*)
FROM chat_messages m
CROSS JOIN (SELECT 1 AS level, 64 AS numbers UNION ALL SELECT 2, 4096 UNION ALL SELECT 3, 262144) AS size
JOIN (SELECT id, sender_id FROM chat_messages WHERE id > $1 AND id <= $2 AND is_deleted
    UNION ALL SELECT id, 0 FROM chat_messages WHERE id > $1 AND id <= $2 AND is_deleted) AS who ON who.id = m.id
GROUP BY m.conversation_id, who.sender_id, size.level, m.number / size.numbers
ON CONFLICT (conversation_id, sender_id, level, block)
    DO UPDATE SET count = chat_deletion_counts.count + excluded.count";

const LAST_DELETED: &str = "
UPDATE chat_conversations SET last_deleted_number = deleted.number
FROM (SELECT conversation_id, MAX(number) AS number FROM chat_messages
    WHERE id > $1 AND id <= $2 AND is_deleted GROUP BY conversation_id) AS deleted
WHERE deleted.conversation_id = chat_conversations.id";

const MARKERS: &str = "
UPDATE chat_participants SET
    read_number = COALESCE((SELECT m.number FROM chat_messages m WHERE m.id = chat_participants.last_read_message_id), 0),
    read_own = COALESCE((SELECT o.sender_number FROM chat_messages o
        WHERE o.conversation_id = chat_participants.conversation_id AND o.sender_id = chat_participants.user_id
        AND o.number <= (SELECT m.number FROM chat_messages m WHERE m.id = chat_participants.last_read_message_id)
        ORDER BY o.number DESC LIMIT 1), 0)
WHERE id > $1 AND id <= $2";

/// Numbers what has no numbers, and tells after each portion what it numbers, how many of them are done, and of how many.
/// Processes that do so at the same moment take turns.
///
/// # Errors
/// Whatever the database says; what was done until then stays.
pub async fn number(db: &DatabaseConnection, tell: impl Fn(&str, i64, i64)) -> Result<(), DbErr> {
    for backfill in BACKFILLS {
        if done_to(db, backfill.name, "").await?.is_none() {
            continue;
        }
        let total = one(db, &format!("SELECT COUNT(*) FROM {}", backfill.table), vec![]).await?.unwrap_or(0);
        let counted = format!("SELECT COUNT(*) FROM {} WHERE id <= $1", backfill.table);
        let from = done_to(db, backfill.name, "").await?.unwrap_or(0);
        let mut done = one(db, &counted, vec![from.into()]).await?.unwrap_or(0);
        while let Some(rows) = portion(db, &backfill, PORTION).await? {
            done += rows;
            tell(backfill.name, done, Ord::max(done, total));
        }
    }
    hold(db).await
}

/// Has PostgreSQL know of every message that it is numbered; where it knows, nothing is done.
async fn hold(db: &DatabaseConnection) -> Result<(), DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let open = "SELECT COUNT(*) FROM pg_constraint WHERE conrelid = CAST('chat_messages' AS regclass) \
                AND conname = 'a_message_is_numbered' AND NOT convalidated";
    if one(db, open, vec![]).await? == Some(0) {
        return Ok(());
    }
    let tx = db.begin().await?;
    tx.execute_unprepared("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").await?;
    tx.execute_unprepared("ALTER TABLE chat_messages VALIDATE CONSTRAINT a_message_is_numbered").await?;
    tx.commit().await
}

/// Whether nothing is left to number.
///
/// # Errors
/// Whatever the database says.
pub async fn is_done(db: &DatabaseConnection) -> Result<bool, DbErr> {
    let sql = "SELECT COUNT(*) FROM chat_backfills WHERE name IN ('numbers', 'markers')";
    Ok(one(db, sql, vec![]).await? == Some(0))
}

/// Does the next portion; none when there is nothing more to do.
async fn portion(db: &DatabaseConnection, backfill: &Backfill, rows: i64) -> Result<Option<i64>, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let tx = db.begin_with_options(options).await?;
    let mut lock = "";
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_unprepared("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").await?;
        lock = " FOR UPDATE";
    }
    let Some(after) = done_to(&tx, backfill.name, lock).await? else {
        tx.rollback().await?;
        return Ok(None);
    };
    let Backfill { name, table, .. } = backfill;
    let sql = format!("SELECT id FROM {table} WHERE id > $1 ORDER BY id LIMIT $2");
    let ids = tx.query_all_raw(statement(&tx, &sql, vec![after.into(), rows.into()])).await?;
    let Some(last) = ids.last() else {
        execute(&tx, "DELETE FROM chat_backfills WHERE name = $1", vec![(*name).into()]).await?;
        tx.commit().await?;
        return Ok(None);
    };
    let last: i64 = last.try_get_by_index(0)?;
    if after == 0 {
        for sql in backfill.clear {
            execute(&tx, sql, vec![]).await?;
        }
    }
    for sql in backfill.portion {
        execute(&tx, sql, vec![after.into(), last.into()]).await?;
    }
    execute(&tx, "UPDATE chat_backfills SET done_to = $1 WHERE name = $2", vec![last.into(), (*name).into()]).await?;
    tx.commit().await?;
    Ok(Some(ids.len() as i64))
}

/// Up to which id it is done; none where nothing is left of it.
async fn done_to(db: &impl ConnectionTrait, name: &str, lock: &str) -> Result<Option<i64>, DbErr> {
    one(db, &format!("SELECT done_to FROM chat_backfills WHERE name = $1{lock}"), vec![name.into()]).await
}

async fn one(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<Option<i64>, DbErr> {
    db.query_one_raw(statement(db, sql, values)).await?.map(|row| row.try_get_by_index(0)).transpose()
}

async fn execute(tx: &DatabaseTransaction, sql: &str, values: Vec<Value>) -> Result<(), DbErr> {
    tx.execute_raw(statement(tx, sql, values)).await.map(drop)
}

fn statement(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), sql, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{migrated, number as one_number};

    const ROWS: &str = "INSERT INTO chat_users (id, name, created_at, updated_at) VALUES (1, 'Alice', 't', 't'), (2, 'Bob', 't', 't');
        INSERT INTO chat_conversations (id, type, name, created_by_id, allow_reactions, allow_replies,
                allow_file_uploads, max_file_size_mb, last_activity_at, created_at, updated_at)
            VALUES (1, 'GROUP', 'Team', 1, true, true, true, 1, 't', 't', 't'),
                (2, 'GROUP', 'Others', 1, true, true, true, 1, 't', 't', 't');
        INSERT INTO chat_messages (id, conversation_id, sender_id, message_type, content, is_deleted, deleted_at, created_at)
            WITH RECURSIVE ids(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < 300)
            SELECT id, 1 + (id % 3 = 0), 1 + (id % 7 > 3), 'TEXT', CASE WHEN id % 5 > 0 THEN 'Hi' END, id % 5 = 0,
                CASE WHEN id % 5 = 0 THEN 't' END, 't' FROM ids;
        INSERT INTO chat_participants (conversation_id, user_id, role, joined_at, last_read_message_id)
            VALUES (1, 1, 'OWNER', 't', 100), (1, 2, 'MEMBER', 't', NULL), (2, 2, 'OWNER', 't', 222);
        INSERT INTO chat_backfills (name) VALUES ('numbers'), ('markers')";
    /// The messages and markers whose numbers are not those of a recount.
    const WRONG: &str = "SELECT (SELECT COUNT(*) FROM (SELECT number, sender_number,
            row_number() OVER (PARTITION BY conversation_id ORDER BY id) AS nth,
            row_number() OVER (PARTITION BY conversation_id, sender_id ORDER BY id) AS own_nth FROM chat_messages)
            WHERE number IS NOT nth OR sender_number IS NOT own_nth)
        + (SELECT COUNT(*) FROM chat_participants p WHERE read_number <> (SELECT COUNT(*) FROM chat_messages
            WHERE conversation_id = p.conversation_id AND id <= p.last_read_message_id))
        + (SELECT COUNT(*) FROM chat_participants p WHERE read_own <> (SELECT COUNT(*) FROM chat_messages
            WHERE conversation_id = p.conversation_id AND sender_id = p.user_id AND id <= p.last_read_message_id))
        + (SELECT COUNT(*) FROM chat_deletion_counts d WHERE count <> (SELECT COUNT(*) FROM chat_messages m
            WHERE m.conversation_id = d.conversation_id AND is_deleted AND d.sender_id IN (0, m.sender_id)
            AND m.number >> (6 * d.level) = d.block))";

    #[tokio::test]
    async fn what_is_numbered_in_portions_with_interruptions_equals_a_recount() {
        let db = migrated().await;
        db.execute_unprepared(ROWS).await.unwrap();
        assert!(one_number(&db, WRONG).await >= 300);
        assert!(!is_done(&db).await.unwrap());
        for size in [1, 50, 7] {
            assert_eq!(portion(&db, &BACKFILLS[0], size).await.unwrap(), Some(size));
        }
        number(&db, |what, done, total| assert!(done <= total, "{what}: {done} of {total}")).await.unwrap();
        assert_eq!(one_number(&db, WRONG).await, 0);
        assert_eq!(one_number(&db, "SELECT SUM(count) FROM chat_deletion_counts").await, 60 * 6);
        assert_eq!(one_number(&db, "SELECT last_deleted_number FROM chat_conversations WHERE id = 2").await, 100);
        assert!(is_done(&db).await.unwrap());
        // All of it once more, upon numbers that are there already.
        db.execute_unprepared("INSERT INTO chat_backfills (name) VALUES ('numbers'), ('markers')").await.unwrap();
        number(&db, |_, _, _| {}).await.unwrap();
        assert_eq!(one_number(&db, WRONG).await, 0);
        assert_eq!(one_number(&db, "SELECT SUM(count) FROM chat_deletion_counts").await, 60 * 6);
    }
}
