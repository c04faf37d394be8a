//! `confab epoch`: has clients of a copied or restored database load anew.

use clap::Subcommand;

use super::output::say;
use crate::chat::log::epoch;
use crate::config::Config;
use crate::store::Store;
use crate::transfer::import::must_be_alone;

#[derive(Subcommand)]
pub enum Command {
    /// Gives the database another epoch, so that cursors of before are refused
    Renew,
}

/// Renews the epoch, and prints it.
///
/// # Errors
/// A database that cannot be opened, a server that runs on it.
pub async fn epoch(config: &Config, command: Command) -> anyhow::Result<()> {
    let Command::Renew = command;
    let store = Store::open_as_it_is(&config.database_url()).await?;
    must_be_alone(&store).await?;
    let tx = store.begin().await?;
    let epoch = epoch::renew(&tx).await?;
    tx.commit().await?;
    store.close().await;
    say(&format!("The database has the epoch {epoch} from now on\n"))
}
