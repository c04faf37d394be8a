//! Sweeping: files that nobody sent are given up after a day, and of those that were given up (or never came whole)
//! the bytes go first and the row last, so that a sweep that is interrupted is done again.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::chat::Chat;
use crate::chat::writer::Batch;
use crate::entity::clock::now;
use crate::entity::{attachment, file};
use crate::error::Result;
use crate::id::FileId;
use crate::store::among;

/// Files that are given up, or whose bytes are removed, in one go.
const SWEEP_SIZE: u64 = 100;

/// Gives up what was uploaded before `files.unattached_hours` and is not attached, then removes what was given up, both
/// in portions, so that nobody who writes waits for long. `judged` is what the last sweep answered: older files have had
/// their turn.
///
/// # Errors
/// Those of the database and the storage; what is left is swept the next time.
pub async fn sweep(chat: &Chat, judged: Option<DateTime<Utc>>) -> Result<DateTime<Utc>> {
    let until = now() - TimeDelta::hours(chat.config.files.unattached_hours.into());
    let mut files = 0;
    loop {
        let given_up = give_up(chat, judged, until).await?;
        files += given_up;
        if given_up < SWEEP_SIZE || chat.stopping.is_cancelled() {
            break;
        }
    }
    if files > 0 {
        tracing::info!(files, "files that nobody sent are removed");
    }
    while remove(chat).await? == SWEEP_SIZE && !chat.stopping.is_cancelled() {}
    Ok(until)
}

/// Gives up to [`SWEEP_SIZE`] files up; how many were found.
async fn give_up(chat: &Chat, judged: Option<DateTime<Utc>>, until: DateTime<Utc>) -> Result<u64> {
    let mut waiting = Condition::all()
        .add(file::Column::DeletedAt.is_null())
        .add(file::Column::CreatedAt.lte(until))
        .add(unattached());
    if let Some(judged) = judged {
        waiting = waiting.add(file::Column::CreatedAt.gt(judged));
    }
    let found = file::Entity::find().select_only().column(file::Column::Id).filter(waiting.clone()).limit(SWEEP_SIZE);
    let ids: Vec<FileId> = found.into_tuple().all(&chat.store.reader()).await?;
    let count = ids.len() as u64;
    if ids.is_empty() {
        return Ok(0);
    }
    let given_up = chat.write(async move |batch: &mut Batch| {
        let update = file::Entity::update_many().col_expr(file::Column::DeletedAt, Expr::value(batch.now));
        // One that was sent a moment ago is not given up.
        update.filter(among(&batch.tx, file::Column::Id, ids)).filter(waiting).exec(&batch.tx).await?;
        Ok(())
    });
    given_up.await?;
    Ok(count)
}

/// That no message holds the file.
pub(super) fn unattached() -> Condition {
    let holds = Expr::col((attachment::Entity, attachment::Column::FileId)).equals((file::Entity, file::Column::Id));
    let attached = Query::select().expr(Expr::val(1)).from(attachment::Entity).and_where(holds).to_owned();
    Condition::all().add(Expr::exists(attached).not())
}

/// Removes up to [`SWEEP_SIZE`] files that were given up; how many it were.
async fn remove(chat: &Chat) -> Result<u64> {
    let given_up = file::Entity::find()
        .filter(file::Column::DeletedAt.lte(now()))
        .order_by_asc(file::Column::DeletedAt)
        .limit(SWEEP_SIZE)
        .all(&chat.store.reader())
        .await?;
    if given_up.is_empty() {
        return Ok(0);
    }
    for row in &given_up {
        chat.blobs.delete(&row.storage_key).await?;
        if let Some(key) = &row.thumbnail_key {
            chat.blobs.delete(key).await?;
        }
    }
    let ids: Vec<FileId> = given_up.iter().map(|row| row.id).collect();
    let count = ids.len() as u64;
    let removed = chat.write(async move |batch: &mut Batch| {
        file::Entity::delete_many().filter(among(&batch.tx, file::Column::Id, ids)).exec(&batch.tx).await?;
        Ok(())
    });
    removed.await?;
    Ok(count)
}

/// Marks files as deleted that no message holds any more; their bytes are swept. However many messages hold one, it is
/// enough to find the first.
pub(crate) async fn release(batch: &Batch, files: Vec<FileId>) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    file::Entity::update_many()
        .col_expr(file::Column::DeletedAt, Expr::value(batch.now))
        .filter(among(&batch.tx, file::Column::Id, files))
        .filter(unattached())
        .exec(&batch.tx)
        .await?;
    Ok(())
}
