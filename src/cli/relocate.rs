//! `confab move`: takes a chat from one database to another, from SQLite to PostgreSQL or back. Bytes of files stay where they are.

use anyhow::ensure;
use clap::Args;

use super::import::outcome;
use super::output::say;
use super::progress;
use crate::config::Config;
use crate::store::{Blobs, Store};
use crate::transfer::import::{Importer, must_be_alone};
use crate::transfer::report::Report;
use crate::transfer::{channel, export};

#[derive(Args)]
pub struct Arguments {
    /// The database to go to: postgres://… or sqlite:PATH
    #[arg(long, value_name = "URL")]
    to: String,
}

/// Moves, and prints what came of it. The database of before is left as it is.
///
/// # Errors
/// A database that cannot be read or written, a server that runs on one of them.
pub async fn relocate(config: &Config, Arguments { to }: Arguments) -> anyhow::Result<()> {
    let here = config.database_url();
    ensure!(here != to, "The database is there already");
    let mut target = config.clone();
    target.database.url = Some(to);
    let from = Store::open_as_it_is(&here).await?;
    must_be_alone(&from).await?;
    let store = Store::open(&target.database_url()).await?;
    let blobs = Blobs::open(config).await?;
    let ((outlet, inlet), bar) = (channel(), progress::of_things("Moving"));
    let (read, taken) = tokio::join!(
        export::read(&from, export::Bytes::Stay, outlet, bar.clone()),
        // What takes no more records has to let go of their way, or whoever reads would wait for ever.
        async { Importer::open(&store, blobs, &target, false, Report::default()).await?.take(inlet).await }
    );
    bar.finish_and_clear();
    from.close().await;
    store.close().await;
    let report = outcome(taken, read)?;
    say(&report.to_string())?;
    say("Moved: set database.url to the new address, and leave storage.url and the data folder as they are\n")
}
