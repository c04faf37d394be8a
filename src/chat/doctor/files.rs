//! Whether the bytes are there of which the database knows. It reads none of them.

use futures_util::{StreamExt, TryStreamExt, stream};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::Finding;
use crate::entity::file;
use crate::error::Result;
use crate::id::FileId;
use crate::store::{Blobs, Store, among};

const RULE: &str = "The bytes of a file are there, as many as its row says";
/// Rows that are read at a time.
const ROWS: u64 = 1_000;
/// Files that are looked for at a time.
const AT_ONCE: usize = 16;

/// Whether there is anything to look for.
///
/// # Errors
/// A database that cannot be read.
pub async fn has_files(store: &Store) -> Result<bool, DbErr> {
    Ok(kept().count(&store.reader()).await? > 0)
}

/// Looks for the bytes of every file and of its small picture.
///
/// # Errors
/// `Unavailable` for a database or storage that cannot be read.
pub async fn examine_files(store: &Store, blobs: &Blobs) -> Result<Finding> {
    let db = store.reader();
    let (mut after, mut broken) = (0, 0);
    loop {
        let rows =
            kept().filter(file::Column::Id.gt(after)).order_by_asc(file::Column::Id).limit(ROWS).all(&db).await?;
        let Some(last) = rows.last() else { return Ok(Finding { rule: RULE, broken }) };
        after = last.id.get();
        let looked_for = stream::iter(rows).map(|row| look_for(blobs, row));
        let gone: Vec<Option<FileId>> = looked_for.buffer_unordered(AT_ONCE).try_collect().await?;
        let gone: Vec<FileId> = gone.into_iter().flatten().collect();
        if !gone.is_empty() {
            // A server may have given some of them up meanwhile.
            let gone = kept().filter(among(&db, file::Column::Id, gone)).count(&db).await?;
            broken += i64::try_from(gone).unwrap_or(i64::MAX);
        }
    }
}

/// Those that are not given up, nor still coming.
fn kept() -> Select<file::Entity> {
    file::Entity::find().filter(file::Column::DeletedAt.is_null())
}

/// The file, if not all of it is there.
async fn look_for(blobs: &Blobs, row: file::Model) -> Result<Option<FileId>> {
    let has_bytes = blobs.size(&row.storage_key).await? == u64::try_from(row.size).ok();
    let has_picture = match &row.thumbnail_key {
        Some(key) => blobs.size(key).await?.is_some(),
        None => true,
    };
    Ok((!has_bytes || !has_picture).then_some(row.id))
}
