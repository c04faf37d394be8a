//! Why the store does not run a statement to its end although the database is there. The refusal travels through the
//! library's errors, which know no such reason, and is found again behind them where they become answers.

use std::fmt;
use std::sync::Arc;

use sea_orm::{DbErr, RuntimeErr};

use crate::error::{Error, Kind};
use crate::telemetry;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum ReadRefusal {
    /// Too many reads of this user wait, or one has waited for too long.
    Busy,
    /// The statement took longer than it may, and was ended.
    TooLong,
    /// The server stops.
    Stopping,
}

impl ReadRefusal {
    /// The refusal behind an error of the driver; `None` where it is the database that failed.
    pub fn behind(cause: &sqlx::Error) -> Option<Self> {
        let sqlx::Error::AnyDriverError(cause) = cause else { return None };
        cause.downcast_ref().copied()
    }
}

/// Only the end of the server is `Unavailable`: else the database is there, so it is the caller who has to ask for less.
impl From<ReadRefusal> for Error {
    fn from(refusal: ReadRefusal) -> Self {
        let limited =
            |seconds, sentence| Error { retry_after: Some(seconds), ..Error::new(Kind::RateLimited, sentence) };
        match refusal {
            ReadRefusal::Busy => {
                telemetry::limit_hit("reads");
                limited(1, "You are reading too much at once")
            }
            ReadRefusal::TooLong => {
                telemetry::limit_hit("read_time");
                limited(10, "This takes too long to read, ask for less")
            }
            ReadRefusal::Stopping => Error::unavailable(),
        }
    }
}

impl From<ReadRefusal> for DbErr {
    fn from(refusal: ReadRefusal) -> Self {
        DbErr::Query(RuntimeErr::SqlxError(Arc::new(sqlx::Error::AnyDriverError(Box::new(refusal)))))
    }
}

impl fmt::Display for ReadRefusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            ReadRefusal::Busy => "a read has waited too long for its turn",
            ReadRefusal::TooLong => "a read took too long and was ended",
            ReadRefusal::Stopping => "the server stops",
        })
    }
}

impl std::error::Error for ReadRefusal {}
