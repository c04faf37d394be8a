//! Another epoch: cursors of before are refused from then on, and their clients load anew instead of missing something
//! silently.

use sea_orm::{ConnectionTrait, DbErr, Statement};

use crate::entity::log_state;

/// Gives the log another epoch; the new one. Servers that run go on with the one of before until they are started anew.
///
/// # Errors
/// Those of the database.
pub(crate) async fn renew(db: &impl ConnectionTrait) -> Result<String, DbErr> {
    let epoch = uuid::Uuid::new_v4().simple().to_string()[..16].to_owned();
    let sql = "UPDATE chat_log SET epoch = $1 WHERE id = $2";
    let values = [epoch.as_str().into(), log_state::ONLY.into()];
    db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    Ok(epoch)
}
