//! Who is here: a lease in the database that live connections hold and renew, and that ends a few seconds after the last
//! one.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::announce::publish_presence_of;
use super::restart::publish_departures;
use super::set::{lease_duration, update_row};
use crate::chat::views::presence::Presence;
use crate::chat::{Chat, Cx};
use crate::entity::clock;
use crate::entity::presence::{self, Column, PresenceStatus};
use crate::error::Result;

/// Held by a live connection: while there is one, its user is here.
pub struct PresenceLease {
    cx: Cx,
}

/// A connection has opened: its user is here until the last one has been closed for a few seconds.
///
/// # Errors
/// `Unavailable` without the database.
pub async fn connect(cx: &Cx) -> Result<PresenceLease> {
    let first = cx.chat.connections.connect(&cx.viewer, clock::now());
    let held = PresenceLease { cx: cx.clone() };
    if first {
        renew(cx).await?;
    }
    Ok(held)
}

impl Drop for PresenceLease {
    fn drop(&mut self) {
        let Some(departure) = self.cx.chat.connections.disconnect(self.cx.me()) else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(disconnect(self.cx.clone(), departure));
        }
    }
}

/// Ends a lease after its grace, unless its user came back meanwhile. When the server stops, those who are here are
/// written down together ([`super::leave`]).
async fn disconnect(cx: Cx, departure: u64) {
    tokio::select! {
        () = tokio::time::sleep(DISCONNECT_GRACE) => {}
        () = cx.chat.stopping.cancelled() => return,
    }
    if cx.chat.connections.forget(cx.me(), departure)
        && let Err(error) = renew(&cx).await
    {
        tracing::debug!(%error, "a departure is noticed when its lease ends");
    }
}

/// How long after the last connection somebody is still here (protocol §12).
const DISCONNECT_GRACE: Duration = Duration::from_secs(5);
/// Leases renewed at the same time.
const MAX_RENEWALS: usize = 64;

/// Renews the lease of being here, or ends it: what holds when it is the writer's turn, so that a departure cannot
/// overtake a return.
async fn renew(cx: &Cx) -> Result<Presence> {
    let (chat, me, lease_duration) = (Arc::clone(&cx.chat), cx.me(), lease_duration(&cx.chat));
    update_row(cx, move |row, now| {
        let process = chat.connections.process();
        if chat.connections.is_connected(me) {
            row.seen_until = Some(now + lease_duration);
            row.held_by = Some(process.to_owned());
        } else if row.held_by.as_deref().is_none_or(|holder| holder == process) {
            row.seen_until = Some(now);
            row.held_by = None;
        } else {
            // They are connected to another process.
            return;
        }
        row.last_seen_at = Some(now);
    })
    .await
}

/// Keeps the caller where they are: renews the lease of somebody who is here and makes nobody appear.
///
/// # Errors
/// `Unavailable` without the database.
pub async fn heartbeat(cx: &Cx) -> Result<()> {
    if cx.chat.connections.is_connected(cx.me()) {
        return Ok(());
    }
    let lease_duration = lease_duration(&cx.chat);
    update_row(cx, move |row, now| {
        if row.seen_until.is_some_and(|until| until > now) {
            row.seen_until = Some(now + lease_duration);
            row.last_seen_at = Some(now);
        }
    })
    .await?;
    Ok(())
}

/// Renews the leases of those who are connected, and tells of those whose lease ended since the last look.
/// To be called now and then.
pub(crate) async fn sweep(chat: &Arc<Chat>, since: DateTime<Utc>) -> Result<DateTime<Utc>> {
    let now = clock::now();
    let due =
        chat.connections.due(lease_duration(chat) / 3, now).into_iter().map(|viewer| Cx::new(Arc::clone(chat), viewer));
    // Together, so that the writer takes many at once.
    let mut renewed = stream::iter(due).map(|cx| async move { renew(&cx).await }).buffer_unordered(MAX_RENEWALS);
    while let Some(renewed) = renewed.next().await {
        if let Err(error) = renewed {
            tracing::debug!(%error, "a lease is renewed next time");
        }
    }
    let db = &chat.store.reader();
    let ended = presence::Entity::find()
        .filter(Column::SeenUntil.gt(since))
        .filter(Column::SeenUntil.lte(now))
        // A departure that was told ends the lease at the very moment of its last sign of life.
        .filter(ExprTrait::ne(Expr::col(Column::SeenUntil), Expr::col(Column::LastSeenAt)))
        .filter(Column::Status.ne(PresenceStatus::Offline))
        .all(db)
        .await?;
    publish_presence_of(chat, ended, now).await?;
    publish_departures(chat, now).await?;
    Ok(now)
}
