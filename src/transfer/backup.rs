//! A SQLite database and its files as one archive, and back. The archive is a `tar`: `confab.db`, and `files/` with the bytes under
//! their keys. It knows no rows but those of files.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use indicatif::ProgressBar;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use tar::{Archive, Builder, Header};

use crate::chat::log::epoch;
use crate::entity::file;
use crate::store::{Blobs, Store};

const DATABASE: &str = "confab.db";
const FILES: &str = "files/";

/// Copies a database, as it is at one moment, and the files that it knows into a new archive. Whoever serves goes on. How many
/// files, and how many of them were gone.
///
/// # Errors
/// A database or storage that cannot be read, an archive that cannot be written or is there already.
pub async fn write(store: &Store, blobs: &Blobs, to: &Path, progress: ProgressBar) -> anyhow::Result<(u64, u64)> {
    ensure!(!to.exists(), "The file {} is there already", to.display());
    let (part, copy) = (beside(to, "part"), beside(to, "db-part"));
    for left in [&part, &copy] {
        // Of a backup that was cut off.
        let _none = fs::remove_file(left);
    }
    let written = copy_all(store, blobs, &part, &copy, progress).await;
    let _gone = fs::remove_file(&copy);
    match written {
        Ok(counts) => {
            fs::rename(&part, to).with_context(|| format!("The file {} cannot be made", to.display()))?;
            Ok(counts)
        }
        Err(cause) => {
            let _gone = fs::remove_file(&part);
            Err(cause)
        }
    }
}

async fn copy_all(
    store: &Store,
    blobs: &Blobs,
    part: &Path,
    copy: &Path,
    progress: ProgressBar,
) -> anyhow::Result<(u64, u64)> {
    // SQLite takes an empty file, and leaves it to whom it belongs.
    private_file(copy).with_context(|| format!("The file {} cannot be made", copy.display()))?;
    store.copy_to(copy).await.context("The database cannot be copied")?;
    let rows = {
        let store = Store::open_as_it_is(&sqlite_url(copy)).await?;
        let rows = file::Entity::find().filter(file::Column::DeletedAt.is_null()).order_by_asc(file::Column::Id);
        let rows = rows.all(&store.reader()).await;
        store.close().await;
        rows?
    };
    progress.set_length(rows.len() as u64);
    let out = private_file(part).with_context(|| format!("The file {} cannot be made", part.display()))?;
    let mut archive = Builder::new(BufWriter::new(out));
    archive.append_path_with_name(copy, DATABASE).context("The archive cannot be written")?;
    let (mut files, mut gone) = (0, 0);
    for row in rows {
        progress.inc(1);
        for key in [Some(row.storage_key), row.thumbnail_key].into_iter().flatten() {
            let bytes = match blobs.whole(&key).await {
                Ok(bytes) => bytes,
                Err(error) if error.kind == crate::error::Kind::NotFound => {
                    gone += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let mut header = Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            archive
                .append_data(&mut header, format!("{FILES}{key}"), &*bytes)
                .context("The archive cannot be written")?;
        }
        files += 1;
    }
    let mut out = archive.into_inner().context("The archive cannot be written")?;
    out.flush().and_then(|()| out.get_ref().sync_all()).context("The archive cannot be written")?;
    Ok((files, gone))
}

/// Makes the database file `to`, which must not be there, and its files out of an archive. It gets an epoch of its own: whoever
/// comes back with a cursor of what came after the backup is refused.
///
/// # Errors
/// An archive that is none, a database that is there, a folder that cannot be written.
pub async fn restore(archive: &Path, to: &Path, blobs: &Blobs, progress: ProgressBar) -> anyhow::Result<u64> {
    for suffix in ["", "-wal", "-shm"] {
        let there = PathBuf::from(format!("{}{suffix}", to.display()));
        ensure!(!there.exists(), "The file {} is there already: move it away first", there.display());
    }
    let name = archive.display();
    let file = File::open(archive).with_context(|| format!("The file {name} cannot be opened"))?;
    progress.set_length(file.metadata().map_or(0, |known| known.len()));
    let part = beside(to, "part");
    let mut files = 0;
    let mut has_database = false;
    let mut entries = Archive::new(BufReader::new(progress.wrap_read(file)));
    for entry in entries.entries().with_context(|| format!("{name} is no backup"))? {
        let mut entry = entry.with_context(|| format!("{name} is no backup"))?;
        let path = entry.path().with_context(|| format!("{name} is no backup"))?.to_string_lossy().into_owned();
        if path == DATABASE {
            let mut out = private_file(&part).with_context(|| format!("{} cannot be made", part.display()))?;
            std::io::copy(&mut entry, &mut out)
                .and_then(|_| out.sync_all())
                .context("The database cannot be written")?;
            has_database = true;
        } else if let Some(key) = path.strip_prefix(FILES).filter(|key| is_key(key)) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).with_context(|| format!("{name} breaks off"))?;
            blobs.put(key, bytes.into()).await?;
            files += 1;
        } else {
            bail!("{name} is no backup: it holds {path}");
        }
    }
    ensure!(has_database, "{name} is no backup: it holds no {DATABASE}");
    let store = Store::open(&sqlite_url(&part)).await.context("The database of the backup cannot be opened")?;
    let tx = store.begin().await?;
    epoch::renew(&tx).await?;
    // The server that ran when the backup was taken does not run on this one.
    tx.execute_unprepared("DELETE FROM chat_nodes").await?;
    tx.commit().await?;
    store.close().await;
    let log = PathBuf::from(format!("{}-wal", part.display()));
    ensure!(!log.exists(), "Somebody else has opened {}", part.display());
    fs::rename(&part, to).with_context(|| format!("{} cannot be made", to.display()))?;
    Ok(files)
}

/// A key as this program makes them: nothing that leads elsewhere.
fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'/') && !key.starts_with('/')
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}.{suffix}", path.display()))
}

fn sqlite_url(path: &Path) -> String {
    let path = path.to_string_lossy();
    let encoded = percent_encoding::utf8_percent_encode(&path, percent_encoding::NON_ALPHANUMERIC);
    format!("sqlite:{encoded}")
}

/// A new file for its owner alone: people's messages are in it.
fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
