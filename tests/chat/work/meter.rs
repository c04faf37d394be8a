//! How much a database has to do for a request: the steps of SQLite's machine, or the rows and buffers of PostgreSQL.
//! No time is taken, so that a slow machine counts the same as a fast one.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};

use crate::server::Server;

/// How often each request is made: the server has chores of its own, which the smallest count is without.
const TURNS: usize = 4;
/// How long nothing may have been counted until a request counts as done.
const QUIET: Duration = Duration::from_millis(4);
/// The same where connections tell what they did when they have gone back to their pool.
const QUIET_ELSEWHERE: Duration = Duration::from_millis(15);

pub struct Meter<'a> {
    server: &'a Server,
    /// A connection to another database of the same PostgreSQL, since asking is work, too.
    statistics: Option<(DatabaseConnection, Statement)>,
    counts: Vec<(String, u64)>,
}

impl<'a> Meter<'a> {
    pub async fn of(server: &'a Server) -> Self {
        let statistics = match server.postgres() {
            Some((admin, name)) => {
                let connection = Database::connect(admin).await.expect("the database answers");
                let sql = "SELECT tup_returned + tup_fetched + tup_inserted + tup_updated + tup_deleted + blks_hit + \
                           blks_read FROM pg_stat_database WHERE datname = $1";
                let values = [name.into()];
                let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
                Some((connection, statement))
            }
            None => None,
        };
        Self { server, statistics, counts: Vec::new() }
    }

    /// Makes a request so often that every connection has read what it has to know of the tables.
    pub async fn warm_up(&self, act: impl AsyncFn()) {
        for _ in 0..5 {
            futures_util::join!(act(), act(), act(), act());
        }
    }

    /// Counts a request that may be made again and again.
    pub async fn count(&mut self, what: &str, act: impl AsyncFn()) {
        self.count_after(what, async |_| {}, async |()| act().await).await;
    }

    /// Counts a request that needs something new each time, which `prepare` makes in the turn of this number.
    pub async fn count_after<T>(&mut self, what: &str, prepare: impl AsyncFn(usize) -> T, act: impl AsyncFn(T)) {
        let mut smallest = u64::MAX;
        for turn in 0..TURNS {
            let prepared = prepare(turn).await;
            let before = self.settled().await;
            act(prepared).await;
            smallest = smallest.min(self.settled().await - before);
        }
        match self.counts.iter_mut().find(|(name, _)| name == what) {
            Some((_, count)) => *count = smallest.min(*count),
            None => self.counts.push((what.to_owned(), smallest)),
        }
    }

    /// The smallest count of each request so far, in their order.
    pub fn counts(&self) -> &[(String, u64)] {
        &self.counts
    }

    /// All that was counted so far, once nothing more comes.
    async fn settled(&self) -> u64 {
        let mut seen = self.now().await;
        loop {
            tokio::time::sleep(if self.statistics.is_some() { QUIET_ELSEWHERE } else { QUIET }).await;
            let now = self.now().await;
            if now == seen {
                return now;
            }
            seen = now;
        }
    }

    async fn now(&self) -> u64 {
        match &self.statistics {
            Some((connection, statement)) => {
                let row = connection.query_one_raw(statement.clone()).await.expect("the database answers");
                row.expect("a row").try_get_by_index::<i64>(0).expect("a number").unsigned_abs()
            }
            None => self.server.steps(),
        }
    }
}
