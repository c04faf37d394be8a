//! Being here: by a live connection, which lasts until a few seconds after the last one, or for a while by a sign of life
//! without one.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::announce::publish_presence_of;
use super::attendance;
use super::set::{lease_duration, update_row};
use crate::chat::{Chat, Cx};
use crate::entity::clock;
use crate::entity::presence::{self, Column, PresenceStatus};
use crate::error::{Error, Kind, Result};
use crate::id::UserId;
use crate::telemetry;

/// Held by a live connection: while there is one, its user is here.
pub struct PresenceLease {
    chat: Arc<Chat>,
    user: UserId,
}

/// How long a connection waits until it is written down that its user is here. It is, in a few milliseconds, or later.
const WRITTEN_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection has opened: its user is here until the last one has been closed for a few seconds.
///
/// # Errors
/// `RateLimited` where the connections to all nodes are as many as one user may have, `Unavailable` without the database.
pub async fn connect(cx: &Cx) -> Result<PresenceLease> {
    let has_peers = cx.chat.cluster.has_peers();
    if has_peers {
        let most = i64::from(cx.chat.config.limits.connections_per_user);
        let (node, here) = (cx.chat.cluster.me(), i64::try_from(cx.chat.connections.of(cx.me())).unwrap_or(i64::MAX));
        if most > 0 && here + attendance::connections_elsewhere(&cx.reader(), node, cx.me()).await? >= most {
            return Err(too_many_connections(most));
        }
    }
    let written = cx.chat.connections.connect(cx.me(), has_peers);
    let lease = PresenceLease { chat: Arc::clone(&cx.chat), user: cx.me() };
    if let Some(written) = written {
        let _written_or_later = tokio::time::timeout(WRITTEN_TIMEOUT, written).await;
    }
    Ok(lease)
}

/// What is said of one connection too many, which is counted.
pub(crate) fn too_many_connections(most: i64) -> Error {
    telemetry::limit_hit("connections_per_user");
    Error::new(Kind::RateLimited, format!("At most {most} connections can be open at once"))
}

impl Drop for PresenceLease {
    fn drop(&mut self) {
        let Some(departure) = self.chat.connections.disconnect(self.user, self.chat.cluster.has_peers()) else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(disconnect(Arc::clone(&self.chat), self.user, departure));
        }
    }
}

/// How long after the last connection somebody is still here (protocol §12).
const DISCONNECT_GRACE: Duration = Duration::from_secs(5);

/// Ends a lease after its grace, unless its user came back meanwhile. When the server stops, those who are here are
/// written down together ([`super::leave`]).
async fn disconnect(chat: Arc<Chat>, user: UserId, departure: u64) {
    tokio::select! {
        () = tokio::time::sleep(DISCONNECT_GRACE) => chat.connections.forget(user, departure),
        () = chat.stopping.cancelled() => {}
    }
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
        if !row.is_connected() && row.seen_until.is_some_and(|until| until > now) {
            row.seen_until = Some(now + lease_duration);
            row.last_seen_at = Some(now);
        }
    })
    .await?;
    Ok(())
}

/// Tells of those who were here without a connection and gave no sign of life for so long that they are not any more, since
/// the last look. To be called now and then.
pub(super) async fn tell_of_ended(chat: &Arc<Chat>, since: DateTime<Utc>) -> Result<DateTime<Utc>> {
    let now = clock::now();
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
    Ok(now)
}
