//! One connection that reads, and the handle that cancels its statement in the database itself: a flag that SQLite reads
//! every thousand steps, a request to PostgreSQL over another connection.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use sea_orm::{QueryResult, Statement};
use sea_query_sqlx::SqlxValues;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, Error, Executor};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::store::work::{WorkCount, tell_statistics};

/// Steps of SQLite's machine between two looks at the flag: some tens of microseconds.
const STEPS_PER_LOOK: i32 = 1_000;
/// How long PostgreSQL may take to hear that it shall end a statement.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes that PostgreSQL keeps of the name of a connection.
const MAX_NAME_BYTES: usize = 63;
/// Bytes of a name that tell one connection from all others: two blanks, 16 digits and a number of up to eight.
const SUFFIX_BYTES: usize = 26;

/// Where connections come from.
pub enum Source {
    Sqlite(Box<SqliteConnectOptions>, WorkCount),
    Postgres(Box<Postgres>),
}

/// How to connect to PostgreSQL. Each connection has a name of its own, by which the canceller finds it even where a
/// pooler stands in between.
pub struct Postgres {
    options: PgConnectOptions,
    name: String,
    opened: AtomicU64,
    canceller: Arc<Canceller>,
    work: WorkCount,
}

/// The connection over which PostgreSQL is told to end the statement of another one. It is opened when it is first
/// needed.
pub(super) struct Canceller {
    options: PgConnectOptions,
    connection: Mutex<Option<PgConnection>>,
}

/// An open connection.
pub(super) enum Connection {
    Sqlite(SqliteConnection, Arc<AtomicBool>),
    Postgres(PgConnection, Arc<Canceller>, Arc<str>, WorkCount),
}

/// Cancels the statement that a connection is working on.
#[derive(Clone)]
pub(super) enum CancelHandle {
    Sqlite(Arc<AtomicBool>),
    Postgres(Arc<Canceller>, Arc<str>),
}

impl Source {
    /// A file of SQLite, opened with these options.
    pub fn sqlite(options: SqliteConnectOptions, work: WorkCount) -> Self {
        Source::Sqlite(Box::new(options.disable_statement_logging()), work)
    }

    /// A PostgreSQL, whose connections get these settings.
    ///
    /// # Errors
    /// A URL that is none.
    pub fn postgres(url: &str, settings: &[(&str, &str)], work: WorkCount) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(url)?.disable_statement_logging();
        let given = options.get_application_name().unwrap_or("confab").to_owned();
        let bookkeeping = options.clone().application_name(&given);
        let options = options.options(settings.iter().copied());
        // It tells this process from all others.
        let process = uuid::Uuid::new_v4().simple().to_string();
        let given: String = given.chars().filter(char::is_ascii).take(MAX_NAME_BYTES - SUFFIX_BYTES).collect();
        let name = format!("{given} {}", &process[..16]);
        let canceller = Arc::new(Canceller { options: bookkeeping, connection: Mutex::new(None) });
        Ok(Source::Postgres(Box::new(Postgres { options, name, opened: AtomicU64::new(0), canceller, work })))
    }

    /// Whether no network lies in between.
    pub fn is_local(&self) -> bool {
        matches!(self, Source::Sqlite(..))
    }

    pub(super) async fn connect(&self) -> Result<Connection, Error> {
        match self {
            Source::Sqlite(options, work) => {
                let mut connection = options.connect().await?;
                let cancelled = Arc::new(AtomicBool::new(false));
                let looked_at = Arc::clone(&cancelled);
                let mut handle = connection.lock_handle().await?;
                let (work, steps) = (work.clone(), if work.is_on() { 1 } else { STEPS_PER_LOOK });
                handle.set_progress_handler(steps, move || {
                    work.step();
                    !looked_at.load(Ordering::Relaxed)
                });
                drop(handle);
                Ok(Connection::Sqlite(connection, cancelled))
            }
            Source::Postgres(postgres) => {
                let number = postgres.opened.fetch_add(1, Ordering::Relaxed) % 100_000_000;
                let name = format!("{} {number}", postgres.name);
                let connection = postgres.options.clone().application_name(&name).connect().await?;
                let (canceller, work) = (Arc::clone(&postgres.canceller), postgres.work.clone());
                Ok(Connection::Postgres(connection, canceller, name.into(), work))
            }
        }
    }
}

impl Connection {
    pub fn cancel_handle(&self) -> CancelHandle {
        match self {
            Connection::Sqlite(_, cancelled) => CancelHandle::Sqlite(Arc::clone(cancelled)),
            Connection::Postgres(_, canceller, name, _) => {
                CancelHandle::Postgres(Arc::clone(canceller), Arc::clone(name))
            }
        }
    }

    /// All rows of a statement.
    pub async fn rows(&mut self, statement: &Statement) -> Result<Vec<QueryResult>, Error> {
        let query = (AssertSqlSafe(statement.sql.as_str()), values(statement));
        match self {
            Connection::Sqlite(connection, _) => {
                let rows = sqlx::query_with(query.0, query.1).fetch_all(connection).await?;
                Ok(rows.into_iter().map(QueryResult::from).collect())
            }
            Connection::Postgres(connection, .., work) => {
                let rows = sqlx::query_with(query.0, query.1).fetch_all(&mut *connection).await?;
                if work.is_on() {
                    tell_statistics(connection).await?;
                }
                Ok(rows.into_iter().map(QueryResult::from).collect())
            }
        }
    }

    /// The first row of a statement.
    pub async fn row(&mut self, statement: &Statement) -> Result<Option<QueryResult>, Error> {
        let query = (AssertSqlSafe(statement.sql.as_str()), values(statement));
        match self {
            Connection::Sqlite(connection, _) => {
                let row = sqlx::query_with(query.0, query.1).fetch_optional(connection).await?;
                Ok(row.map(QueryResult::from))
            }
            Connection::Postgres(connection, .., work) => {
                let row = sqlx::query_with(query.0, query.1).fetch_optional(&mut *connection).await?;
                if work.is_on() {
                    tell_statistics(connection).await?;
                }
                Ok(row.map(QueryResult::from))
            }
        }
    }

    pub async fn ping(&mut self) -> Result<(), Error> {
        match self {
            Connection::Sqlite(connection, _) => connection.ping().await,
            Connection::Postgres(connection, ..) => connection.ping().await,
        }
    }

    pub async fn close(self) -> Result<(), Error> {
        match self {
            Connection::Sqlite(connection, _) => connection.close().await,
            Connection::Postgres(connection, ..) => connection.close().await,
        }
    }
}

fn values(statement: &Statement) -> SqlxValues {
    SqlxValues(statement.values.clone().unwrap_or_else(|| sea_orm::Values(Vec::new())))
}

impl CancelHandle {
    /// Cancels the statement, as far as that takes no waiting: PostgreSQL hears nothing of it.
    pub fn cancel_now(&self) {
        if let CancelHandle::Sqlite(cancelled) = self {
            cancelled.store(true, Ordering::Relaxed);
        }
    }

    /// Cancels the statement; answers whether the database heard it.
    pub async fn cancel(&self) -> bool {
        self.cancel_now();
        match self {
            CancelHandle::Sqlite(_) => true,
            CancelHandle::Postgres(canceller, name) => {
                timeout(CANCEL_TIMEOUT, canceller.cancel(name)).await.unwrap_or(false)
            }
        }
    }

    /// Makes the connection fit for its next statement, once the cancelled one has ended.
    pub fn reset(&self) {
        if let CancelHandle::Sqlite(cancelled) = self {
            cancelled.store(false, Ordering::Relaxed);
        }
    }
}

impl Canceller {
    async fn cancel(&self, name: &str) -> bool {
        let mut kept = self.connection.lock().await;
        // The kept connection may have been lost with others.
        for _ in 0..2 {
            let connection = match kept.take() {
                Some(connection) => Ok(connection),
                None => self.options.connect().await,
            };
            let Ok(mut connection) = connection else { return false };
            let sql =
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND state = 'active'";
            if connection.execute(sqlx::query(sql).bind(name)).await.is_ok() {
                *kept = Some(connection);
                return true;
            }
        }
        false
    }
}

/// Whether the connection is of no more use.
pub(super) fn is_broken(cause: &Error) -> bool {
    match cause {
        Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::WorkerCrashed => true,
        // Lost, told to go, or connected to a server that starts or stops.
        Error::Database(cause) => {
            cause.code().is_some_and(|code| code.len() == 5 && (code.starts_with("08") || code.starts_with("57P")))
        }
        _ => false,
    }
}

/// Whether the database says that a statement was ended from outside, or after its time.
pub(super) fn is_cancelled(cause: &Error) -> bool {
    const SQLITE_INTERRUPT: &str = "9";
    const POSTGRES_CANCELED: &str = "57014";
    let Error::Database(cause) = cause else { return false };
    cause.code().is_some_and(|code| code == SQLITE_INTERRUPT || code == POSTGRES_CANCELED)
}
