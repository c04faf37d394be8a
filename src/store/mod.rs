//! How things are kept: the pools, the one writer's transactions and what differs between the two databases.
//! It knows no rule of chat: which rows belong together is said by its callers.

pub mod blobs;
mod queue;
mod readers;
mod transaction;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sea_orm::{
    ConnAcquireErr, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, RuntimeErr,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use crate::config::fault;
use crate::error::{Error, Result as Answer};
use crate::id::UserId;

pub use blobs::Blobs;
pub use queue::{Queue, queue};
pub use readers::{Reader, Turn};
pub use transaction::Transaction;
pub use words::matching;

use readers::{Readers, STATEMENT_TIMEOUT, Source};
use transaction::Witness;

/// An open database. Reads take their turns at [`readers`]; writes go through [`Store::begin`], one at a time on a node.
#[derive(Clone)]
pub struct Store {
    readers: Arc<Readers>,
    writer: DatabaseConnection,
    /// On SQLite, what is known of the writer's connection.
    witness: Option<Arc<Witness>>,
    statements: Arc<AtomicU64>,
    written: Arc<AtomicU64>,
}

/// Connections that read at the same time, the server's own not counted. Eight serve PostgreSQL as well as 32 do; SQLite
/// has a thread for each.
const SQLITE_READERS: usize = 4;
const POSTGRES_READERS: usize = 8;
/// The one writer's, so that slow reads cannot keep it waiting, and one more for when that is lost.
const POSTGRES_WRITERS: u32 = 2;
/// How long PostgreSQL may work on one statement, wait for a lock, and keep a transaction of somebody who has vanished.
const POSTGRES_LIMITS: [(&str, &str); 3] =
    [("statement_timeout", "10s"), ("lock_timeout", "8s"), ("idle_in_transaction_session_timeout", "15s")];
/// Whose share strangers have. No user has this id.
const STRANGERS: UserId = UserId::stored(0);
/// How long a connection may take to be made before the database counts as away.
const ACQUIRE: Duration = Duration::from_secs(2);
/// How long a writer waits for another process that writes the same SQLite file.
const BUSY: Duration = Duration::from_secs(10);

impl Store {
    /// Opens `sqlite:PATH` (created if missing) or `postgres://…`, and brings its tables to the newest state.
    ///
    /// # Errors
    /// Whatever the driver says: an unreachable server, a file that is no database, a failed migration.
    pub async fn open(url: &str) -> Result<Self, DbErr> {
        let store = match url.starts_with("sqlite:") {
            true => Self::sqlite(url, Some(STATEMENT_TIMEOUT)).await?,
            false => Self::postgres(url, &POSTGRES_LIMITS, Some(STATEMENT_TIMEOUT)).await?,
        };
        migration::migrate(&store.writer).await?;
        if let Some(witness) = &store.witness {
            witness.guard();
        }
        Ok(store)
    }

    /// Opens a database as it is: nothing is made and nothing is brought up to date.
    ///
    /// # Errors
    /// Those of [`Store::open`], and one for a database that is not in the newest state.
    pub async fn open_as_it_is(url: &str) -> Result<Self, DbErr> {
        if let Some(path) = sqlite_path(url)
            && !path.exists()
        {
            return Err(DbErr::Custom(format!("there is no file {}", path.display())));
        }
        // Whoever only looks may look for long.
        let store = match url.starts_with("sqlite:") {
            true => Self::sqlite(url, None).await?,
            false => Self::postgres(url, &[], None).await?,
        };
        if !migration::is_current(&store.writer).await {
            return Err(DbErr::Custom("it is not in the newest state: confab migrate brings it there".to_owned()));
        }
        Ok(store)
    }

    async fn sqlite(url: &str, statement_timeout: Option<Duration>) -> Result<Self, DbErr> {
        if let Some(folder) = sqlite_path(url).as_deref().and_then(Path::parent) {
            std::fs::create_dir_all(folder).map_err(|cause| DbErr::Custom(format!("{}: {cause}", folder.display())))?;
        }
        // Without a witness the driver would be believed, whatever the database has undone.
        let witness = (!fault::is_on("undone-transaction-trusted")).then(Arc::<Witness>::default);
        let writer_options = || {
            let mut options = sqlite_options(url);
            witness.iter().for_each(|witness| witness.watch(&mut options));
            options
        };
        let writer = patiently(|| Database::connect(writer_options())).await?;
        let read = |url: &str| Ok(Source::sqlite(sqlite_settings(url.parse()?).pragma("query_only", "1")));
        let statements = Arc::new(AtomicU64::new(0));
        let readers = patiently(|| async {
            let source = read(url).map_err(|cause: sqlx::Error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(cause))))?;
            Readers::open(source, SQLITE_READERS, statement_timeout, Arc::clone(&statements)).await
        });
        Ok(Self::counting(readers.await?, writer, witness, statements))
    }

    async fn postgres(
        url: &str,
        limits: &'static [(&'static str, &'static str)],
        statement_timeout: Option<Duration>,
    ) -> Result<Self, DbErr> {
        let mut options = options(url, POSTGRES_WRITERS);
        options.test_before_acquire_if_idle_for(Duration::from_secs(5));
        options.map_sqlx_postgres_opts(|postgres| postgres.options(limits.iter().copied()));
        let writer = Database::connect(options).await?;
        let source = Source::postgres(url, limits);
        let source = source.map_err(|cause| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(cause))))?;
        let statements = Arc::new(AtomicU64::new(0));
        let readers = Readers::open(source, POSTGRES_READERS, statement_timeout, Arc::clone(&statements)).await?;
        Ok(Self::counting(readers, writer, None, statements))
    }

    fn counting(
        readers: Arc<Readers>,
        mut writer: DatabaseConnection,
        witness: Option<Arc<Witness>>,
        statements: Arc<AtomicU64>,
    ) -> Self {
        let written = Arc::new(AtomicU64::new(0));
        let (all, by_writer) = (Arc::clone(&statements), Arc::clone(&written));
        writer.set_metric_callback(move |_| {
            all.fetch_add(1, Ordering::Relaxed);
            by_writer.fetch_add(1, Ordering::Relaxed);
        });
        Self { readers, writer, witness, statements, written }
    }

    /// How many statements were run so far: what a list costs must not grow with the list.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// How many of them the writer ran, for which everybody who writes has to wait.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// What reads for the server itself: nobody's reading keeps it waiting.
    pub fn reader(&self) -> Reader {
        Reader::own(&self.readers)
    }

    /// What reads for a user, within their share; `heavy` during a [`Turn`] of theirs.
    pub fn reader_of(&self, user: UserId, heavy: bool) -> Reader {
        Reader::of(&self.readers, user, heavy)
    }

    /// What reads for those who have shown no token: all of them have one share together.
    pub fn reader_for_strangers(&self) -> Reader {
        Reader::of(&self.readers, STRANGERS, false)
    }

    /// A turn at heavy reading for a user, who may have two at a time; others of theirs wait.
    ///
    /// # Errors
    /// `RateLimited` where too many wait, or have waited for 20 s.
    pub async fn turn(&self, user: UserId) -> Answer<Turn> {
        self.readers.turn(user).await
    }

    /// Ends what is being read for users, in the database too, and refuses what comes later: the server stops.
    pub fn stop_reading(&self) {
        self.readers.interrupt();
    }

    /// Opens a transaction that will write: see [`Transaction`].
    ///
    /// # Errors
    /// What the driver says. A connection that was lost while it was idle is none: there is another.
    pub async fn begin(&self) -> Result<Transaction, DbErr> {
        let mut left = POSTGRES_WRITERS;
        loop {
            match Transaction::begin(&self.writer, self.witness.as_ref()).await {
                Err(cause) if is_cut(&cause) && left > 0 => left -= 1,
                begun => return begun,
            }
        }
    }

    /// Whether the database answers now.
    pub async fn ping(&self) -> Result<(), DbErr> {
        let pinged = tokio::time::timeout(ACQUIRE, self.reader().ping()).await;
        pinged.unwrap_or(Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)))
    }

    /// Closes every connection; what is committed stays.
    pub async fn close(self) {
        self.readers.close().await;
        if let Err(cause) = self.writer.close().await {
            tracing::warn!(%cause, "the database did not close cleanly");
        }
    }
}

/// The file of a SQLite database.
fn sqlite_path(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?.trim_start_matches("//").split('?').next()?;
    Some(percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned().into())
}

/// The clause that locks the rows it reads until the transaction ends; SQLite's transactions lock the whole file.
pub fn for_update(db: &impl ConnectionTrait) -> &'static str {
    match db.get_database_backend() {
        DbBackend::Postgres => " FOR UPDATE",
        _ => "",
    }
}

fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options.max_connections(connections).acquire_timeout(ACQUIRE).test_before_acquire(false).sqlx_logging(false);
    options.record_stmt_in_spans(false);
    options
}

fn sqlite_options(url: &str) -> ConnectOptions {
    let mut options = options(url, 1);
    // The writer may wait for its file as long as `BUSY`.
    options.acquire_timeout(BUSY).map_sqlx_sqlite_opts(sqlite_settings);
    options
}

fn sqlite_settings(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .create_if_missing(true)
        .busy_timeout(BUSY)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
}

/// Connects, again and again while another process is turning the new file's write-ahead log on: SQLite does not wait
/// for that by itself.
async fn patiently<T>(connect: impl AsyncFn() -> Result<T, DbErr>) -> Result<T, DbErr> {
    let until = tokio::time::Instant::now() + BUSY;
    loop {
        match connect().await {
            Err(cause) if is_locked(&cause) && tokio::time::Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            connected => return connected,
        }
    }
}

impl From<DbErr> for Error {
    /// A database that is away is `Unavailable`, a read that asks for too much `RateLimited`; anything else is a fault of ours. The cause goes to the log.
    fn from(cause: DbErr) -> Self {
        if let Some(refused) = sqlx_cause(&cause).and_then(readers::refusal) {
            tracing::debug!(%cause, "a read was not made");
            refused
        } else if is_away(&cause) {
            tracing::warn!(%cause, "the database is away");
            Error::unavailable()
        } else {
            tracing::error!(%cause, "a statement failed");
            Error::internal()
        }
    }
}

/// Whether the cause is the database's absence (or a full disk) and not the statement.
fn is_away(cause: &DbErr) -> bool {
    if matches!(cause, DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) {
        return true;
    }
    let Some(cause) = sqlx_cause(cause) else { return false };
    match cause {
        sqlx::Error::Database(cause) => cause.code().is_some_and(|code| is_away_code(&code)),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// Whether the cause is a connection that was cut, and not a database that refuses.
fn is_cut(cause: &DbErr) -> bool {
    match sqlx_cause(cause) {
        Some(sqlx::Error::Database(cause)) => cause.code().is_some_and(|code| code.starts_with("57P")),
        Some(cause) => matches!(cause, sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed),
        None => false,
    }
}

/// What the driver said of a statement.
fn sqlx_cause(cause: &DbErr) -> Option<&sqlx::Error> {
    match cause {
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => Some(cause),
        _ => None,
    }
}

/// Whether SQLite said that another process holds the file.
fn is_locked(cause: &DbErr) -> bool {
    let DbErr::Conn(RuntimeErr::SqlxError(cause)) = cause else { return false };
    matches!(cause.as_ref(), sqlx::Error::Database(cause) if cause.code().is_some_and(|code| code == "5"))
}

/// PostgreSQL's classes for a lost connection, missing resources, an operator's stop and what took too long; SQLite's
/// busy, full and I/O.
fn is_away_code(code: &str) -> bool {
    const POSTGRES: [&str; 8] = ["08", "53", "57P", "57014", "55P03", "25P03", "25006", "58"];
    // The low byte of an extended code is the plain one.
    const SQLITE: [i64; 4] = [5, 10, 13, 14];
    match code.parse::<i64>() {
        Ok(number) if code.len() < 5 => SQLITE.contains(&(number & 0xff)),
        _ => POSTGRES.iter().any(|class| code.starts_with(class)),
    }
}
