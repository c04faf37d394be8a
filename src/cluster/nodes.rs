//! The table of the nodes: which there are, and until when each counts as alive. A node on SQLite is there once, and needs
//! no further sign. It knows nobody who is connected.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement, Value};

use super::frame::NodeId;
use crate::entity::clock;
use crate::store;

/// How long a node lives after its last sign, and how often it gives one (protocol §14).
pub const LEASE: TimeDelta = TimeDelta::seconds(15);
pub const SIGN_INTERVAL: Duration = Duration::from_secs(5);

/// A node, as it stands in the table.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Node {
    pub id: NodeId,
    /// As operators read it.
    pub name: String,
    pub version: String,
    /// Where other nodes reach it; none where they do not.
    pub address: Option<String>,
    /// What has to be the same at all nodes, as JSON.
    pub settings: String,
    pub draining: bool,
    pub started_at: DateTime<Utc>,
    pub seen_until: DateTime<Utc>,
}

impl Node {
    pub fn is_alive(&self, now: DateTime<Utc>) -> bool {
        self.seen_until > now
    }

    /// How it is, in a word.
    pub fn state(&self, now: DateTime<Utc>) -> &'static str {
        match (self.is_alive(now), self.draining) {
            (true, false) => "alive",
            (true, true) => "draining",
            (false, _) => "ended",
        }
    }
}

/// Writes a node down as alive. On SQLite every other one has ended, and its people have a few seconds to be back.
///
/// # Errors
/// What the database says.
pub async fn register(db: &impl ConnectionTrait, node: &Node) -> Result<(), DbErr> {
    let sql = "INSERT INTO chat_nodes (id, name, version, address, settings, draining, started_at, seen_until) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
        ON CONFLICT (id) DO UPDATE SET draining = excluded.draining, seen_until = excluded.seen_until";
    let values = [
        node.id.clone().into(),
        node.name.clone().into(),
        node.version.clone().into(),
        node.address.clone().into(),
        node.settings.clone().into(),
        node.draining.into(),
        node.started_at.into(),
        alive_until(db).into(),
    ];
    run(db, sql, values).await?;
    if db.get_database_backend() == DbBackend::Sqlite {
        let ending = clock::now() + LEASE;
        let sql = "UPDATE chat_nodes SET seen_until = $2 WHERE id <> $1 AND seen_until > $2";
        run(db, sql, [node.id.clone().into(), ending.into()]).await?;
    }
    Ok(())
}

/// A sign of life; whether the node was still alive. One whose time was over, or whom the database has forgotten, has to
/// register anew, and to say who is connected to it.
///
/// # Errors
/// What the database says.
pub async fn sign(db: &impl ConnectionTrait, id: &NodeId, draining: bool) -> Result<bool, DbErr> {
    let sql = "UPDATE chat_nodes SET seen_until = $2, draining = $3 WHERE id = $1 AND seen_until > $4";
    let values = [id.clone().into(), alive_until(db).into(), draining.into(), clock::now().into()];
    Ok(run(db, sql, values).await? == 1)
}

/// The last sign of a node: from now on it lives as long as its people have to be back.
///
/// # Errors
/// What the database says.
pub async fn end(db: &impl ConnectionTrait, id: &NodeId) -> Result<(), DbErr> {
    let sql = "UPDATE chat_nodes SET seen_until = $2, draining = true WHERE id = $1";
    run(db, sql, [id.clone().into(), (clock::now() + LEASE).into()]).await.map(drop)
}

/// All nodes, the longest-serving first.
///
/// # Errors
/// What the database says.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Node>, DbErr> {
    let sql = "SELECT * FROM chat_nodes ORDER BY started_at, id";
    Node::find_by_statement(Statement::from_string(db.get_database_backend(), sql)).all(db).await
}

/// Has the time of this process follow the database's clock.
///
/// # Errors
/// What the database says.
pub async fn follow_clock(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    if backend == DbBackend::Postgres {
        let before = clock::machine();
        let row = db.query_one_raw(Statement::from_string(backend, "SELECT clock_timestamp() AS now")).await?;
        let row = row.ok_or_else(|| DbErr::Custom("the database has no clock".into()))?;
        clock::follow(row.try_get("", "now")?, before, clock::machine());
    }
    Ok(())
}

/// Whether a node has ended, or is not known; until the transaction ends it does not come back.
///
/// # Errors
/// What the database says.
pub async fn has_ended(db: &impl ConnectionTrait, id: &NodeId) -> Result<bool, DbErr> {
    let sql = format!("SELECT seen_until FROM chat_nodes WHERE id = $1{}", store::for_update(db));
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [id.clone().into()]);
    let row = db.query_one_raw(statement).await?;
    let until: Option<DateTime<Utc>> = row.map(|row| row.try_get("", "seen_until")).transpose()?;
    Ok(until.is_none_or(|until| until <= clock::now()))
}

/// Whether a node is written down as alive; until the transaction ends it is not removed. On SQLite there is one.
///
/// # Errors
/// What the database says.
pub async fn is_written_down(db: &impl ConnectionTrait, id: &NodeId) -> Result<bool, DbErr> {
    let backend = db.get_database_backend();
    if backend != DbBackend::Postgres {
        return Ok(true);
    }
    let sql = "SELECT 1 FROM chat_nodes WHERE id = $1 AND seen_until > $2 FOR KEY SHARE";
    let values = [id.clone().into(), clock::now().into()];
    Ok(db.query_one_raw(Statement::from_sql_and_values(backend, sql, values)).await?.is_some())
}

/// Removes a node that has ended, once nobody counts as connected to it.
///
/// # Errors
/// What the database says.
pub async fn remove(db: &impl ConnectionTrait, id: &NodeId) -> Result<(), DbErr> {
    let sql = "DELETE FROM chat_nodes WHERE id = $1 AND seen_until <= $2";
    run(db, sql, [id.clone().into(), clock::now().into()]).await.map(drop)
}

/// Nobody else can tell whether a server on SQLite is alive: it is, until the next one starts.
fn alive_until(db: &impl ConnectionTrait) -> DateTime<Utc> {
    match db.get_database_backend() {
        DbBackend::Sqlite => clock::for_ever(),
        _ => clock::now() + LEASE,
    }
}

async fn run<const N: usize>(db: &impl ConnectionTrait, sql: &str, values: [Value; N]) -> Result<u64, DbErr> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    Ok(db.execute_raw(statement).await?.rows_affected())
}
