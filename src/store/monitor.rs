//! What SQLite itself says of the writer's transactions, through its commit and rollback hooks: whether one is still
//! open, whether it was committed, and whether its connection may be used again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sea_orm::ConnectOptions;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::watch;

use super::work::WorkCount;

/// What is known of the writer's one connection to SQLite, whichever that is at the time.
#[derive(Default)]
pub(super) struct TransactionMonitor {
    /// Whether nothing may be committed but by [`Transaction::commit`](super::Transaction::commit): a statement that
    /// finds its transaction undone would else commit by itself.
    implicit_commits_forbidden: AtomicBool,
    commit_allowed: AtomicBool,
    commits: AtomicU64,
    rollbacks: AtomicU64,
    /// A transaction ended otherwise than it should have: its connection is to be thrown away.
    suspect: AtomicBool,
    last_return: watch::Sender<Returned>,
    work: WorkCount,
}

/// How the connection came back to its pool from its last transaction.
#[derive(Debug, Clone, Copy, Default)]
struct Returned {
    times: u64,
    /// Whether SQLite said that it was outside of any transaction.
    outside: bool,
}

/// A transaction, and what the monitor had counted when it began.
pub(super) struct MonitoredTransaction {
    monitor: Arc<TransactionMonitor>,
    commits: u64,
    rollbacks: u64,
    returns: u64,
    /// Whether it ended as it was meant to.
    ended: bool,
}

impl TransactionMonitor {
    /// One that counts the steps of the connection as well, where that is on.
    pub fn counting(work: WorkCount) -> Self {
        Self { work, ..Self::default() }
    }

    /// Makes the one connection of a pool of SQLite tell this monitor what becomes of its transactions, and prove each
    /// time that it comes back that it is outside of one. One that is not, or might not be, is closed, and the next
    /// transaction has another.
    pub fn install(self: &Arc<Self>, options: &mut ConnectOptions) {
        let monitor = Arc::clone(self);
        options.map_sqlx_sqlite_pool_opts(move |pool| {
            let (opened, returned) = (Arc::clone(&monitor), Arc::clone(&monitor));
            pool.max_lifetime(None)
                .idle_timeout(None)
                .after_connect(move |connection, _| Box::pin(Arc::clone(&opened).set_hooks(connection)))
                .after_release(move |connection, _| Box::pin(Arc::clone(&returned).is_reusable(connection)))
        });
    }

    /// From now on nothing commits but [`Transaction::commit`](super::Transaction::commit).
    pub fn forbid_implicit_commits(&self) {
        self.implicit_commits_forbidden.store(true, Ordering::Release);
    }

    /// A transaction begins.
    pub fn begin(self: &Arc<Self>) -> MonitoredTransaction {
        MonitoredTransaction {
            monitor: Arc::clone(self),
            commits: self.commits.load(Ordering::Acquire),
            rollbacks: self.rollbacks.load(Ordering::Acquire),
            returns: self.last_return.borrow().times,
            ended: false,
        }
    }

    async fn set_hooks(self: Arc<Self>, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        self.work.watch(connection).await?;
        let mut handle = connection.lock_handle().await?;
        let monitor = Arc::clone(&self);
        handle.set_commit_hook(move || monitor.on_commit());
        handle.set_rollback_hook(move || {
            self.rollbacks.fetch_add(1, Ordering::AcqRel);
        });
        Ok(())
    }

    /// Answers whether SQLite may commit; else it rolls back.
    fn on_commit(&self) -> bool {
        let may =
            !self.implicit_commits_forbidden.load(Ordering::Acquire) || self.commit_allowed.load(Ordering::Acquire);
        self.commits.fetch_add(u64::from(may), Ordering::AcqRel);
        may
    }

    async fn is_reusable(self: Arc<Self>, connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
        let suspect = self.suspect.swap(false, Ordering::AcqRel);
        let outside = is_outside(connection).await;
        if !outside {
            tracing::error!("the database and the driver do not agree on a transaction: its connection is closed");
        }
        self.last_return.send_modify(|last| *last = Returned { times: last.times + 1, outside });
        Ok(outside && !suspect)
    }
}

/// Whether SQLite (`sqlite3_get_autocommit`) and the driver's count both say that a connection is outside of any
/// transaction. The driver asks SQLite after whatever statement it is told to begin with, and says that it failed to
/// begin where that has left it outside; it does not even try where it counts one as open.
async fn is_outside(connection: &mut SqliteConnection) -> bool {
    matches!(connection.begin_with("SELECT 1").await, Err(sqlx::Error::BeginFailed))
}

/// While it lives, SQLite may commit.
pub(super) struct CommitAllowed<'a>(&'a TransactionMonitor);

impl Drop for CommitAllowed<'_> {
    fn drop(&mut self) {
        self.0.commit_allowed.store(false, Ordering::Release);
    }
}

impl MonitoredTransaction {
    /// Whether SQLite has neither committed nor undone anything since it began.
    pub fn is_open(&self) -> bool {
        self.counts() == (self.commits, self.rollbacks)
    }

    /// Lets SQLite commit for as long as the answer lives.
    pub fn allow_commit(&self) -> CommitAllowed<'_> {
        self.monitor.commit_allowed.store(true, Ordering::Release);
        CommitAllowed(&self.monitor)
    }

    /// Waits until the connection is back in its pool; answers whether SQLite committed this transaction and nothing
    /// else.
    pub async fn was_committed(mut self) -> bool {
        let mut last_return = self.monitor.last_return.subscribe();
        let back = last_return.wait_for(|last| last.times > self.returns).await.map(|last| *last);
        let outside = back.is_ok_and(|last| last.outside);
        self.ended = self.counts() == (self.commits + 1, self.rollbacks) && outside;
        self.ended
    }

    /// The driver has rolled it back.
    pub fn was_rolled_back(mut self) {
        self.ended = true;
    }

    fn counts(&self) -> (u64, u64) {
        (self.monitor.commits.load(Ordering::Acquire), self.monitor.rollbacks.load(Ordering::Acquire))
    }
}

impl Drop for MonitoredTransaction {
    fn drop(&mut self) {
        if !self.ended {
            if !self.is_open() {
                tracing::error!("the database has undone a transaction by itself");
            }
            self.monitor.suspect.store(true, Ordering::Release);
        }
    }
}
