//! What may go wrong: an [`Error`] carries the sentence a person may be told and the [`Kind`] a program acts on.
//! It knows no status, no code string of a door and no prefix: each door has one `match` over [`Kind`].

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// The answer of every function that a door may call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can do about a failure (protocol §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Malformed input, or a broken rule of form: change the request.
    BadRequest,
    /// No token, or a bad or expired one: sign in.
    Unauthenticated,
    /// Not a participant, not the role, or switched off here.
    Forbidden,
    /// No such conversation, message, user, file or route.
    NotFound,
    /// The route knows other methods only.
    MethodNotAllowed,
    /// None of the types that the caller accepts can be answered.
    NotAcceptable,
    /// The caller was too slow.
    Timeout,
    /// A range outside the file.
    RangeNotSatisfiable,
    /// The present state forbids it.
    Conflict,
    /// A WebSocket handshake that arrived without what makes it one.
    UpgradeRequired,
    /// A body or a file over its limit.
    PayloadTooLarge,
    /// A content type, or a type of file, that is not taken.
    UnsupportedMediaType,
    /// Over a rate limit; [`Error::retry_after`] says when to come back.
    RateLimited,
    /// A query that is named and not brought: send its text.
    PersistedQueryNotSupported,
    /// A cursor older than the log.
    CursorExpired,
    /// Shutting down, or the database is away.
    Unavailable,
    /// A fault of this server.
    Internal,
}

/// A failure with its sentence: capitalised, without a full stop, naming the thing, never with details of the inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub kind: Kind,
    pub message: Cow<'static, str>,
    /// Seconds to wait, for [`Kind::RateLimited`].
    pub retry_after: Option<u64>,
}

/// How long a request may wait for the database.
pub const DATABASE_TIMEOUT: Duration = Duration::from_secs(25);

/// What `work` comes to, unless the database does not answer.
///
/// # Errors
/// `Unavailable` after 25 s, besides those of `work`. What was on its way to the writer may happen all the same.
pub async fn in_time<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(DATABASE_TIMEOUT, work)
        .await
        .unwrap_or_else(|_| Err(Error::unavailable_because("the database does not answer")))
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), retry_after: None }
    }

    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::BadRequest, message)
    }

    pub fn unauthenticated(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Unauthenticated, message)
    }

    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Forbidden, message)
    }

    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    /// Refused by a rate limit for `seconds` more.
    pub fn rate_limited(seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(Kind::RateLimited, "You are doing this too often") }
    }

    /// The server is stopping, or its database is away. The cause was logged where it was seen, or is none.
    pub fn unavailable() -> Self {
        Self::new(Kind::Unavailable, "The server cannot do this now, try again soon")
    }

    /// [`Error::unavailable`], with its cause in the log, under the request that asks.
    pub fn unavailable_because(cause: impl fmt::Display) -> Self {
        tracing::warn!(%cause, "a request is not served now");
        Self::unavailable()
    }

    /// A fault of the server. The sentence is fixed; the cause was logged where it was seen.
    pub fn internal() -> Self {
        Self::new(Kind::Internal, "Something went wrong on the server")
    }

    /// [`Error::internal`], with its cause in the log, under the request that meets it.
    pub fn internal_because(cause: impl fmt::Display) -> Self {
        tracing::error!(%cause, "a fault of the server");
        Self::internal()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
