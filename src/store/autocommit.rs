//! A connection to PostgreSQL on which each statement is a transaction by itself, committed when it is answered: whoever
//! writes so holds no lock while it is asleep. SQLite has none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sea_orm::{DbErr, QueryResult, RuntimeErr, Statement, Values};
use sea_query_sqlx::SqlxValues;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Error, Executor};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::db_error::{is_away, is_lost_connection, is_refused};
use super::readers::CONNECT_TIMEOUT;
use super::work::{WorkCount, tell_statistics};

/// Everything that such a statement looks up has an index, and its values come in one array whose length PostgreSQL does
/// not know: it is planned once, for look-ups in indexes.
const SETTINGS: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// The connection, and how to make it anew.
pub struct Autocommit {
    options: PgConnectOptions,
    /// Nothing while a statement is under way: one that was given up takes its connection with it.
    kept: Mutex<Option<PgConnection>>,
    /// Statements so far.
    runs: AtomicU64,
    statements: Arc<AtomicU64>,
    written: Arc<AtomicU64>,
    work: WorkCount,
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
    pub(super) fn new(
        url: &str,
        timeouts: &[(&str, &str)],
        statements: Arc<AtomicU64>,
        written: Arc<AtomicU64>,
        work: WorkCount,
    ) -> Result<Self, Error> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.options(timeouts.iter().copied()).options(SETTINGS).disable_statement_logging();
        Ok(Self { options, kept: Mutex::new(None), runs: AtomicU64::new(0), statements, written, work })
    }

    /// Runs a statement that only reads. A connection that was lost while it was idle is none: it is read again.
    ///
    /// # Errors
    /// What the driver says of a database that is away.
    pub async fn read(&self, statement: &Statement) -> Result<Outcome, DbErr> {
        match self.run(statement).await {
            Err(cause) if is_lost_connection(&cause) => outcome(self.run(statement).await),
            read => outcome(read),
        }
    }

    /// Runs a statement that writes.
    ///
    /// # Errors
    /// What the driver says of a database that is away: nobody knows whether the statement was committed.
    pub async fn write(&self, statement: &Statement) -> Result<Outcome, DbErr> {
        outcome(self.run(statement).await)
    }

    async fn run(&self, statement: &Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.written.fetch_add(1, Ordering::Relaxed);
        let mut kept = self.kept.lock().await;
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => {
                let connected = timeout(CONNECT_TIMEOUT, self.options.connect()).await;
                connected.unwrap_or(Err(Error::PoolTimedOut)).map_err(failed)?
            }
        };
        // A plan that was made for an empty table takes any index for as good as another, and is kept until somebody
        // analyses the table: it is made anew whenever twice as much was written.
        if self.runs.fetch_add(1, Ordering::Relaxed).is_power_of_two() {
            connection.execute("DISCARD PLANS").await.map_err(failed)?;
        }
        let values = SqlxValues(statement.values.clone().unwrap_or_else(|| Values(Vec::new())));
        let query = sqlx::query_with(AssertSqlSafe(statement.sql.as_str()), values);
        let rows = query.fetch_all(&mut connection).await.map_err(failed);
        if self.work.is_on() {
            tell_statistics(&mut connection).await.map_err(failed)?;
        }
        if rows.as_ref().err().is_none_or(is_refused) {
            *kept = Some(connection);
        }
        Ok(rows?.into_iter().map(QueryResult::from).collect())
    }

    pub(super) async fn close(&self) {
        if let Some(connection) = self.kept.lock().await.take() {
            drop(timeout(CONNECT_TIMEOUT, connection.close()).await);
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
