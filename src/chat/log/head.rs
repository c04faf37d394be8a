//! The one row that positions and message ids come from: reading it, locking it, and moving it on. It knows no event.

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement};

use crate::entity::clock;
use crate::store;

/// What the row holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogHead {
    /// The last position, and the last message id, that were given out.
    pub position: i64,
    pub message_id: i64,
    /// Grows with every change of the settings of the outbox.
    pub outbox_revision: i64,
}

impl LogHead {
    /// Out of a row with the three columns of their own names.
    pub fn of(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            position: row.try_get("", "position")?,
            message_id: row.try_get("", "message_id")?,
            outbox_revision: row.try_get("", "webhook_revision")?,
        })
    }
}

/// The time of a statement that reads the row, as one of its columns, `now`: that of the database, so that times follow
/// positions whichever node writes.
pub(crate) fn now_column(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "clock_timestamp() AS now",
        _ => "NULL AS now",
    }
}

/// The time out of that column. On SQLite, whose server is alone, it is that of the machine.
pub(crate) fn now_of(row: &QueryResult) -> Result<DateTime<Utc>, DbErr> {
    let now: Option<DateTime<Utc>> = row.try_get("", "now")?;
    Ok(now.map_or_else(clock::now, |now| now.trunc_subsecs(3)))
}

/// Locks the row until the transaction ends, and reads it, and the time.
pub(crate) async fn lock_log(tx: &impl ConnectionTrait) -> Result<(LogHead, DateTime<Utc>), DbErr> {
    let (backend, lock) = (tx.get_database_backend(), store::for_update(tx));
    let now = now_column(backend);
    // PostgreSQL reads the clock again where whoever held the row before has changed it.
    let sql = format!("SELECT position, message_id, webhook_revision, {now} FROM chat_log WHERE id = 1{lock}");
    let row = tx.query_one_raw(Statement::from_string(backend, sql)).await?;
    let row = row.ok_or_else(|| DbErr::Custom("chat_log has lost its row".into()))?;
    Ok((LogHead::of(&row)?, now_of(&row)?))
}

/// Moves the locked row on.
pub(crate) async fn advance(tx: &impl ConnectionTrait, to: LogHead) -> Result<(), DbErr> {
    let sql = "UPDATE chat_log SET position = $1, message_id = $2, webhook_revision = $3 WHERE id = 1";
    let values = [to.position.into(), to.message_id.into(), to.outbox_revision.into()];
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await.map(drop)
}

/// The last message id that was given out, without the lock.
pub(crate) async fn read_message_id(db: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let sql = "SELECT message_id FROM chat_log WHERE id = 1";
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    row.ok_or_else(|| DbErr::Custom("chat_log has lost its row".into()))?.try_get_by_index(0)
}
