//! The database of a Spring chat system as records, a kind of thing after the other, in one transaction that sees all of it as it was
//! at one moment and changes nothing. It knows nothing of the database that they go to.

mod folder;
mod layout;
mod mapping;
mod records;
mod row;
mod statements;
mod tables;

use std::str::FromStr;

use anyhow::{Context, bail};
use futures_util::TryStreamExt;
use indicatif::ProgressBar;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row as _};

pub use folder::Folder;
pub use mapping::Mapping;

use super::record::Record;
use super::{Entry, Outlet, Unfit};
use layout::Layout;
use records::{Made, Values};
use row::Row;
use statements::Statement;

/// All is seen as it is when the reading begins, however long that takes.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement_timeout = 0; \
    SET LOCAL idle_in_transaction_session_timeout = 0";

/// Where the other chat is, and what is called otherwise there.
pub struct Place {
    /// `postgres://…`.
    pub url: String,
    pub schema: String,
    pub mapping: Mapping,
    /// Where its files lie.
    pub folder: Option<Folder>,
}

/// Hands over all there is.
///
/// # Errors
/// A database that cannot be read or has not what is looked for; files without a word of where they lie.
pub async fn read(place: Place, outlet: Outlet, progress: ProgressBar) -> anyhow::Result<()> {
    let mut connection = connect(&place.url).await?;
    connection.execute(BEGIN).await?;
    let layout = Layout::find(&mut connection, &place.schema, &place.mapping).await?;
    let counts = sqlx::query(AssertSqlSafe(statements::counts(&layout))).fetch_one(&mut connection).await?;
    let (rows, files): (i64, i64) = (counts.try_get(0)?, counts.try_get(1)?);
    if files > 0 && place.folder.is_none() {
        bail!("{files} files are attached to messages: name the folder where they lie with --files");
    }
    progress.set_length(rows.unsigned_abs());
    let mut reader = Reader { connection, outlet, progress, values: place.mapping.values };
    reader.all("users", statements::plain(&layout, "users"), records::user).await?;
    reader.all("conversations", statements::conversations(&layout), records::conversation).await?;
    if let Some(folder) = place.folder {
        reader.files(statements::files(&layout), &folder).await?;
    }
    for (column, parents, reason) in
        [("message_id", "messages", "Its message is not there"), ("file_id", "files", "Its file is not there")]
    {
        let orphans = statements::orphans(&layout, "attachments", column, parents);
        reader.all("attachments", orphans, |_, _| Err(reason.to_owned())).await?;
    }
    reader.all("messages", statements::messages(&layout), records::message).await?;
    reader.all("participants", statements::plain(&layout, "participants"), records::participant).await?;
    reader.all("reactions", statements::plain(&layout, "reactions"), records::reaction).await?;
    let orphans = statements::orphans(&layout, "receipts", "message_id", "messages");
    reader.all("receipts", orphans, |_, _| Err("Its message is not there".to_owned())).await?;
    reader.all("receipts", statements::receipts(&layout), records::receipt).await?;
    reader.outlet.finish().await
}

async fn connect(url: &str) -> anyhow::Result<PgConnection> {
    let is_known = ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
    let options = if is_known { PgConnectOptions::from_str(url).ok() } else { None };
    let options = options.context("--from must be a URL that begins with postgres://")?.disable_statement_logging();
    options.connect().await.context("The database of --from cannot be reached")
}

struct Reader {
    connection: PgConnection,
    outlet: Outlet,
    progress: ProgressBar,
    values: Values,
}

impl Reader {
    /// Hands over what each row of a statement is.
    async fn all(
        &mut self,
        kind: &'static str,
        Statement { sql, keys }: Statement,
        make: impl Fn(&Row, &Values) -> Made,
    ) -> anyhow::Result<()> {
        let Self { connection, outlet, progress, values } = self;
        let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(connection);
        while let Some(stored) = rows.try_next().await.with_context(|| cannot_be_read(kind))? {
            let row = Row { keys: &keys, values: texts(&stored)? };
            let place = place(kind, &row);
            outlet.put(Entry { place, record: make(&row, values).map_err(|reason| Unfit { kind, reason }) }).await?;
            progress.inc(1);
        }
        Ok(())
    }

    /// Hands over files with their bytes.
    async fn files(&mut self, Statement { sql, keys }: Statement, folder: &Folder) -> anyhow::Result<()> {
        let kind = "files";
        let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(&mut self.connection);
        while let Some(stored) = rows.try_next().await.with_context(|| cannot_be_read(kind))? {
            let row = Row { keys: &keys, values: texts(&stored)? };
            let record = with_bytes(&row, folder).await.map_err(|reason| Unfit { kind, reason });
            self.outlet.put(Entry { place: place(kind, &row), record }).await?;
            self.progress.inc(1);
        }
        Ok(())
    }
}

async fn with_bytes(row: &Row<'_>, folder: &Folder) -> Made {
    let mut file = records::file(row)?;
    let path = row.text("path").ok_or_else(|| row::missing("path"))?;
    file.bytes = Some(folder.read(&path, row.number("size")).await?);
    Ok(Record::File(file))
}

fn texts(stored: &PgRow) -> Result<Vec<Option<String>>, sqlx::Error> {
    (0..stored.len()).map(|index| stored.try_get(index)).collect()
}

/// Where a row stood, for whoever looks for it.
fn place(kind: &str, row: &Row) -> String {
    match row.raw("id") {
        Some(id) => format!("{kind} {id}"),
        None => format!("{kind} of message {}", row.raw("message_id").unwrap_or("unknown")),
    }
}

fn cannot_be_read(kind: &str) -> String {
    format!("The {kind} of the other chat cannot be read")
}
