//! `confab backup` and `confab restore`: a SQLite database and its files as one archive.

use std::path::Path;

use anyhow::{Context, bail};

use super::output::say;
use super::progress;
use crate::auth::make_private;
use crate::config::Config;
use crate::store::{Blobs, Store, sqlite_file};
use crate::transfer::backup;

/// What is to be done where the database is PostgreSQL's.
const ON_POSTGRESQL: &str = "PostgreSQL is backed up by its own tools: pg_dump for the database, and a copy of the folder or \
    bucket of storage.url taken after it. After pg_restore, before a server starts: confab epoch renew";

/// Writes a backup, and prints what is in it.
///
/// # Errors
/// Those of [`backup::write`], and a database on PostgreSQL.
pub async fn backup(config: &Config, file: &Path) -> anyhow::Result<()> {
    let url = config.database_url();
    if sqlite_file(&url).is_none() {
        bail!(ON_POSTGRESQL);
    }
    let store = Store::open_as_it_is(&url).await?;
    let blobs = Blobs::open(config).await?;
    let bar = progress::of_things("Copying files");
    let written = backup::write(&store, &blobs, file, bar.clone()).await;
    bar.finish_and_clear();
    store.close().await;
    let (files, gone) = written?;
    if gone > 0 {
        say(&format!("The bytes of {gone} files were gone\n"))?;
    }
    say(&format!("The database and {files} files are in {}\n", file.display()))
}

/// Makes the database of the settings, and its files, out of a backup.
///
/// # Errors
/// Those of [`backup::restore`], and a database on PostgreSQL.
pub async fn restore(config: &Config, file: &Path) -> anyhow::Result<()> {
    let Some(database) = sqlite_file(&config.database_url()) else { bail!(ON_POSTGRESQL) };
    make_private(&config.server.data_dir)?;
    if let Some(folder) = database.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("The folder {} cannot be made", folder.display()))?;
    }
    let blobs = Blobs::open(config).await?;
    let bar = progress::of_bytes("Restoring");
    let restored = backup::restore(file, &database, &blobs, bar.clone()).await;
    bar.finish_and_clear();
    let files = restored?;
    say(&format!("The database is back, with {files} files and small pictures; cursors of before are refused\n"))
}
