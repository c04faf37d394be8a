//! `confab nodes`: lists the nodes of a database.

use anyhow::Context;

use super::output::say;
use crate::cluster::nodes::{self, Node};
use crate::config::Config;
use crate::entity::clock;
use crate::store::Store;

/// Prints a line for each node that is written down: its name, since when, its version, and how it is.
///
/// # Errors
/// A database that cannot be read.
pub async fn nodes(config: &Config) -> anyhow::Result<()> {
    let store = Store::open_as_it_is(&config.database_url()).await?;
    let db = &store.reader();
    nodes::follow_clock(db).await.context("The database cannot be read")?;
    let all = nodes::all(db).await.context("The database cannot be read")?;
    store.close().await;
    let now = clock::now();
    let width = all.iter().map(|node| node.name.len()).max().unwrap_or(0);
    for node in &all {
        let Node { name, version, started_at, .. } = node;
        let since = started_at.format("%Y-%m-%d %H:%M:%S");
        say(&format!("{name:width$}  {version}  since {since}  {}\n", node.state(now)))?;
    }
    Ok(())
}
