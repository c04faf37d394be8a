//! Presence over a restart: whoever is here when a process stops is gone with it, and has a few seconds to be back before
//! anybody is told so. It does not know why a process ended.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect, Statement};

use super::announce::{MAX_TOLD_TOGETHER, publish_presence_of};
use crate::chat::Chat;
use crate::chat::writer::Batch;
use crate::cluster::connections::Expected;
use crate::entity::presence::{self, Column, PresenceStatus};
use crate::error::Result;
use crate::id::UserId;
use crate::store::among;

/// How long those who were here when the last process ended have to come back, and how long ago that may be, until their
/// departure is told.
const RETURN_TIME: TimeDelta = TimeDelta::seconds(15);

/// Writes down that those who are connected to this process are gone, with one statement. To be called when the doors
/// are shut: nobody is here from then on.
///
/// # Errors
/// `Unavailable` without the database; then the next process finds out.
pub(crate) async fn leave(chat: &Chat) -> Result<()> {
    if !chat.connections.close() {
        return Ok(());
    }
    let process = chat.connections.process().to_owned();
    let left = chat.write(async move |batch: &mut Batch| {
        // Somebody invisible gives no sign of life.
        let sql = "UPDATE chat_user_presence SET seen_until = $1, \
                last_seen_at = CASE WHEN status = 'OFFLINE' THEN last_seen_at ELSE $1 END \
                WHERE held_by = $2 AND seen_until > $1";
        let values = [batch.now.into(), process.into()];
        let statement = Statement::from_sql_and_values(batch.tx.get_database_backend(), sql, values);
        batch.tx.execute_raw(statement).await?;
        Ok(())
    });
    left.await
}

/// Takes over from the process before this one: whoever was here when it ended is gone. If that was a moment ago, or
/// without a goodbye, they are expected back, and that they went is told only when they are not ([`publish_departures`]).
/// To be called before the doors open.
///
/// On PostgreSQL others may be running, and who of them is alive is not known: what is held by a process that was killed
/// ends with its lease.
///
/// # Errors
/// `Unavailable` without the database.
pub(crate) async fn resume(chat: &Chat) -> Result<()> {
    let process = chat.connections.process().to_owned();
    let resumed = chat.write(async move |batch: &mut Batch| {
        let backend = batch.tx.get_database_backend();
        let others = presence::Entity::find()
            .select_only()
            .column(Column::UserId)
            .filter(Column::HeldBy.is_not_null())
            .filter(Column::HeldBy.ne(&process))
            .filter(Column::SeenUntil.gt(batch.now - RETURN_TIME))
            .filter(Column::Status.ne(PresenceStatus::Offline));
        let (others, ended) = match backend {
            DbBackend::Postgres => (others.filter(Column::SeenUntil.lte(batch.now)), "AND seen_until <= $1"),
            _ => (others, ""),
        };
        let users: Vec<UserId> = others.into_tuple().all(&batch.tx).await?;
        // A lease that ends with the last sign of life has been told of, or will be here.
        let sql = format!(
            "UPDATE chat_user_presence SET held_by = NULL, \
                 seen_until = CASE WHEN seen_until > $1 THEN last_seen_at ELSE seen_until END \
                 WHERE held_by IS NOT NULL AND held_by <> $2 {ended}"
        );
        let values = [batch.now.into(), process.into()];
        batch.tx.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        Ok(Expected { users, until: batch.now + RETURN_TIME })
    });
    chat.connections.expect(resumed.await?);
    Ok(())
}

/// Tells of those who were expected back and did not come. To be called now and then; what fails is told the next time.
pub(super) async fn publish_departures(chat: &Arc<Chat>, now: DateTime<Utc>) -> Result<()> {
    let Some(expected) = chat.connections.no_longer_expected(now) else { return Ok(()) };
    let published = publish_those_gone(chat, &expected.users, now).await;
    if published.is_err() {
        chat.connections.expect(expected);
    }
    published
}

async fn publish_those_gone(chat: &Chat, users: &[UserId], now: DateTime<Utc>) -> Result<()> {
    let db = &chat.store.reader();
    for users in users.chunks(MAX_TOLD_TOGETHER) {
        let gone = presence::Entity::find()
            .filter(among(db, Column::UserId, users.iter().copied()))
            .filter(Column::SeenUntil.lte(now))
            .filter(Column::Status.ne(PresenceStatus::Offline));
        publish_presence_of(chat, gone.all(db).await?, now).await?;
    }
    Ok(())
}
