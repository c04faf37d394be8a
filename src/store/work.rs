//! What the database has to do for a statement, counted for tests: the steps of SQLite's machine here, and the rows and
//! buffers of PostgreSQL in its own statistics, which are told at once. A server that nobody tests counts nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sea_orm::ConnectOptions;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Error, Executor};

/// Whether the work of a store is counted, and what it came to.
#[derive(Clone, Default)]
pub(super) struct WorkCount(Option<Arc<AtomicU64>>);

impl WorkCount {
    /// One that counts.
    pub fn on() -> Self {
        Self(Some(Arc::default()))
    }

    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// One more step of SQLite.
    pub fn step(&self) {
        if let Some(steps) = &self.0 {
            steps.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts the steps of a connection to SQLite from now on.
    pub async fn watch(&self, connection: &mut SqliteConnection) -> Result<(), Error> {
        if self.is_on() {
            let work = self.clone();
            connection.lock_handle().await?.set_progress_handler(1, move || {
                work.step();
                true
            });
        }
        Ok(())
    }

    /// The steps so far; 0 where they are not counted.
    pub fn steps(&self) -> u64 {
        self.0.as_ref().map_or(0, |steps| steps.load(Ordering::Relaxed))
    }

    /// Has the connections of a writer of PostgreSQL tell their statistics whenever one has done its work.
    pub fn install(&self, options: &mut ConnectOptions) {
        if self.is_on() {
            options.map_sqlx_postgres_pool_opts(|pool| {
                pool.after_release(|connection, _| Box::pin(async { tell_statistics(connection).await.map(|()| true) }))
            });
        }
    }
}

/// Has PostgreSQL add what this connection did to the statistics of its database now, and not within ten seconds.
pub(super) async fn tell_statistics(connection: &mut PgConnection) -> Result<(), Error> {
    connection.execute("SELECT pg_stat_force_next_flush()").await.map(drop)
}
