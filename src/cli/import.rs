//! `confab import`: takes what another chat, or another confab, has written down.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};

use super::output::say;
use super::progress;
use crate::auth::make_private;
use crate::chat::files::limits::FileLimits;
use crate::config::Config;
use crate::store::{Blobs, Store};
use crate::transfer::import::Importer;
use crate::transfer::report::Report;
use crate::transfer::spring::{self, Folder, Mapping};
use crate::transfer::{BrokenOff, Inlet, channel, jsonl};

#[derive(Subcommand)]
pub enum Command {
    /// A file of lines as `confab export jsonl` writes it
    Jsonl {
        file: PathBuf,
        #[command(flatten)]
        how: How,
    },
    /// The database of a Spring chat system, with the tables of the reference
    Spring {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        how: How,
    },
}

#[derive(Args)]
pub struct How {
    /// Checks everything and changes nothing
    #[arg(long)]
    dry_run: bool,
    /// Writes each thing that was left out or changed, and why, as a line of this file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Args)]
pub struct Source {
    /// The database of the other chat: postgres://…
    #[arg(long, value_name = "URL")]
    from: String,
    /// Where its tables are
    #[arg(long, default_value = "public")]
    schema: String,
    /// What its tables and columns are called, where that is not the usual (docs/moving.md)
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// The folder where its files lie
    #[arg(long, value_name = "FOLDER")]
    files: Option<PathBuf>,
}

/// Imports, and prints what came of it.
///
/// # Errors
/// A source that cannot be read, a database that cannot be written, a server that runs on it.
pub async fn import(config: &Config, command: Command) -> anyhow::Result<()> {
    let (outlet, inlet) = channel();
    let (how, bar, reading) = match command {
        Command::Jsonl { file, how } => {
            let bar = progress::of_bytes("Importing");
            let counting = bar.clone();
            (how, bar, tokio::spawn(async move { jsonl::read(&file, outlet, counting).await }))
        }
        Command::Spring { source, how } => {
            let (bar, place) = (progress::of_things("Importing"), source.place(config)?);
            let counting = bar.clone();
            (how, bar, tokio::spawn(async move { spring::read(place, outlet, counting).await }))
        }
    };
    let report = take(config, how, inlet).await;
    bar.finish_and_clear();
    let (report, is_trial) = outcome(report, reading.await?)?;
    say(&report.to_string())?;
    say(if is_trial { "Nothing was changed\n" } else { "Imported\n" })
}

impl Source {
    fn place(self, config: &Config) -> anyhow::Result<spring::Place> {
        ensure!(self.from != config.database_url(), "--from is the database that is imported into: database.url");
        let mapping = self.mapping.as_deref().map(Mapping::read).transpose()?.unwrap_or_default();
        let folder = |path: PathBuf| Folder::open(&path, mapping.file_prefix.clone(), FileLimits::of(config, None)?);
        let folder = self.files.map(folder).transpose()?;
        Ok(spring::Place { url: self.from, schema: self.schema, mapping, folder })
    }
}

/// What the writer says, unless it is only that the reader has broken off: then it is the reader who knows why, as the reader
/// only knows that nobody listens where the writer has failed.
pub(super) fn outcome<T>(written: anyhow::Result<T>, read: anyhow::Result<()>) -> anyhow::Result<T> {
    match (written, read) {
        (Err(cause), Err(broken)) if cause.is::<BrokenOff>() => Err(broken),
        (Err(cause), _) => Err(cause),
        (Ok(_), Err(cause)) => Err(cause),
        (Ok(written), Ok(())) => Ok(written),
    }
}

async fn take(config: &Config, how: How, inlet: Inlet) -> anyhow::Result<(Report, bool)> {
    make_private(&config.server.data_dir)?;
    let store = Store::open(&config.database_url()).await?;
    let taken = async {
        let blobs = Blobs::open(config).await?;
        let report = Report::written_to(how.report.map(open_report).transpose()?);
        Importer::open(&store, blobs, config, how.dry_run, report).await?.take(inlet).await
    };
    let taken = taken.await;
    store.close().await;
    Ok((taken?, how.dry_run))
}

/// # Errors
/// A file that cannot be made.
pub(super) fn open_report(path: PathBuf) -> anyhow::Result<Box<dyn Write + Send>> {
    let file = File::create(&path).with_context(|| format!("The file {} cannot be made", path.display()))?;
    Ok(Box::new(BufWriter::new(file)))
}
