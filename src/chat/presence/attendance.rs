//! Who is here: a lease in the database that live connections hold and renew, and that ends a few seconds after the last
//! one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::restart::{Expected, tell_of_the_gone};
use super::{Presence, announcement, change, stale};
use crate::chat::{self, Chat, Cx, Viewer, users};
use crate::entity::presence::{self, Column, PresenceStatus};
use crate::error::Result;
use crate::id::UserId;

/// The connections of each user on this node.
pub(in crate::chat) struct Attendances {
    here: Mutex<HashMap<UserId, Attended>>,
    /// The name of this process in the rows of those who are connected to it.
    process: String,
    /// Whether the doors are shut: from then on nobody is here.
    closed: AtomicBool,
    /// Who was here when the last process ended, as long as they are waited for.
    expected: Mutex<Option<Expected>>,
}

impl Default for Attendances {
    fn default() -> Self {
        let process = uuid::Uuid::new_v4().simple().to_string();
        Self { here: Mutex::default(), process, closed: AtomicBool::new(false), expected: Mutex::default() }
    }
}

struct Attended {
    connections: usize,
    /// How often the last connection was closed: only the newest of those times ends the attendance.
    departures: u64,
    viewer: Viewer,
    renewed: DateTime<Utc>,
}

/// Held by a live connection: while there is one, its user is here.
pub struct Attendance {
    cx: Cx,
}

/// How long after the last connection somebody is still here (contract §12).
const GRACE: Duration = Duration::from_secs(5);
/// Leases renewed at the same time.
const RENEWED: usize = 64;

impl Attendances {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<UserId, Attended>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn process(&self) -> &str {
        &self.process
    }

    /// Ends all attendances, and says whether there were any.
    pub(super) fn close(&self) -> bool {
        self.closed.store(true, Ordering::SeqCst);
        !self.lock().is_empty()
    }

    pub(super) fn expect(&self, expected: Expected) {
        *self.expected.lock().unwrap_or_else(PoisonError::into_inner) = Some(expected);
    }

    /// Those who were expected back, once, when the time for that is over.
    pub(super) fn no_longer_expected(&self, now: DateTime<Utc>) -> Option<Expected> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).take_if(|expected| expected.is_over(now))
    }

    /// Whether somebody is connected, or was a few seconds ago.
    fn is_here(&self, user: UserId) -> bool {
        !self.closed.load(Ordering::SeqCst) && self.lock().contains_key(&user)
    }
}

/// A connection has opened: its user is here until the last one has been closed for a few seconds.
///
/// # Errors
/// `Unavailable` without the database.
pub async fn arrive(cx: &Cx) -> Result<Attendance> {
    let first = {
        let mut here = cx.chat.attendance.lock();
        let attended = here.entry(cx.me()).or_insert_with(|| Attended {
            connections: 0,
            departures: 0,
            viewer: cx.viewer.clone(),
            renewed: chat::now(),
        });
        attended.connections += 1;
        attended.connections == 1
    };
    let attendance = Attendance { cx: cx.clone() };
    if first {
        lease(cx).await?;
    }
    Ok(attendance)
}

impl Drop for Attendance {
    fn drop(&mut self) {
        let departure = {
            let mut here = self.cx.chat.attendance.lock();
            let Some(attended) = here.get_mut(&self.cx.me()) else { return };
            attended.connections = attended.connections.saturating_sub(1);
            if attended.connections > 0 {
                return;
            }
            attended.departures += 1;
            attended.departures
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(depart(self.cx.clone(), departure));
        }
    }
}

/// Ends an attendance after its grace, unless somebody came back meanwhile. When the server stops, those who are here are
/// written down together ([`super::leave`]).
async fn depart(cx: Cx, departure: u64) {
    tokio::select! {
        () = tokio::time::sleep(GRACE) => {}
        () = cx.chat.stopping.cancelled() => return,
    }
    let gone = {
        let mut here = cx.chat.attendance.lock();
        let attended = here.get(&cx.me());
        let gone = attended.is_some_and(|attended| attended.connections == 0 && attended.departures == departure);
        if gone {
            here.remove(&cx.me());
        }
        gone
    };
    if gone && let Err(error) = lease(&cx).await {
        tracing::debug!(%error, "a departure is noticed when its lease ends");
    }
}

/// Renews the lease of being here, or ends it: what holds when it is the writer's turn, so that a departure cannot
/// overtake a return.
async fn lease(cx: &Cx) -> Result<Presence> {
    let (chat, me, stale) = (Arc::clone(&cx.chat), cx.me(), stale(&cx.chat));
    change(cx, move |row, now| {
        let process = chat.attendance.process();
        if chat.attendance.is_here(me) {
            row.seen_until = Some(now + stale);
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
    if cx.chat.attendance.is_here(cx.me()) {
        return Ok(());
    }
    let stale = stale(&cx.chat);
    change(cx, move |row, now| {
        if row.seen_until.is_some_and(|until| until > now) {
            row.seen_until = Some(now + stale);
            row.last_seen_at = Some(now);
        }
    })
    .await?;
    Ok(())
}

/// Renews the leases of those who are connected, and tells of those whose lease ended since the last look.
/// To be called now and then.
pub(crate) async fn sweep(chat: &Arc<Chat>, since: DateTime<Utc>) -> Result<DateTime<Utc>> {
    let now = chat::now();
    let due: Vec<Cx> = {
        let mut here = chat.attendance.lock();
        let due = here.values_mut().filter(|attended| attended.renewed + stale(chat) / 3 < now);
        due.map(|attended| {
            attended.renewed = now;
            Cx::new(Arc::clone(chat), attended.viewer.clone())
        })
        .collect()
    };
    // Together, so that the writer takes many at once.
    let renewed = stream::iter(due).map(async |cx| lease(&cx).await).buffer_unordered(RENEWED);
    for failed in renewed.filter_map(async |renewed| renewed.err()).collect::<Vec<_>>().await {
        tracing::debug!(error = %failed, "a lease is renewed next time");
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
    tell_of(chat, db, ended, now).await?;
    tell_of_the_gone(chat, now).await?;
    Ok(now)
}

/// Tells how the people of these rows are.
pub(super) async fn tell_of(
    chat: &Chat,
    db: &impl ConnectionTrait,
    rows: Vec<presence::Model>,
    now: DateTime<Utc>,
) -> Result<()> {
    let users = users::by_ids(db, &rows.iter().map(|row| UserId::stored(row.user_id)).collect::<Vec<_>>()).await?;
    for row in rows {
        if let Some(user) = users.get(&UserId::stored(row.user_id)) {
            chat.tell(announcement(db, &chat.config, Presence::of(user, Some(&row), now)).await?);
        }
    }
    Ok(())
}
