//! The one row that positions and message ids come from: reading it, locking it, and moving it on. It knows no event.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};

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

/// Locks the row until the transaction ends, and reads it.
pub(crate) async fn lock_log(tx: &impl ConnectionTrait) -> Result<LogHead, DbErr> {
    let lock = store::for_update(tx);
    let sql = format!("SELECT position, message_id, webhook_revision FROM chat_log WHERE id = 1{lock}");
    let row = tx.query_one_raw(Statement::from_string(tx.get_database_backend(), sql)).await?;
    LogHead::of(&row.ok_or_else(|| DbErr::Custom("chat_log has lost its row".into()))?)
}

/// Moves the locked row on.
pub(crate) async fn advance(tx: &impl ConnectionTrait, to: LogHead) -> Result<(), DbErr> {
    let sql = "UPDATE chat_log SET position = $1, message_id = $2, webhook_revision = $3 WHERE id = 1";
    let values = [to.position.into(), to.message_id.into(), to.outbox_revision.into()];
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await.map(drop)
}
