//! Transactions that are what the database says they are, and not what the driver believes. SQLite undoes one by itself
//! when its disk is full or fails, and the driver, whose own ROLLBACK then fails, goes on counting it as open: what comes
//! next is answered and never stored. PostgreSQL answers the COMMIT of a failed one with a ROLLBACK and calls it a success.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sea_orm::prelude::async_trait::async_trait;
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::watch;

/// An open transaction that writes. It takes no statement and does not commit once the database has undone it. Dropping
/// it undoes it, and its connection is not used again.
pub struct Transaction {
    // Dropped first: what it has to say is said before the connection goes back.
    witnessed: Option<Witnessed>,
    inner: DatabaseTransaction,
    /// Whether the last statement failed: a transaction of PostgreSQL stays so until it goes back to a savepoint.
    failed: AtomicBool,
}

/// What is known of the writer's one connection to SQLite, whichever that is at the time.
#[derive(Default)]
pub(super) struct Witness {
    /// Whether nothing may be committed but by [`Transaction::commit`]: a statement that finds its transaction undone
    /// would else commit by itself.
    guarded: AtomicBool,
    committing: AtomicBool,
    commits: AtomicU64,
    rollbacks: AtomicU64,
    /// The transaction ended otherwise than it should have: its connection is to be thrown away.
    suspect: AtomicBool,
    returned: watch::Sender<Returned>,
}

/// How the connection came back from its last transaction.
#[derive(Debug, Clone, Copy, Default)]
struct Returned {
    times: u64,
    /// Whether SQLite said that it was outside of any transaction.
    outside: bool,
}

/// The witness of a transaction, and what it said when that began.
struct Witnessed {
    witness: Arc<Witness>,
    commits: u64,
    rollbacks: u64,
    returned: u64,
    /// Whether it ended as it was meant to.
    ended: bool,
}

impl Transaction {
    /// Begins. On SQLite it takes the write lock at once, so that it cannot fail half-way because another process wrote
    /// in between; there, `witness` is that of the connection.
    pub(super) async fn begin(writer: &DatabaseConnection, witness: Option<&Arc<Witness>>) -> Result<Self, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let inner = writer.begin_with_options(options).await?;
        let witnessed = witness.map(Witness::begun);
        Ok(Self { inner, failed: AtomicBool::new(false), witnessed })
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
        let Self { inner, witnessed, .. } = self;
        let Some(mut witnessed) = witnessed else { return inner.commit().await };
        {
            let _committing = witnessed.witness.committing();
            inner.commit().await?;
        }
        witnessed.must_be_committed().await?;
        witnessed.ended = true;
        Ok(())
    }

    /// Undoes it.
    ///
    /// # Errors
    /// What the driver says, which has to be nothing where the database had undone it before.
    pub async fn rollback(self) -> Result<(), DbErr> {
        let Self { inner, mut witnessed, .. } = self;
        inner.rollback().await?;
        if let Some(witnessed) = &mut witnessed {
            witnessed.ended = true;
        }
        Ok(())
    }

    fn must_be_open(&self) -> Result<(), DbErr> {
        if self.witnessed.as_ref().is_none_or(Witnessed::is_open) { Ok(()) } else { Err(undone()) }
    }

    async fn run<T>(&self, statement: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        self.must_be_open()?;
        let outcome = statement.await;
        self.failed.store(outcome.is_err(), Ordering::Relaxed);
        outcome
    }
}

/// A connection that has lost its transaction is as good as lost.
fn undone() -> DbErr {
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

impl Witness {
    /// Makes the one connection of a pool of SQLite tell this witness what becomes of its transactions, and prove each
    /// time that it comes back that it is outside of one. One that is not, or might not be, is closed, and the next
    /// transaction has another.
    pub fn watch(self: &Arc<Self>, options: &mut ConnectOptions) {
        let witness = Arc::clone(self);
        options.map_sqlx_sqlite_pool_opts(move |pool| {
            let (opened, returned) = (Arc::clone(&witness), Arc::clone(&witness));
            pool.max_lifetime(None)
                .idle_timeout(None)
                .after_connect(move |connection, _| Box::pin(Arc::clone(&opened).listen(connection)))
                .after_release(move |connection, _| Box::pin(Arc::clone(&returned).is_fit(connection)))
        });
    }

    /// From now on nothing commits but [`Transaction::commit`].
    pub fn guard(&self) {
        self.guarded.store(true, Ordering::Release);
    }

    async fn listen(self: Arc<Self>, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let mut handle = connection.lock_handle().await?;
        let witness = Arc::clone(&self);
        handle.set_commit_hook(move || witness.may_commit());
        handle.set_rollback_hook(move || {
            self.rollbacks.fetch_add(1, Ordering::AcqRel);
        });
        Ok(())
    }

    fn may_commit(&self) -> bool {
        let may = !self.guarded.load(Ordering::Acquire) || self.committing.load(Ordering::Acquire);
        self.commits.fetch_add(u64::from(may), Ordering::AcqRel);
        may
    }

    async fn is_fit(self: Arc<Self>, connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
        let suspect = self.suspect.swap(false, Ordering::AcqRel);
        let outside = is_outside(connection).await;
        if !outside {
            tracing::error!("the database and the driver do not agree on a transaction: its connection is closed");
        }
        self.returned.send_modify(|returned| *returned = Returned { times: returned.times + 1, outside });
        Ok(outside && !suspect)
    }

    fn begun(self: &Arc<Self>) -> Witnessed {
        Witnessed {
            witness: Arc::clone(self),
            commits: self.commits.load(Ordering::Acquire),
            rollbacks: self.rollbacks.load(Ordering::Acquire),
            returned: self.returned.borrow().times,
            ended: false,
        }
    }

    fn committing(&self) -> Committing<'_> {
        self.committing.store(true, Ordering::Release);
        Committing(self)
    }
}

/// Whether SQLite (`sqlite3_get_autocommit`) and the driver's count both say that a connection is outside of any
/// transaction. The driver asks SQLite after whatever statement it is told to begin with, and says that it failed to
/// begin where that has left it outside; it does not even try where it counts one as open.
async fn is_outside(connection: &mut SqliteConnection) -> bool {
    matches!(connection.begin_with("SELECT 1").await, Err(sqlx::Error::BeginFailed))
}

/// While it lives, a commit is what is wanted.
struct Committing<'a>(&'a Witness);

impl Drop for Committing<'_> {
    fn drop(&mut self) {
        self.0.committing.store(false, Ordering::Release);
    }
}

impl Witnessed {
    /// Whether nothing was committed or undone since it began.
    fn is_open(&self) -> bool {
        self.ends() == (self.commits, self.rollbacks)
    }

    fn ends(&self) -> (u64, u64) {
        (self.witness.commits.load(Ordering::Acquire), self.witness.rollbacks.load(Ordering::Acquire))
    }

    /// Waits until the connection is back.
    async fn must_be_committed(&self) -> Result<(), DbErr> {
        let mut returned = self.witness.returned.subscribe();
        let back = returned.wait_for(|returned| returned.times > self.returned).await.map(|returned| *returned);
        let outside = back.is_ok_and(|returned| returned.outside);
        if self.ends() == (self.commits + 1, self.rollbacks) && outside { Ok(()) } else { Err(undone()) }
    }
}

impl Drop for Witnessed {
    fn drop(&mut self) {
        if !self.ended {
            if !self.is_open() {
                tracing::error!("the database has undone a transaction by itself");
            }
            self.witness.suspect.store(true, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    /// A store on SQLite in a folder of its own, with a table to write to.
    async fn store() -> (Store, std::path::PathBuf) {
        let folder = std::env::temp_dir().join(format!("confab_transaction_{}", uuid::Uuid::new_v4().simple()));
        let store = Store::open(&format!("sqlite:{}/chat.db", folder.display())).await.unwrap();
        let tx = store.begin().await.unwrap();
        tx.execute_unprepared("CREATE TABLE notes (text TEXT NOT NULL)").await.unwrap();
        tx.commit().await.unwrap();
        (store, folder)
    }

    async fn write(tx: &Transaction, text: &str) -> Result<ExecResult, DbErr> {
        tx.execute_unprepared(&format!("INSERT INTO notes VALUES ('{text}')")).await
    }

    async fn notes(store: &Store) -> Vec<String> {
        let sql = Statement::from_string(DbBackend::Sqlite, "SELECT substr(text, 1, 20) AS text FROM notes");
        let rows = store.reader().query_all_raw(sql).await.unwrap();
        rows.iter().map(|row| row.try_get("", "text").unwrap()).collect()
    }

    async fn end(store: Store, folder: std::path::PathBuf) {
        store.close().await;
        std::fs::remove_dir_all(folder).ok();
    }

    #[tokio::test]
    async fn a_transaction_that_a_full_disk_undid_takes_nothing_more_and_the_next_one_is_sound() {
        let (store, folder) = store().await;
        // Ten times over: what the driver believes must not get worse and worse.
        for round in 0..10 {
            let tx = store.begin().await.unwrap();
            write(&tx, "lost").await.unwrap();
            tx.execute_unprepared("PRAGMA max_page_count = 1").await.unwrap();
            let full = tx.execute_unprepared("INSERT INTO notes VALUES (hex(zeroblob(9000000)))").await;
            assert!(full.is_err(), "there is no room for it");
            assert_eq!(write(&tx, "into nothing").await.err(), Some(undone()));
            assert_eq!(tx.execute_unprepared("SAVEPOINT change").await.err(), Some(undone()));
            match round % 3 {
                0 => assert_eq!(tx.commit().await, Err(undone())),
                1 => assert!(tx.rollback().await.is_err()),
                _ => drop(tx),
            }
            let tx = store.begin().await.unwrap();
            write(&tx, &format!("kept {round}")).await.unwrap();
            tx.commit().await.unwrap();
        }
        assert_eq!(notes(&store).await, (0..10).map(|round| format!("kept {round}")).collect::<Vec<_>>());
        end(store, folder).await;
    }

    #[tokio::test]
    async fn nothing_commits_but_the_commit_of_the_transaction() {
        let (store, folder) = store().await;
        let tx = store.begin().await.unwrap();
        write(&tx, "first").await.unwrap();
        assert!(tx.execute_unprepared("COMMIT").await.is_err());
        assert!(tx.commit().await.is_err());
        let tx = store.begin().await.unwrap();
        write(&tx, "second").await.unwrap();
        tx.execute_unprepared("ROLLBACK").await.unwrap();
        assert_eq!(write(&tx, "third").await.err(), Some(undone()));
        drop(tx);
        let tx = store.begin().await.unwrap();
        write(&tx, "fourth").await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(notes(&store).await, Vec::<String>::new());
        end(store, folder).await;
    }

    #[tokio::test]
    async fn a_transaction_without_a_write_commits_and_a_savepoint_undoes_only_what_came_after_it() {
        let (store, folder) = store().await;
        store.begin().await.unwrap().commit().await.unwrap();
        let tx = store.begin().await.unwrap();
        write(&tx, "before").await.unwrap();
        tx.execute_unprepared("SAVEPOINT change").await.unwrap();
        write(&tx, "after").await.unwrap();
        tx.execute_unprepared("ROLLBACK TO SAVEPOINT change").await.unwrap();
        tx.execute_unprepared("RELEASE SAVEPOINT change").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(notes(&store).await, ["before"]);
        end(store, folder).await;
    }
}
