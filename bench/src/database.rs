//! The database under a measured server: made for it, opened beside it, and removed after it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row, SqliteConnection};

/// Which of the two databases, and for PostgreSQL where.
#[derive(Clone)]
pub enum Kind {
    Sqlite,
    /// The address of any database of a server that may make others.
    Postgres(String),
}

/// A folder for a server, and a database of its own. Both go with it.
pub struct Home {
    pub folder: PathBuf,
    pub kind: Kind,
    name: String,
}

/// One connection beside the server's.
pub enum Db {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Home {
    pub async fn make(kind: &Kind, folder: &Path, what: &str) -> Result<Self> {
        let name = format!("confab_bench_{what}_{}", std::process::id());
        let folder = folder.join(&name);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        if let Kind::Postgres(url) = kind {
            let mut db = PgConnection::connect(url).await.context("PostgreSQL cannot be reached")?;
            sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut db).await?;
            db.close().await?;
        }
        Ok(Self { folder, kind: kind.clone(), name })
    }

    /// The value of `database.url`.
    pub fn url(&self) -> String {
        match &self.kind {
            Kind::Sqlite => format!("sqlite:{}", self.file().display()),
            Kind::Postgres(url) => {
                let base = url.rsplit_once('/').map_or(url.as_str(), |(base, _)| base);
                format!("{base}/{}", self.name)
            }
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.join("confab.db")
    }

    pub async fn open(&self) -> Result<Db> {
        Ok(match &self.kind {
            Kind::Sqlite => {
                let options = SqliteConnectOptions::new().filename(self.file()).journal_mode(SqliteJournalMode::Wal);
                let options = options.synchronous(SqliteSynchronous::Full).foreign_keys(true);
                Db::Sqlite(options.disable_statement_logging().connect().await?)
            }
            Kind::Postgres(_) => {
                let options: PgConnectOptions = self.url().parse()?;
                Db::Postgres(options.disable_statement_logging().connect().await?)
            }
        })
    }

    pub async fn remove(self) -> Result<()> {
        if let Kind::Postgres(url) = &self.kind {
            let mut db = PgConnection::connect(url).await?;
            sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE {} WITH (FORCE)", self.name))).execute(&mut db).await?;
            db.close().await?;
        }
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }
}

impl Kind {
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Sqlite => "SQLite",
            Kind::Postgres(_) => "PostgreSQL",
        }
    }
}

impl Db {
    /// Runs statements without values.
    pub async fn run(&mut self, sql: &str) -> Result<()> {
        let statement = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        let ran = match self {
            Db::Sqlite(db) => statement.execute(db).await.map(|_| ()),
            Db::Postgres(db) => statement.execute(db).await.map(|_| ()),
        };
        ran.with_context(|| sql.to_owned())
    }

    /// The number in the only row of a statement; 0 without one.
    pub async fn number(&mut self, sql: &str) -> Result<i64> {
        let statement = AssertSqlSafe(sql.to_owned());
        let context = || sql.to_owned();
        Ok(match self {
            Db::Sqlite(db) => {
                let row = sqlx::query(statement).fetch_optional(db).await.with_context(context)?;
                row.map_or(Ok(0), |row| row.try_get(0))?
            }
            Db::Postgres(db) => {
                let row = sqlx::query(statement).fetch_optional(db).await.with_context(context)?;
                row.map_or(Ok(0), |row| row.try_get(0))?
            }
        })
    }

    /// Whether a table has a column: the tree that is measured may be older than this bench.
    pub async fn has(&mut self, table: &str, column: &str) -> Result<bool> {
        let sql = match self {
            Db::Sqlite(_) => format!("SELECT count(*) FROM pragma_table_info('{table}') WHERE name = '{column}'"),
            Db::Postgres(_) => format!(
                "SELECT count(*) FROM information_schema.columns WHERE table_name = '{table}' AND column_name = '{column}'"
            ),
        };
        Ok(self.number(&sql).await? > 0)
    }

    /// The process that serves this connection of PostgreSQL.
    pub async fn process(&mut self) -> Result<Option<u32>> {
        match self {
            Db::Sqlite(_) => Ok(None),
            Db::Postgres(_) => Ok(u32::try_from(self.number("SELECT pg_backend_pid()::bigint").await?).ok()),
        }
    }

    pub async fn close(self) -> Result<()> {
        match self {
            Db::Sqlite(db) => db.close().await?,
            Db::Postgres(db) => db.close().await?,
        }
        Ok(())
    }
}
