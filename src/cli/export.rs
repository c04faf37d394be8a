//! `confab export`: writes down all that the chat has, for another one.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;

use super::import::outcome;
use super::output::say;
use super::progress;
use crate::config::Config;
use crate::store::{Blobs, Store};
use crate::transfer::{channel, export, jsonl};

#[derive(Subcommand)]
pub enum Command {
    /// As a file of lines (docs/moving.md)
    Jsonl { file: PathBuf },
}

/// Exports, and prints how much.
///
/// # Errors
/// A database or storage that cannot be read, a file that cannot be written or is there already.
pub async fn export(config: &Config, command: Command) -> anyhow::Result<()> {
    let Command::Jsonl { file } = command;
    let name = file.display().to_string();
    let store = Store::open_as_it_is(&config.database_url()).await?;
    let blobs = Blobs::open(config).await?;
    let out = File::create_new(&file).with_context(|| format!("The file {name} cannot be made"))?;
    let (mut out, (outlet, inlet)) = (BufWriter::new(out), channel());
    let bar = progress::of_things("Exporting");
    let (read, written) = tokio::join!(
        export::read(&store, export::Bytes::Inside(blobs), outlet, bar.clone()),
        jsonl::write(inlet, &mut out)
    );
    bar.finish_and_clear();
    store.close().await;
    let count = outcome(written, read).with_context(|| format!("The file {name} cannot be written"))?;
    out.flush()
        .and_then(|()| out.get_ref().sync_all())
        .with_context(|| format!("The file {name} cannot be written"))?;
    say(&format!("Exported {count} records to {name}\n"))
}
