//! Files as they come. Their bytes are kept first, outside of any transaction, and what they are is told from them.

use std::collections::HashSet;

use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};

use super::known::Placed;
use super::known::{self, NO_TIME, NO_USER, ROWS, moment};
use crate::chat::files::keep;
use crate::chat::text;
use crate::config::Config;
use crate::entity::file;
use crate::error::Kind;
use crate::id::FileId;
use crate::store::{Blobs, Store, Transaction, among};
use crate::transfer::record::File;
use crate::transfer::report::Report;

const KIND: &str = "files";

/// Keeps the bytes of files that are not there yet.
pub(super) async fn keep_bytes(
    store: &Store,
    blobs: &Blobs,
    config: &Config,
    files: Vec<Placed<File>>,
    report: &mut Report,
) -> anyhow::Result<Vec<Placed<File>>> {
    if files.is_empty() {
        return Ok(files);
    }
    let there = there(&store.reader(), &files).await?;
    let mut kept = Vec::with_capacity(files.len());
    for (place, mut file) in files {
        if there.contains(&file.id) {
            report.was_there(KIND);
            continue;
        }
        if file.kept.is_none() {
            let Some(bytes) = file.bytes.take() else {
                report.left_out(KIND, &place, "The bytes of the file are not there");
                continue;
            };
            match keep(blobs, config, bytes, file.content_type.as_deref()).await {
                Ok(found) => file.kept = Some(found),
                Err(error) if error.kind == Kind::Unavailable => return Err(error.into()),
                Err(error) => {
                    report.left_out(KIND, &place, &error.to_string());
                    continue;
                }
            }
        }
        kept.push((place, file));
    }
    Ok(kept)
}

/// Removes bytes again that were kept for a trial.
pub(super) async fn forget_bytes(blobs: &Blobs, files: &[Placed<File>]) {
    for kept in files.iter().filter_map(|(_, file)| file.kept.as_ref()) {
        for key in std::iter::once(&kept.storage_key).chain(&kept.thumbnail_key) {
            let _in_memory = blobs.delete(key).await;
        }
    }
}

async fn there(db: &impl ConnectionTrait, files: &[Placed<File>]) -> Result<HashSet<FileId>, DbErr> {
    let ids: HashSet<FileId> = files.iter().map(|(_, file)| file.id).collect();
    let found = file::Entity::find().select_only().column(file::Column::Id).filter(among(db, file::Column::Id, ids));
    Ok(found.into_tuple::<FileId>().all(db).await?.into_iter().collect())
}

pub(super) async fn write(tx: &Transaction, files: Vec<Placed<File>>, report: &mut Report) -> anyhow::Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let users = known::users(tx, files.iter().map(|(_, file)| file.uploader)).await?;
    let rooms = known::conversations(tx, files.iter().filter_map(|(_, file)| file.conversation)).await?;
    let mut there = there(tx, &files).await?;
    let mut rows = Vec::new();
    for (place, file) in files {
        let Some(kept) = file.kept else { continue };
        let Some(created_at) = moment(file.created_at) else {
            report.left_out(KIND, &place, NO_TIME);
            continue;
        };
        if !users.contains(&file.uploader) {
            report.left_out(KIND, &place, NO_USER);
            continue;
        }
        if !there.insert(file.id) {
            report.was_there(KIND);
            continue;
        }
        let name = text::file_name(&file.name).unwrap_or_else(|_| {
            report.changed(&place, "The name of a file was not fit to be one");
            text::token_name(&file.name).unwrap_or_else(|| format!("file {}", file.id))
        });
        rows.push(file::ActiveModel {
            id: Set(file.id),
            uploader_id: Set(file.uploader),
            storage_key: Set(kept.storage_key),
            thumbnail_key: Set(kept.thumbnail_key),
            file_name: Set(name),
            content_type: Set(kept.content_type),
            size: Set(kept.size),
            digest: Set(kept.digest),
            width: Set(kept.width),
            height: Set(kept.height),
            conversation_id: Set(file.conversation.filter(|room| rooms.contains_key(room))),
            created_at: Set(created_at),
            deleted_at: Set(None),
        });
    }
    report.new_ones(KIND, rows.len());
    for rows in rows.chunks(ROWS) {
        file::Entity::insert_many(rows.to_vec()).exec_without_returning(tx).await?;
    }
    Ok(())
}
