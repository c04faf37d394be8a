//! What an error of the database means: one of the chat's errors to a caller, a reason to connect anew to the store.

use sea_orm::{DbErr, RuntimeErr};

use super::readers::ReadRefusal;
use crate::error::Error;

impl From<DbErr> for Error {
    /// A database that is away is `Unavailable`, a read that asks for too much `RateLimited`; anything else is a fault
    /// of ours. The cause goes to the log.
    fn from(cause: DbErr) -> Self {
        if let Some(refusal) = sqlx_cause(&cause).and_then(ReadRefusal::behind) {
            tracing::debug!(%cause, "a read was not made");
            refusal.into()
        } else if is_away(&cause) {
            tracing::warn!(%cause, "the database is away");
            Error::unavailable()
        } else {
            tracing::error!(%cause, "a statement failed");
            Error::internal()
        }
    }
}

/// Whether the cause is the database's absence (or a full disk) and not the statement.
pub(super) fn is_away(cause: &DbErr) -> bool {
    if matches!(cause, DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) {
        return true;
    }
    let Some(cause) = sqlx_cause(cause) else { return false };
    match cause {
        sqlx::Error::Database(cause) => cause.code().is_some_and(|code| is_away_code(&code)),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// PostgreSQL's classes for a lost connection, missing resources, an operator's stop and what took too long; SQLite's
/// busy, full and I/O.
fn is_away_code(code: &str) -> bool {
    const POSTGRES: [&str; 8] = ["08", "53", "57P", "57014", "55P03", "25P03", "25006", "58"];
    // The low byte of an extended code is the plain one.
    const SQLITE: [i64; 4] = [5, 10, 13, 14];
    match code.parse::<i64>() {
        Ok(number) if code.len() < 5 => SQLITE.contains(&(number & 0xff)),
        _ => POSTGRES.iter().any(|class| code.starts_with(class)),
    }
}

/// Whether the connection is lost, and not the database away: with another connection it may work.
pub(super) fn is_lost_connection(cause: &DbErr) -> bool {
    match sqlx_cause(cause) {
        Some(sqlx::Error::Database(cause)) => cause.code().is_some_and(|code| code.starts_with("57P")),
        Some(cause) => matches!(cause, sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed),
        None => false,
    }
}

/// Whether PostgreSQL has undone the statement: it said so itself, and stays.
pub(super) fn is_refused(cause: &DbErr) -> bool {
    let Some(sqlx::Error::Database(refusal)) = sqlx_cause(cause) else { return false };
    refusal.code().is_some_and(|code| !code.starts_with("08") && !code.starts_with("57P"))
}

/// Whether SQLite said while it opened the file that another process holds it.
pub(super) fn is_locked(cause: &DbErr) -> bool {
    let DbErr::Conn(RuntimeErr::SqlxError(cause)) = cause else { return false };
    matches!(cause.as_ref(), sqlx::Error::Database(cause) if cause.code().is_some_and(|code| code == "5"))
}

/// What the driver said of a statement.
fn sqlx_cause(cause: &DbErr) -> Option<&sqlx::Error> {
    match cause {
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => Some(cause),
        _ => None,
    }
}
