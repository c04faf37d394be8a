//! How the store connects to each of the two databases: options of the driver, and the file behind a `sqlite:` URL.

use std::path::PathBuf;
use std::time::Duration;

use sea_orm::{ConnectOptions, DbErr};
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tokio::time::Instant;

use super::db_error::is_locked;
use super::readers::CONNECT_TIMEOUT;

/// Connections of the writer: one, so that slow reads cannot keep it waiting, and one more for when that is lost.
pub(super) const POSTGRES_WRITERS: u32 = 2;
/// Connections for what is written beside the log: one for notes, one for the routes of sessions over HTTP.
pub(super) const POSTGRES_ASIDE: u32 = 2;
/// How long a connection of the writer may lie idle before it is tested.
const TRUSTED_IDLE: Duration = Duration::from_secs(5);
/// How long a writer waits for another process that writes the same SQLite file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// The same for a statement that commits by itself: it gives up before whoever waits for it does, for it would be committed
/// after they were told that it was not.
const STATEMENT_BUSY_TIMEOUT: Duration = Duration::from_secs(4);
/// How long to wait before a file that another process holds is opened again.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// The file of a SQLite database; none for another database.
pub(crate) fn sqlite_file(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?.trim_start_matches("//").split('?').next()?;
    Some(percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned().into())
}

pub(super) fn sqlite_writer(url: &str) -> ConnectOptions {
    let mut options = writer(url, 1);
    // The writer may wait for its file as long as that is busy.
    options.acquire_timeout(BUSY_TIMEOUT).map_sqlx_sqlite_opts(sqlite_settings);
    options
}

/// # Errors
/// A URL that is none.
pub(super) fn sqlite_reader(url: &str) -> Result<SqliteConnectOptions, sqlx::Error> {
    Ok(sqlite_settings(url.parse()?).pragma("query_only", "1"))
}

pub(super) fn postgres_writer(url: &str, timeouts: &'static [(&'static str, &'static str)]) -> ConnectOptions {
    postgres_connections(url, timeouts, POSTGRES_WRITERS)
}

pub(super) fn postgres_aside(url: &str, timeouts: &'static [(&'static str, &'static str)]) -> ConnectOptions {
    postgres_connections(url, timeouts, POSTGRES_ASIDE)
}

fn postgres_connections(
    url: &str,
    timeouts: &'static [(&'static str, &'static str)],
    connections: u32,
) -> ConnectOptions {
    let mut options = writer(url, connections);
    options.test_before_acquire_if_idle_for(TRUSTED_IDLE);
    options.map_sqlx_postgres_opts(|postgres| postgres.options(timeouts.iter().copied()));
    options
}

/// Everything that a statement of the writer which is a transaction by itself looks up has an index, and its values come in
/// one array whose length PostgreSQL does not know: it is planned once, for look-ups in indexes.
const LOOK_UPS_ONLY: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];
/// Rows that SQLite's thread may be ahead of whoever reads them: more than a batch has.
const ROWS_AHEAD: usize = 128;

/// # Errors
/// A URL that is none.
pub(super) fn autocommit_sqlite(url: &str) -> Result<SqliteConnectOptions, sqlx::Error> {
    let options = sqlite_settings(url.parse()?).busy_timeout(STATEMENT_BUSY_TIMEOUT);
    let options = options.row_buffer_size(ROWS_AHEAD).disable_statement_logging();
    // A statement with many rows keeps the pages as they were, for the case that one of them is refused.
    Ok(options.pragma("temp_store", "MEMORY"))
}

/// # Errors
/// A URL that is none.
pub(super) fn autocommit_postgres(url: &str, timeouts: &[(&str, &str)]) -> Result<PgConnectOptions, sqlx::Error> {
    let options: PgConnectOptions = url.parse()?;
    Ok(options.options(timeouts.iter().copied()).options(LOOK_UPS_ONLY).disable_statement_logging())
}

fn writer(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options.max_connections(connections).acquire_timeout(CONNECT_TIMEOUT).test_before_acquire(false);
    options.sqlx_logging(false).record_stmt_in_spans(false);
    options
}

fn sqlite_settings(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .create_if_missing(true)
        .busy_timeout(BUSY_TIMEOUT)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
}

/// Connects, again and again while another process is turning the new file's write-ahead log on: SQLite does not wait
/// for that by itself.
pub(super) async fn retry_while_locked<T>(connect: impl AsyncFn() -> Result<T, DbErr>) -> Result<T, DbErr> {
    let until = Instant::now() + BUSY_TIMEOUT;
    loop {
        match connect().await {
            Err(cause) if is_locked(&cause) && Instant::now() < until => tokio::time::sleep(RETRY_INTERVAL).await,
            connected => return connected,
        }
    }
}
