//! What operators are told of a database: which one it is, and what its connections do.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};

use super::Store;
use crate::telemetry;

impl Store {
    /// The kind of the database, as metrics name it.
    pub fn kind(&self) -> &'static str {
        match self.writer.get_database_backend() {
            DbBackend::Postgres => "postgresql",
            _ => "sqlite",
        }
    }

    /// The version of the database, as it says itself: `3.50.4`, `15.14 (Debian 15.14-0+deb12u1)`.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn version(&self) -> Result<String, DbErr> {
        let sql = match self.writer.get_database_backend() {
            DbBackend::Postgres => "SELECT current_setting('server_version')",
            _ => "SELECT sqlite_version()",
        };
        let db = self.reader();
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
        row.ok_or_else(|| DbErr::RecordNotFound("the version".to_owned()))?.try_get_by_index(0)
    }

    /// Measures the connections, by what they are for.
    pub(crate) fn measure(&self) {
        self.readers.measure();
        for (purpose, pool) in [("writer", Some(&self.writer)), ("aside", self.aside.as_ref())] {
            if let Some((all, idle)) = pool.map(state) {
                telemetry::database_connections(purpose, all.saturating_sub(idle), idle);
            }
        }
    }
}

/// How many connections a pool has, and how many of them lie idle.
fn state(pool: &DatabaseConnection) -> (usize, usize) {
    match pool.get_database_backend() {
        DbBackend::Postgres => {
            let pool = pool.get_postgres_connection_pool();
            (pool.size() as usize, pool.num_idle())
        }
        _ => {
            let pool = pool.get_sqlite_connection_pool();
            (pool.size() as usize, pool.num_idle())
        }
    }
}
