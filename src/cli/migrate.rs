//! `confab migrate`: brings the database to the newest state, without serving.

use super::output::say;
use crate::auth::make_private;
use crate::config::Config;
use crate::store::Store;

/// Migrates.
///
/// # Errors
/// A database that cannot be reached or migrated.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    if config.database.url.is_none() {
        make_private(&config.server.data_dir)?;
    }
    let store = Store::open(&config.database_url()).await?;
    store.close().await;
    say("The database is in the newest state\n")
}
