//! Why a database cannot be opened, as operators are told it: in sentences of our own, without a password.

use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use sea_orm::{DbErr, RuntimeErr};
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use tokio::time::timeout;

use super::connect::sqlite_file;

/// How long PostgreSQL is waited for that is asked once more why it is not there.
const DIAGNOSIS_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a database cannot be opened: one sentence that says which database, and never its password.
#[derive(Debug)]
pub struct OpenError(String);

impl OpenError {
    /// What `cause` means for the database at this URL. The pool of the driver says of a PostgreSQL that is away no more than
    /// that it took too long: it is asked once more, without one.
    pub(super) async fn of(url: &str, cause: DbErr) -> Self {
        if let Some(file) = sqlite_file(url) {
            return Self(format!("The database {} cannot be opened: {}", file.display(), sqlite_reason(&cause)));
        }
        let Ok(options) = url.parse::<PgConnectOptions>() else {
            return Self("The database cannot be opened: its address is none that PostgreSQL knows".to_owned());
        };
        let told = match sqlx_cause(&cause) {
            Some(sqlx::Error::PoolTimedOut) => match timeout(DIAGNOSIS_TIMEOUT, options.connect()).await {
                Ok(Err(met)) => postgres_reason(&met, &options),
                Ok(Ok(_)) => "answers too slowly".to_owned(),
                Err(_) => "does not answer: nothing came back within 2 s".to_owned(),
            },
            Some(met) => postgres_reason(met, &options),
            None => format!("cannot be opened: {}", bare(&cause)),
        };
        Self(format!("The database at {} {told}", place(&options)))
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for OpenError {}

/// Host and port, or the folder of the socket.
fn place(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(folder) => folder.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// What a PostgreSQL does that cannot be talked to.
fn postgres_reason(cause: &sqlx::Error, options: &PgConnectOptions) -> String {
    match cause {
        sqlx::Error::Database(cause) => format!("refuses: {}", cause.message()),
        sqlx::Error::Io(cause) => format!("does not answer: {}", io_reason(cause, options.get_host())),
        sqlx::Error::Tls(cause) => format!("does not answer as sslmode wants it: {cause}"),
        sqlx::Error::Protocol(_) => "does not answer as PostgreSQL does".to_owned(),
        cause => format!("cannot be opened: {cause}"),
    }
}

fn io_reason(cause: &io::Error, host: &str) -> String {
    match cause.kind() {
        ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        ErrorKind::NotFound => "there is no such socket".to_owned(),
        ErrorKind::PermissionDenied => "it may not be connected to".to_owned(),
        ErrorKind::TimedOut => "nothing came back".to_owned(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            "it closes the connection".to_owned()
        }
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "there is no way to it".to_owned(),
        // The resolver of names has no kind of its own.
        _ if cause.raw_os_error().is_none() => format!("the name {host} is not known"),
        _ => cause.to_string(),
    }
}

/// Why SQLite does not open its file.
fn sqlite_reason(cause: &DbErr) -> String {
    let Some(sqlx::Error::Database(said)) = sqlx_cause(cause) else { return bare(cause) };
    match said.code().as_deref().and_then(|code| code.parse::<i64>().ok()).map(|code| code & 0xff) {
        Some(5) => "another process holds it".to_owned(),
        Some(8) => "it may not be written".to_owned(),
        Some(10) => "the disk fails".to_owned(),
        Some(13) => "the disk is full".to_owned(),
        Some(14) => "it is no file, or it may not be read and written".to_owned(),
        Some(26) => "it is no SQLite database".to_owned(),
        _ => said.message().to_owned(),
    }
}

/// What the driver said, be it while it connected or of a statement.
fn sqlx_cause(cause: &DbErr) -> Option<&sqlx::Error> {
    match cause {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => Some(cause),
        _ => None,
    }
}

/// The cause without what the library puts before it.
fn bare(cause: &DbErr) -> String {
    match cause {
        DbErr::Custom(sentence) => sentence.clone(),
        cause => cause.to_string(),
    }
}
