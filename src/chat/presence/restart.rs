//! Presence over a restart: whoever is here when a process stops is gone with it, and has a few seconds to be back before
//! that shows. It does not know why a process ended.

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::chat::Chat;
use crate::error::Result;

/// How long those who were here when the last process ended have to come back, and how long ago that may be: nobody is
/// told that they went or came (contract §14, presence).
const RETURN: TimeDelta = TimeDelta::seconds(15);

/// Writes down that those who are connected to this process are gone, with one statement. To be called when the doors
/// are shut: nobody is here from then on.
///
/// # Errors
/// `Unavailable` without the database; then the next process finds out.
pub(crate) async fn leave(chat: &Chat) -> Result<()> {
    if !chat.attendance.close() {
        return Ok(());
    }
    let process = chat.attendance.process().to_owned();
    let left = chat.change(move |batch| {
        Box::pin(async move {
            // Somebody invisible gives no sign of life.
            let sql = "UPDATE chat_user_presence SET seen_until = $1, \
                last_seen_at = CASE WHEN status = 'OFFLINE' THEN last_seen_at ELSE $1 END \
                WHERE held_by = $2 AND seen_until > $1";
            let values = [batch.now.into(), process.into()];
            let statement = Statement::from_sql_and_values(batch.tx.get_database_backend(), sql, values);
            batch.tx.execute_raw(statement).await?;
            Ok(())
        })
    });
    left.await
}

/// Takes over from the process before this one, with one statement: whoever was here when it ended, a moment ago or
/// without a goodbye, is here for [`RETURN`] from now on, and then only if they came back. To be called before the doors
/// open.
///
/// On PostgreSQL others may be running, and who of them is alive is not known: what is held by a process that was killed
/// ends with its lease.
///
/// # Errors
/// `Unavailable` without the database.
pub(crate) async fn resume(chat: &Chat) -> Result<()> {
    let process = chat.attendance.process().to_owned();
    let resumed = chat.change(move |batch| {
        Box::pin(async move {
            let backend = batch.tx.get_database_backend();
            let ended = match backend {
                DbBackend::Postgres => "AND seen_until <= $4",
                _ => "AND $4 = $4",
            };
            let sql = format!(
                "UPDATE chat_user_presence SET held_by = NULL, \
                 seen_until = CASE WHEN seen_until > $1 THEN $2 ELSE seen_until END \
                 WHERE held_by IS NOT NULL AND held_by <> $3 {ended}"
            );
            let (now, process) = (batch.now, process);
            let values = [(now - RETURN).into(), (now + RETURN).into(), process.into(), now.into()];
            batch.tx.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
            Ok(())
        })
    });
    resumed.await
}
