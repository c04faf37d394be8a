//! A connection of the writer on which each statement is a transaction by itself, committed when it is answered: on
//! PostgreSQL, whoever writes so holds no lock while it is asleep; on SQLite, it is one errand to its thread and not ten, and
//! whoever waits is woken once for each row and statement.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sea_orm::{DbBackend, DbErr, QueryResult, RuntimeErr, Statement, Values};
use sea_query_sqlx::SqlxValues;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Error, Executor};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::db_error::{is_away, is_lost_connection, is_refused};
use super::readers::CONNECT_TIMEOUT;
use super::work::{WorkCount, tell_statistics};

/// The connection, and how to make it anew.
pub struct Autocommit {
    way: Way,
    /// Nothing while a statement is under way: one that was given up takes its connection with it.
    kept: Mutex<Option<Connected>>,
    /// Statements so far.
    runs: AtomicU64,
    counts: Counts,
}

/// What is counted of a store, together with its other connections.
pub(super) struct Counts {
    pub statements: Arc<AtomicU64>,
    pub written: Arc<AtomicU64>,
    pub work: WorkCount,
}

enum Way {
    Postgres(PgConnectOptions),
    Sqlite(SqliteConnectOptions),
}

enum Connected {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Connected {
    async fn close(self) -> Result<(), Error> {
        match self {
            Connected::Postgres(connection) => connection.close().await,
            Connected::Sqlite(connection) => connection.close().await,
        }
    }
}

/// What became of a statement.
#[derive(Debug)]
pub enum Outcome {
    /// It was run and committed, and answered with these rows.
    Committed(Vec<QueryResult>),
    /// The database refused it, and nothing was written.
    Refused(DbErr),
}

impl Autocommit {
    pub(super) fn postgres(options: PgConnectOptions, counts: Counts) -> Self {
        Self::to(Way::Postgres(options), counts)
    }

    pub(super) fn sqlite(options: SqliteConnectOptions, counts: Counts) -> Self {
        Self::to(Way::Sqlite(options), counts)
    }

    fn to(way: Way, counts: Counts) -> Self {
        Self { way, kept: Mutex::new(None), runs: AtomicU64::new(0), counts }
    }

    /// Which database this is.
    pub fn backend(&self) -> DbBackend {
        match self.way {
            Way::Postgres(_) => DbBackend::Postgres,
            Way::Sqlite(_) => DbBackend::Sqlite,
        }
    }

    /// Runs a statement that only reads. A connection that was lost while it was idle is none: it is read again.
    ///
    /// # Errors
    /// What the driver says of a database that is away.
    pub async fn read(&self, statement: &Statement) -> Result<Outcome, DbErr> {
        match self.run(statement.clone()).await {
            Err(cause) if is_lost_connection(&cause) => outcome(self.run(statement.clone()).await),
            read => outcome(read),
        }
    }

    /// Runs a statement that writes.
    ///
    /// # Errors
    /// What the driver says of a database that is away: nobody knows whether the statement was committed.
    pub async fn write(&self, statement: Statement) -> Result<Outcome, DbErr> {
        outcome(self.run(statement).await)
    }

    async fn run(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.counts.statements.fetch_add(1, Ordering::Relaxed);
        self.counts.written.fetch_add(1, Ordering::Relaxed);
        let runs = self.runs.fetch_add(1, Ordering::Relaxed);
        let mut kept = self.kept.lock().await;
        let connection = match kept.take() {
            Some(connection) => connection,
            None => {
                let connected = timeout(CONNECT_TIMEOUT, self.connect()).await;
                connected.unwrap_or(Err(Error::PoolTimedOut)).map_err(failed)?
            }
        };
        let values = SqlxValues(statement.values.unwrap_or_else(|| Values(Vec::new())));
        let sql = AssertSqlSafe(statement.sql);
        match connection {
            Connected::Postgres(mut connection) => {
                // A plan that was made for an empty table takes any index for as good as another, and is kept until
                // somebody analyses the table: it is made anew whenever twice as much was written.
                if runs.is_power_of_two() {
                    connection.execute("DISCARD PLANS").await.map_err(failed)?;
                }
                let rows = sqlx::query_with(sql, values).fetch_all(&mut connection).await.map_err(failed);
                if self.counts.work.is_on() {
                    tell_statistics(&mut connection).await.map_err(failed)?;
                }
                if rows.as_ref().err().is_none_or(is_refused) {
                    *kept = Some(Connected::Postgres(connection));
                }
                Ok(rows?.into_iter().map(QueryResult::from).collect())
            }
            Connected::Sqlite(mut connection) => {
                let rows = sqlx::query_with(sql, values).fetch_all(&mut connection).await.map_err(failed);
                match &rows {
                    Err(cause) if is_away(cause) || !is_refused(cause) => {
                        drop(timeout(CONNECT_TIMEOUT, connection.close()).await);
                    }
                    _ => *kept = Some(Connected::Sqlite(connection)),
                }
                Ok(rows?.into_iter().map(QueryResult::from).collect())
            }
        }
    }

    async fn connect(&self) -> Result<Connected, Error> {
        match &self.way {
            Way::Postgres(options) => options.connect().await.map(Connected::Postgres),
            Way::Sqlite(options) => {
                let mut connection = options.connect().await?;
                self.counts.work.watch(&mut connection).await?;
                Ok(Connected::Sqlite(connection))
            }
        }
    }

    pub(super) async fn close(&self) {
        if let Some(connection) = self.kept.lock().await.take()
            && let Ok(Err(cause)) = timeout(CONNECT_TIMEOUT, connection.close()).await
        {
            tracing::warn!(%cause, "the database did not close cleanly");
        }
    }
}

fn outcome(run: Result<Vec<QueryResult>, DbErr>) -> Result<Outcome, DbErr> {
    match run {
        Ok(rows) => Ok(Outcome::Committed(rows)),
        Err(cause) if is_refused(&cause) && !is_away(&cause) => Ok(Outcome::Refused(cause)),
        Err(cause) => Err(cause),
    }
}

fn failed(cause: Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(cause)))
}
