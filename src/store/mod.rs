//! How things are kept: the pools, the one writer's transactions and what differs between the two databases.
//! It knows no rule of chat: which rows belong together is said by its callers.

mod about;
mod among;
mod autocommit;
pub mod blobs;
mod connect;
mod db_error;
mod dialect;
mod monitor;
mod open_error;
mod queue;
mod readers;
mod script;
#[cfg(test)]
mod tests;
mod transaction;
mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sea_orm::{ConnAcquireErr, ConnectionTrait, Database, DatabaseConnection, DbErr, RuntimeErr, Statement};

use crate::config::fault;
use crate::error::Result as Answer;
use crate::id::UserId;

pub use among::{Listed, among, is_listed, list, rows_of};
pub use autocommit::{Autocommit, Outcome};
pub use blobs::Blobs;
pub(crate) use connect::sqlite_file;
pub use dialect::{first_messages_of_each, for_update, given, join_first, json};
pub use open_error::OpenError;
pub use queue::{Commit, Queue, Queued, queue};
pub use readers::{HeavyReadPermit, Reader};
pub use script::Script;
pub use transaction::Transaction;

use autocommit::Counts;
use connect::{
    POSTGRES_ASIDE, POSTGRES_WRITERS, autocommit_postgres, autocommit_sqlite, postgres_aside, postgres_writer,
    retry_while_locked, sqlite_reader, sqlite_writer,
};
use monitor::TransactionMonitor;
use readers::{CONNECT_TIMEOUT, ReadPools, STATEMENT_TIMEOUT, Source};
use work::WorkCount;

/// An open database. Reads take their turns in the read pools; writes go through [`Store::begin`], one at a time on a
/// node.
#[derive(Clone)]
pub struct Store {
    readers: Arc<ReadPools>,
    writer: DatabaseConnection,
    /// On SQLite, what is known of the writer's connection.
    monitor: Option<Arc<TransactionMonitor>>,
    /// The writer's connection for statements that are transactions by themselves.
    autocommit: Option<Arc<Autocommit>>,
    /// On PostgreSQL, connections for what is written beside the log.
    aside: Option<DatabaseConnection>,
    /// On PostgreSQL, the connection for what nodes count together.
    shared_counts: Option<Arc<Autocommit>>,
    statements: Arc<AtomicU64>,
    written: Arc<AtomicU64>,
    work: WorkCount,
}

/// Connections that read for users at the same time. Eight serve PostgreSQL as well as 32 do; SQLite has a thread for
/// each.
const SQLITE_READERS: usize = 4;
const POSTGRES_READERS: usize = 8;
/// How long PostgreSQL may work on one statement, wait for a lock, and keep the transaction of a client that vanished.
///
/// Whoever falls silent in the midst of a transaction holds the row that all nodes write by: it is undone after two seconds.
const POSTGRES_TIMEOUTS: [(&str, &str); 4] = [
    ("statement_timeout", "10s"),
    ("lock_timeout", "3s"),
    ("idle_in_transaction_session_timeout", "2s"),
    ("tcp_keepalives_idle", "5"),
];
/// The user whose share all callers without a token have together. No user has this id.
const ANONYMOUS: UserId = UserId::stored(0);

impl Store {
    /// Opens `sqlite:PATH` (created if missing) or `postgres://…`, and brings its tables to the newest state.
    ///
    /// # Errors
    /// An unreachable server, a file that is no database, a failed migration.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Self::open_to_serve(url, POSTGRES_READERS, false).await
    }

    /// The same, with so many connections that read from PostgreSQL; for tests, what the database has to do may be counted
    /// ([`Store::steps`]).
    ///
    /// # Errors
    /// Those of [`Store::open`].
    pub async fn open_to_serve(url: &str, readers: usize, count_work: bool) -> Result<Self, OpenError> {
        match Self::try_to_serve(url, readers, count_work).await {
            Ok(store) => Ok(store),
            Err(cause) => Err(OpenError::of(url, cause).await),
        }
    }

    async fn try_to_serve(url: &str, readers: usize, count_work: bool) -> Result<Self, DbErr> {
        let work = if count_work { WorkCount::on() } else { WorkCount::default() };
        let store = match url.starts_with("sqlite:") {
            true => Self::sqlite(url, Some(STATEMENT_TIMEOUT), work).await?,
            false => Self::postgres(url, readers, &POSTGRES_TIMEOUTS, Some(STATEMENT_TIMEOUT), work).await?,
        };
        migration::migrate(&store.writer).await?;
        let tell = |what: &str, done, total| tracing::info!("Numbering {what}: {done} of {total}");
        migration::number(&store.writer, tell).await?;
        if let Some(monitor) = &store.monitor {
            monitor.forbid_implicit_commits();
        }
        Ok(store)
    }

    /// Opens a database as it is: nothing is made and nothing is brought up to date.
    ///
    /// # Errors
    /// Those of [`Store::open`], and one for a database that is not in the newest state.
    pub async fn open_as_it_is(url: &str) -> Result<Self, OpenError> {
        match Self::try_as_it_is(url).await {
            Ok(store) => Ok(store),
            Err(cause) => Err(OpenError::of(url, cause).await),
        }
    }

    async fn try_as_it_is(url: &str) -> Result<Self, DbErr> {
        if let Some(path) = sqlite_file(url)
            && !path.exists()
        {
            return Err(DbErr::Custom(format!("there is no file {}", path.display())));
        }
        // An operator who only looks may look for long.
        let store = match url.starts_with("sqlite:") {
            true => Self::sqlite(url, None, WorkCount::default()).await?,
            false => Self::postgres(url, POSTGRES_READERS, &[], None, WorkCount::default()).await?,
        };
        if !migration::is_current(&store.writer).await {
            return Err(DbErr::Custom("it is not in the newest state: confab migrate brings it there".to_owned()));
        }
        Ok(store)
    }

    async fn sqlite(url: &str, statement_timeout: Option<Duration>, work: WorkCount) -> Result<Self, DbErr> {
        if let Some(folder) = sqlite_file(url).as_deref().and_then(std::path::Path::parent) {
            let failed = |cause| DbErr::Custom(format!("its folder {} cannot be made: {cause}", folder.display()));
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        // Without a monitor the driver would be believed, whatever the database has undone.
        let monitor =
            (!fault::is_on("undone-transaction-trusted")).then(|| Arc::new(TransactionMonitor::counting(work.clone())));
        let writer_options = || {
            let mut options = sqlite_writer(url);
            monitor.iter().for_each(|monitor| monitor.install(&mut options));
            options
        };
        let writer = retry_while_locked(|| Database::connect(writer_options())).await?;
        let statements = Arc::new(AtomicU64::new(0));
        let readers = retry_while_locked(|| async {
            let source = Source::sqlite(sqlite_reader(url).map_err(connection_error)?, work.clone());
            ReadPools::open(source, SQLITE_READERS, statement_timeout, Arc::clone(&statements)).await
        });
        let is_monitored = monitor.is_some();
        let store = Self::counting(readers.await?, writer, monitor, statements, work);
        if !is_monitored {
            return Ok(store);
        }
        let options = autocommit_sqlite(url).map_err(connection_error)?;
        Ok(store.with_autocommit(|counts| Autocommit::sqlite(options, counts)))
    }

    async fn postgres(
        url: &str,
        readers: usize,
        timeouts: &'static [(&'static str, &'static str)],
        statement_timeout: Option<Duration>,
        work: WorkCount,
    ) -> Result<Self, DbErr> {
        let mut options = postgres_writer(url, timeouts);
        work.install(&mut options);
        let writer = Database::connect(options).await?;
        let aside = Database::connect(postgres_aside(url, timeouts)).await?;
        let source = Source::postgres(url, timeouts, work.clone()).map_err(connection_error)?;
        let statements = Arc::new(AtomicU64::new(0));
        let readers = ReadPools::open(source, readers, statement_timeout, Arc::clone(&statements)).await?;
        let mut store = Self::counting(readers, writer, None, statements, work);
        let (all, mut aside) = (Arc::clone(&store.statements), aside);
        aside.set_metric_callback(move |_| {
            all.fetch_add(1, Ordering::Relaxed);
        });
        store.aside = Some(aside);
        let options = autocommit_postgres(url, timeouts).map_err(connection_error)?;
        let counts =
            Counts { statements: Arc::clone(&store.statements), written: Arc::default(), work: WorkCount::default() };
        store.shared_counts = Some(Arc::new(Autocommit::postgres(options.clone(), counts)));
        Ok(store.with_autocommit(|counts| Autocommit::postgres(options, counts)))
    }

    fn with_autocommit(mut self, make: impl FnOnce(Counts) -> Autocommit) -> Self {
        let counts = Counts {
            statements: Arc::clone(&self.statements),
            written: Arc::clone(&self.written),
            work: self.work.clone(),
        };
        self.autocommit = Some(Arc::new(make(counts)));
        self
    }

    /// The store upon open connections, whose writer counts its statements from now on.
    fn counting(
        readers: Arc<ReadPools>,
        mut writer: DatabaseConnection,
        monitor: Option<Arc<TransactionMonitor>>,
        statements: Arc<AtomicU64>,
        work: WorkCount,
    ) -> Self {
        let written = Arc::new(AtomicU64::new(0));
        let (all, by_writer) = (Arc::clone(&statements), Arc::clone(&written));
        writer.set_metric_callback(move |_| {
            all.fetch_add(1, Ordering::Relaxed);
            by_writer.fetch_add(1, Ordering::Relaxed);
        });
        Self { readers, writer, monitor, autocommit: None, aside: None, shared_counts: None, statements, written, work }
    }

    /// How many statements were run so far: what a list costs must not grow with the list.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// How many of them the writer ran, for which everybody who writes has to wait.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// How many steps the machine of SQLite has taken, where they are counted: what a request costs must not grow with
    /// what is stored.
    pub fn steps(&self) -> u64 {
        self.work.steps()
    }

    /// A reader for the server itself: no user's reading keeps it waiting.
    pub fn reader(&self) -> Reader {
        Reader::for_server(&self.readers)
    }

    /// A reader for a user, within their share; `heavy` while the caller holds a [`HeavyReadPermit`] of theirs.
    pub fn reader_of(&self, user: UserId, heavy: bool) -> Reader {
        Reader::for_user(&self.readers, user, heavy)
    }

    /// A reader for callers who have shown no token: all of them have one share together.
    pub fn reader_for_strangers(&self) -> Reader {
        Reader::for_user(&self.readers, ANONYMOUS, false)
    }

    /// A turn at heavy reading for a user, who may have two at a time; others of theirs wait.
    ///
    /// # Errors
    /// `RateLimited` where too many wait, or have waited for 20 s.
    pub async fn turn(&self, user: UserId) -> Answer<HeavyReadPermit> {
        self.readers.turn(user).await
    }

    /// Ends what is being read for users, in the database too, and refuses what comes later: the server stops.
    pub fn stop_reading(&self) {
        self.readers.stop_users();
    }

    /// Opens a transaction that will write: see [`Transaction`].
    ///
    /// # Errors
    /// What the driver says. A connection that was lost while it was idle is none: there is another.
    pub async fn begin(&self) -> Result<Transaction, DbErr> {
        let mut retries_left = POSTGRES_WRITERS;
        loop {
            match Transaction::begin(&self.writer, self.monitor.as_ref()).await {
                Err(cause) if db_error::is_lost_connection(&cause) && retries_left > 0 => retries_left -= 1,
                begun => return begun,
            }
        }
    }

    /// The connection for what nodes count together; none on SQLite, where a server is alone.
    pub fn shared_counts(&self) -> Option<&Autocommit> {
        self.shared_counts.as_deref()
    }

    /// Whether there is a way to write beside the writer: SQLite has one writer.
    pub fn has_aside(&self) -> bool {
        self.aside.is_some()
    }

    /// Opens a transaction beside the writer's, for what makes no event. On SQLite it waits for its turn with the writer.
    ///
    /// # Errors
    /// As [`Store::begin`].
    pub async fn begin_aside(&self) -> Result<Transaction, DbErr> {
        let Some(aside) = &self.aside else { return self.begin().await };
        let mut retries_left = POSTGRES_ASIDE;
        loop {
            match Transaction::begin(aside, None).await {
                Err(cause) if db_error::is_lost_connection(&cause) && retries_left > 0 => retries_left -= 1,
                begun => return begun,
            }
        }
    }

    /// Runs a statement beside the writer that is a transaction by itself, and may be run twice; how many rows it changed. On
    /// SQLite there is no such way.
    ///
    /// # Errors
    /// What the driver says. A connection that was lost while it was idle is none: there is another.
    pub async fn execute_aside(&self, statement: Statement) -> Result<u64, DbErr> {
        let Some(aside) = &self.aside else { return Err(DbErr::Custom("SQLite has one writer".to_owned())) };
        let mut retries_left = POSTGRES_ASIDE;
        loop {
            match aside.execute_raw(statement.clone()).await {
                Err(cause) if db_error::is_lost_connection(&cause) && retries_left > 0 => retries_left -= 1,
                executed => return executed.map(|executed| executed.rows_affected()),
            }
        }
    }

    /// The writer's connection for statements that are transactions by themselves.
    pub fn autocommit(&self) -> Option<&Autocommit> {
        self.autocommit.as_deref()
    }

    /// Copies a SQLite database as it is at this moment into a file that is not there yet. Whoever reads and writes goes on.
    ///
    /// # Errors
    /// What the driver says, and a database that is not SQLite's.
    pub async fn copy_to(&self, path: &std::path::Path) -> Result<(), DbErr> {
        let copy = Statement::from_sql_and_values(
            sea_orm::DbBackend::Sqlite,
            "VACUUM INTO ?",
            [path.to_string_lossy().into_owned().into()],
        );
        self.writer.execute_raw(copy).await.map(drop)
    }

    /// Whether the database answers now.
    ///
    /// # Errors
    /// What the driver says, or that it does not answer in time.
    pub async fn ping(&self) -> Result<(), DbErr> {
        let pinged = tokio::time::timeout(CONNECT_TIMEOUT, self.reader().ping()).await;
        pinged.unwrap_or(Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)))
    }

    /// Closes every connection; what is committed stays.
    pub async fn close(self) {
        self.readers.close().await;
        for connection in self.autocommit.iter().chain(&self.shared_counts) {
            connection.close().await;
        }
        for connections in self.aside.into_iter().chain([self.writer]) {
            if let Err(cause) = connections.close().await {
                tracing::warn!(%cause, "the database did not close cleanly");
            }
        }
    }
}

fn connection_error(cause: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(cause)))
}
