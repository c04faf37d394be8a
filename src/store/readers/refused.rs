//! Why a statement was not run to its end although the database is there. It travels through the library's errors,
//! which know no such reason, and is told apart again where they become answers.

use std::fmt;
use std::sync::Arc;

use sea_orm::{DbErr, RuntimeErr};

use crate::error::{Error, Kind};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too much of this user waits, or has waited for too long.
    Busy,
    /// It took longer than it may, and was ended.
    TooLong,
    /// The server stops.
    Stopping,
}

impl Refused {
    /// What the caller is told. None of these is `Unavailable` but the end: the database is there, so it is the
    /// caller who has to ask for less.
    pub fn told(self) -> Error {
        let limited =
            |seconds, sentence| Error { retry_after: Some(seconds), ..Error::new(Kind::RateLimited, sentence) };
        match self {
            Refused::Busy => limited(1, "You are reading too much at once"),
            Refused::TooLong => limited(10, "This takes too long to read, ask for less"),
            Refused::Stopping => Error::unavailable(),
        }
    }
}

/// What a caller is told of a statement that was refused here; `None` where it is the database that failed.
pub(in crate::store) fn refusal(cause: &sqlx::Error) -> Option<Error> {
    let sqlx::Error::AnyDriverError(cause) = cause else { return None };
    cause.downcast_ref::<Refused>().map(|refused| refused.told())
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Refused::Busy => "a read has waited too long for its turn",
            Refused::TooLong => "a read took too long and was ended",
            Refused::Stopping => "the server stops",
        })
    }
}

impl std::error::Error for Refused {}

impl From<Refused> for DbErr {
    fn from(refused: Refused) -> Self {
        DbErr::Query(RuntimeErr::SqlxError(Arc::new(sqlx::Error::AnyDriverError(Box::new(refused)))))
    }
}
