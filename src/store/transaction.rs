//! Transactions that are what the database says they are, and not what the driver believes. SQLite undoes one by itself
//! when its disk is full or fails, and the driver, whose own ROLLBACK then fails, goes on counting it as open: what comes
//! next is answered and never stored. PostgreSQL answers the COMMIT of a failed one with a ROLLBACK and calls it a success.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::prelude::async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};

use super::monitor::{MonitoredTransaction, TransactionMonitor};

/// An open transaction that writes. It takes no statement and does not commit once the database has undone it. Dropping
/// it undoes it, and its connection is not used again.
pub struct Transaction {
    // Dropped first: the monitor has to know how it ended before the connection goes back.
    monitored: Option<MonitoredTransaction>,
    inner: DatabaseTransaction,
    /// Whether the last statement failed: a transaction of PostgreSQL stays so until it goes back to a savepoint.
    failed: AtomicBool,
}

impl Transaction {
    /// Begins. On SQLite it takes the write lock at once, so that it cannot fail half-way because another process wrote
    /// in between; there, `monitor` is that of the connection.
    pub(super) async fn begin(
        writer: &DatabaseConnection,
        monitor: Option<&Arc<TransactionMonitor>>,
    ) -> Result<Self, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let inner = writer.begin_with_options(options).await?;
        let monitored = monitor.map(TransactionMonitor::begin);
        Ok(Self { inner, failed: AtomicBool::new(false), monitored })
    }

    /// Commits. When this returns, the database has said that it committed this very transaction, and that its
    /// connection is outside of any.
    ///
    /// # Errors
    /// What the driver says, and a lost connection for a transaction that the database had undone.
    pub async fn commit(self) -> Result<(), DbErr> {
        self.must_be_open()?;
        if self.inner.get_database_backend() == DbBackend::Postgres && self.failed.load(Ordering::Relaxed) {
            return Err(undone());
        }
        let Self { inner, monitored, .. } = self;
        let Some(monitored) = monitored else { return inner.commit().await };
        {
            let _allowed = monitored.allow_commit();
            inner.commit().await?;
        }
        if monitored.was_committed().await { Ok(()) } else { Err(undone()) }
    }

    /// Undoes it.
    ///
    /// # Errors
    /// What the driver says, which has to be nothing where the database had undone it before.
    pub async fn rollback(self) -> Result<(), DbErr> {
        let Self { inner, monitored, .. } = self;
        inner.rollback().await?;
        if let Some(monitored) = monitored {
            monitored.was_rolled_back();
        }
        Ok(())
    }

    fn must_be_open(&self) -> Result<(), DbErr> {
        if self.monitored.as_ref().is_none_or(MonitoredTransaction::is_open) { Ok(()) } else { Err(undone()) }
    }

    async fn run<T>(&self, statement: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        self.must_be_open()?;
        let outcome = statement.await;
        self.failed.store(outcome.is_err(), Ordering::Relaxed);
        outcome
    }
}

/// A connection that has lost its transaction is as good as lost.
pub(super) fn undone() -> DbErr {
    DbErr::Conn(RuntimeErr::Internal("the database has undone the transaction".to_owned()))
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.run(self.inner.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.run(self.inner.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.run(self.inner.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.run(self.inner.query_all_raw(statement)).await
    }
}
