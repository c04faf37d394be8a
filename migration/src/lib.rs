//! The tables of confab: keys, checks, indexes and triggers, the same on SQLite and PostgreSQL (13 or newer). It
//! knows no rule that the database cannot hold, and nothing of the code that reads and writes the rows.

mod dialect;
mod m20261124_000001_tables;
mod m20261124_000002_statistics;
mod m20261124_000003_search;
mod m20261124_000004_log;
mod m20261124_000005_webhooks;
mod m20261124_000006_webhook_turns;
mod m20261124_000007_files;
mod m20261126_000008_webhook_ends;
mod m20261128_000009_closed_groups;
mod m20261128_000010_presence_holders;

use std::time::{SystemTime, UNIX_EPOCH};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};

use dialect::Statements;

/// In the order in which they are applied. A database keeps the names of those that it has, so a name never changes.
const MIGRATIONS: [(&str, Statements); 10] = [
    ("m20261124_000001_tables", m20261124_000001_tables::UP),
    ("m20261124_000002_statistics", m20261124_000002_statistics::UP),
    ("m20261124_000003_search", m20261124_000003_search::UP),
    ("m20261124_000004_log", m20261124_000004_log::UP),
    ("m20261124_000005_webhooks", m20261124_000005_webhooks::UP),
    ("m20261124_000006_webhook_turns", m20261124_000006_webhook_turns::UP),
    ("m20261124_000007_files", m20261124_000007_files::UP),
    ("m20261126_000008_webhook_ends", m20261126_000008_webhook_ends::UP),
    ("m20261128_000009_closed_groups", m20261128_000009_closed_groups::UP),
    ("m20261128_000010_presence_holders", m20261128_000010_presence_holders::UP),
];

/// Where a database keeps those names: the table of `sea-orm-migration`, which made it in databases of older versions.
const HISTORY: &str =
    "CREATE TABLE IF NOT EXISTS seaql_migrations (version varchar NOT NULL PRIMARY KEY, applied_at bigint NOT NULL)";

/// Names the lock that migrating processes take on PostgreSQL: `confab` in ASCII. It is one for each database.
const TURN: i64 = 0x636f_6e66_6162;

/// Brings the tables of any database, empty or older, to the newest state; all of it or nothing. Processes that do so
/// at the same moment take turns: on SQLite a process waits as long as its connection's `busy_timeout`.
///
/// # Errors
/// Whatever the database says, and that it was made by a newer program than this one.
pub async fn migrate(db: &DatabaseConnection) -> Result<(), DbErr> {
    // A deferred transaction of SQLite fails at once, without waiting, when another one wrote between its first read
    // and its first write.
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let tx = db.begin_with_options(options).await?;
    if tx.get_database_backend() == DbBackend::Postgres {
        // What a request may not take, an index over many rows may.
        tx.execute_unprepared("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").await?;
        tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({TURN})")).await?;
    }
    apply(&tx).await?;
    tx.commit().await
}

async fn apply(tx: &DatabaseTransaction) -> Result<(), DbErr> {
    let backend = tx.get_database_backend();
    tx.execute_unprepared(HISTORY).await?;
    let rows = tx.query_all_raw(Statement::from_string(backend, "SELECT version FROM seaql_migrations")).await?;
    let applied: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?;
    if let Some(unknown) = applied.iter().find(|applied| MIGRATIONS.iter().all(|(name, _)| name != applied)) {
        return Err(DbErr::Custom(format!(
            "a newer version applied the migration {unknown}, which this one does not have"
        )));
    }
    let pending = MIGRATIONS.iter().filter(|(name, _)| applied.iter().all(|applied| applied != name));
    for (name, up) in pending {
        for statement in up.of(backend) {
            tx.execute_unprepared(&statement).await?;
        }
        let record = "INSERT INTO seaql_migrations (version, applied_at) VALUES ($1, $2)";
        let values = [(*name).into(), seconds().into()];
        tx.execute_raw(Statement::from_sql_and_values(backend, record, values)).await?;
    }
    Ok(())
}

fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Whether a database is in the newest state. Nothing is changed.
pub async fn is_current(db: &DatabaseConnection) -> bool {
    let sql = "SELECT count(*) FROM seaql_migrations";
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    let applied = row.ok().flatten().and_then(|row| row.try_get_by_index::<i64>(0).ok());
    applied.and_then(|applied| usize::try_from(applied).ok()) == Some(MIGRATIONS.len())
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectOptions, Database};

    use super::*;

    async fn migrated() -> DatabaseConnection {
        let mut options = ConnectOptions::new("sqlite::memory:");
        options.max_connections(1);
        let db = Database::connect(options).await.unwrap();
        migrate(&db).await.unwrap();
        db
    }

    async fn number(db: &DatabaseConnection, sql: &str) -> i64 {
        let row = db.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    const PEOPLE: &str = "INSERT INTO chat_users VALUES (1, 'Alice', NULL, 't', 't'), (2, 'Bob', NULL, 't', 't');
        INSERT INTO chat_conversations (id, type, name, created_by_id, allow_reactions, allow_replies,
                allow_file_uploads, max_file_size_mb, last_activity_at, created_at, updated_at)
            VALUES (1, 'GROUP', 'Team', 1, true, true, true, 1, 't', 't', 't');
        INSERT INTO chat_participants (conversation_id, user_id, role, joined_at)
            VALUES (1, 1, 'OWNER', 't'), (1, 2, 'MEMBER', 't');
        INSERT INTO chat_messages (id, conversation_id, sender_id, message_type, content, parent_message_id,
                search_words, created_at)
            VALUES (1, 1, 1, 'TEXT', 'Hi', NULL, 'hi', 't1'), (2, 1, 2, 'TEXT', 'Ho', 1, 'ho', 't2');";

    #[tokio::test]
    async fn to_migrate_again_changes_nothing() {
        let db = migrated().await;
        let objects = "SELECT count(*) FROM sqlite_schema";
        let before = number(&db, objects).await;
        migrate(&db).await.unwrap();
        assert_eq!(number(&db, objects).await, before);
        assert_eq!(number(&db, "SELECT count(*) FROM chat_log WHERE position = 0 AND length(epoch) = 16").await, 1);
    }

    #[tokio::test]
    async fn a_database_of_a_newer_version_is_refused_by_name() {
        let db = migrated().await;
        assert!(is_current(&db).await);
        db.execute_unprepared("INSERT INTO seaql_migrations VALUES ('m20990101_000001_later', 1)").await.unwrap();
        assert!(!is_current(&db).await);
        assert!(migrate(&db).await.unwrap_err().to_string().contains("m20990101_000001_later"));
    }

    #[tokio::test]
    async fn what_an_older_version_left_out_is_applied() {
        let db = migrated().await;
        db.execute_unprepared(
            "DROP INDEX chat_user_presence_by_holder; ALTER TABLE chat_user_presence DROP COLUMN held_by;
            DELETE FROM seaql_migrations WHERE version = 'm20261128_000010_presence_holders'",
        )
        .await
        .unwrap();
        migrate(&db).await.unwrap();
        assert_eq!(number(&db, "SELECT count(held_by) FROM chat_user_presence").await, 0);
        assert!(is_current(&db).await);
    }

    #[tokio::test]
    async fn triggers_keep_the_statistics_and_the_words() {
        let db = migrated().await;
        db.execute_unprepared(PEOPLE).await.unwrap();
        let counts = "SELECT count(*) FROM chat_conversations WHERE participant_count = 2 AND message_count = 2
            AND last_message_id = 2 AND last_message_at = 't2' AND last_activity_at = 't2'";
        assert_eq!(number(&db, counts).await, 1);
        assert_eq!(number(&db, "SELECT reply_count FROM chat_messages WHERE id = 1").await, 1);
        let found = "SELECT count(*) FROM chat_message_words WHERE chat_message_words MATCH '\"h\" *'";
        assert_eq!(number(&db, found).await, 2);

        let delete =
            "UPDATE chat_messages SET is_deleted = true, deleted_at = 't3', content = NULL, search_words = NULL
            WHERE id = 2";
        db.execute_unprepared(delete).await.unwrap();
        assert_eq!(number(&db, counts).await, 1);
        assert_eq!(number(&db, "SELECT reply_count FROM chat_messages WHERE id = 1").await, 0);
        assert_eq!(number(&db, found).await, 1);
    }

    #[tokio::test]
    async fn a_reply_stays_in_the_conversation_of_its_parent() {
        let db = migrated().await;
        db.execute_unprepared(PEOPLE).await.unwrap();
        db.execute_unprepared(
            "INSERT INTO chat_conversations (id, type, name, created_by_id, allow_reactions, allow_replies,
                    allow_file_uploads, max_file_size_mb, last_activity_at, created_at, updated_at)
                VALUES (2, 'GROUP', 'Others', 1, true, true, true, 1, 't', 't', 't')",
        )
        .await
        .unwrap();
        let reply =
            "INSERT INTO chat_messages (id, conversation_id, sender_id, message_type, parent_message_id, created_at)
            VALUES (3, 2, 1, 'TEXT', 1, 't')";
        assert!(db.execute_unprepared(reply).await.is_err());
    }
}
