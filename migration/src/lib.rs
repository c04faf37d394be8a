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
mod m20261128_000011_numbers;
mod m20261128_000012_activity;
mod m20261128_000013_words;
mod m20261128_000014_events;
mod m20261128_000015_postgres;
mod m20261128_000016_nodes;
mod m20261128_000017_sockjs_sessions;
mod m20261128_000018_premises;
mod m20261128_000019_names;
mod m20261129_000020_external_ids;
mod m20261129_000021_standing;
mod m20261129_000022_program;
mod m20261129_000023_sending;
mod numbering;
mod schema;

pub use numbering::number;

use std::time::Duration;

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{
    DatabaseConnection, DbBackend, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

/// The version of this program, which is written into what it migrates.
const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// Names the lock that migrating processes take on PostgreSQL: `confab` in ASCII. It is one for each database.
const TURN: i64 = 0x636f_6e66_6162;

/// The fewest migrations that a program has to know to serve a database with all of these: what a migration takes away, an
/// older program would miss. They only add, since the sixteenth.
const OLDEST: usize = 16;
/// How long a migration may wait for a table that others read or write, and how often it is begun anew: whoever waits
/// keeps all waiting that come after it.
const LOCK_TIMEOUT: &str = "2s";
const MAX_TRIES: usize = 30;
const PAUSE: Duration = Duration::from_secs(1);

/// Brings the tables of any database, empty or older, to the newest state; all of it or nothing. One that a newer program
/// has brought further is left alone, as long as this one can serve it. Processes that do so at the same moment take turns:
/// on SQLite a process waits as long as its connection's `busy_timeout`.
///
/// # Errors
/// Whatever the database says, and that it was made by a newer program than this one can go with.
pub async fn migrate(db: &DatabaseConnection) -> Result<(), DbErr> {
    let mut tries = 0;
    loop {
        tries += 1;
        match try_to_migrate(db).await {
            Err(cause) if tries < MAX_TRIES && is_lock_timeout(&cause) => {
                tracing::info!("a migration waits for a table that is in use");
                tokio::time::sleep(PAUSE).await;
            }
            migrated => return migrated,
        }
    }
}

async fn try_to_migrate(db: &DatabaseConnection) -> Result<(), DbErr> {
    // The library takes no lock of its own, and a deferred transaction of SQLite fails at once, without waiting, when
    // another one wrote between its first read and its first write.
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let tx = db.begin_with_options(options).await?;
    if tx.get_database_backend() == DbBackend::Postgres {
        // What a request may not take, an index over many rows may; and the turn of another process is waited for.
        tx.execute_unprepared("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").await?;
        tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({TURN})")).await?;
        tx.execute_unprepared(&format!("SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")).await?;
    }
    if !schema::is_ahead(&tx, Migrator::migrations().iter().map(|known| known.name().to_owned())).await? {
        Migrator::up(&tx, None).await?;
        schema::write(&tx, Migrator::migrations().len(), OLDEST, PROGRAM).await?;
    }
    tx.commit().await
}

fn is_lock_timeout(cause: &DbErr) -> bool {
    // 55P03, by PostgreSQL's own words: the driver's error is of a library that is not named here.
    cause.to_string().contains("canceling statement due to lock timeout")
}

/// Whether a database is in a state that this program serves: the newest one, or that of a newer program which still lets
/// it; its messages numbered. Nothing is changed.
pub async fn is_current(db: &DatabaseConnection) -> bool {
    let known = || Migrator::migrations().iter().map(|known| known.name().to_owned()).collect::<Vec<_>>();
    let is_served = match schema::applied(db).await {
        Ok(applied) => known().iter().all(|one| applied.contains(one)) && schema::is_ahead(db, known()).await.is_ok(),
        Err(_) => false,
    };
    is_served && numbering::is_done(db).await.unwrap_or(false)
}

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261124_000001_tables::Migration),
            Box::new(m20261124_000002_statistics::Migration),
            Box::new(m20261124_000003_search::Migration),
            Box::new(m20261124_000004_log::Migration),
            Box::new(m20261124_000005_webhooks::Migration),
            Box::new(m20261124_000006_webhook_turns::Migration),
            Box::new(m20261124_000007_files::Migration),
            Box::new(m20261126_000008_webhook_ends::Migration),
            Box::new(m20261128_000009_closed_groups::Migration),
            Box::new(m20261128_000010_presence_holders::Migration),
            Box::new(m20261128_000011_numbers::Migration),
            Box::new(m20261128_000012_activity::Migration),
            Box::new(m20261128_000013_words::Migration),
            Box::new(m20261128_000014_events::Migration),
            Box::new(m20261128_000015_postgres::Migration),
            Box::new(m20261128_000016_nodes::Migration),
            Box::new(m20261128_000017_sockjs_sessions::Migration),
            Box::new(m20261128_000018_premises::Migration),
            Box::new(m20261128_000019_names::Migration),
            Box::new(m20261129_000020_external_ids::Migration),
            Box::new(m20261129_000021_standing::Migration),
            Box::new(m20261129_000022_program::Migration),
            Box::new(m20261129_000023_sending::Migration),
        ]
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use sea_orm_migration::sea_orm::{ConnectOptions, Database, Statement};

    use super::*;

    pub(crate) async fn migrated() -> DatabaseConnection {
        let mut options = ConnectOptions::new("sqlite::memory:");
        options.max_connections(1);
        let db = Database::connect(options).await.unwrap();
        migrate(&db).await.unwrap();
        db
    }

    pub(crate) async fn number(db: &DatabaseConnection, sql: &str) -> i64 {
        let row = db.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    const PEOPLE: &str =
        "INSERT INTO chat_users (id, name, created_at, updated_at) VALUES (1, 'Alice', 't', 't'), (2, 'Bob', 't', 't');
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
    async fn triggers_keep_the_statistics_and_the_words() {
        let db = migrated().await;
        db.execute_unprepared(PEOPLE).await.unwrap();
        let counts = "SELECT count(*) FROM chat_conversations WHERE participant_count = 2";
        assert_eq!(number(&db, counts).await, 1);
        // Whoever inserts messages counts them and what they reply to.
        db.execute_unprepared("UPDATE chat_messages SET reply_count = 1 WHERE id = 1").await.unwrap();
        let found = "SELECT count(*) FROM chat_search_words WHERE chat_search_words MATCH '\"1_h\" *'";
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
