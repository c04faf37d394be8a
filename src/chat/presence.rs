//! Presence: who is here, as what, and who may know. Being here is a lease in the database that connections renew;
//! what somebody chose to be outlives their connections (contract §4, §12).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, stream};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, SelectStatement};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::access;
use crate::chat::change::Batch;
use crate::chat::users::{self, User};
use crate::chat::{Chat, Cx};
use crate::config::{Config, Visibility};
use crate::entity::presence::{self, Column, PresenceStatus};
use crate::entity::{conversation, participant};
use crate::error::{Error, Result};
use crate::event::{Event, EventType, Fact};
use crate::id::{ConversationId, UserId};
use crate::page;
use crate::text;

/// How somebody is, as others see them (contract §3, PresenceResponse).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Presence {
    pub user_id: UserId,
    pub user_name: String,
    pub status: PresenceStatus,
    pub online: bool,
    pub status_message: Option<String>,
    pub device_type: Option<String>,
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// What is to be changed of one's presence; what is left out stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SetPresence {
    /// `OFFLINE` means invisible.
    pub status: Option<PresenceStatus>,
    /// Up to 100 characters; an empty one takes it away.
    pub status_message: Option<String>,
    /// `false` means `OFFLINE`; `true` ends being invisible and leaves AWAY and DND as they were chosen.
    pub online: Option<bool>,
    /// Up to 50 characters.
    pub device_type: Option<String>,
    /// Anything of up to 2 KiB; told to nobody.
    pub browser_info: Option<Json>,
}

/// The connections of each user on this node.
#[derive(Default)]
pub(super) struct Attendances(Mutex<HashMap<UserId, Attended>>);

struct Attended {
    connections: usize,
    /// How often the last connection was closed: only the newest of those times ends the attendance.
    departures: u64,
    viewer: crate::chat::Viewer,
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
/// Users asked for at once, at most.
const MOST: usize = 500;

impl Attendances {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<UserId, Attended>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody is connected, or was a few seconds ago.
    fn is_here(&self, user: UserId) -> bool {
        self.lock().contains_key(&user)
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
            renewed: super::now(),
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

/// Ends an attendance after its grace, unless somebody came back meanwhile.
async fn depart(cx: Cx, departure: u64) {
    tokio::select! {
        () = tokio::time::sleep(GRACE) => {}
        () = cx.chat.stopping.cancelled() => {}
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
        let here = chat.attendance.is_here(me);
        row.seen_until = Some(if here { now + stale } else { now });
        row.last_seen_at = Some(now);
    })
    .await
}

fn stale(chat: &Chat) -> TimeDelta {
    TimeDelta::minutes(i64::try_from(chat.config.chat.presence_stale_threshold_minutes).unwrap_or(i64::MAX / 60_000))
}

/// Changes the caller's own presence.
///
/// # Errors
/// `BadRequest` for what is out of form.
pub async fn set(cx: &Cx, input: SetPresence) -> Result<Presence> {
    let message = input.status_message.as_deref().map(text::status_message).transpose()?;
    let device = input.device_type.as_deref().map(device_type).transpose()?;
    if input.browser_info.as_ref().is_some_and(|info| !fits(info)) {
        return Err(Error::bad_request("browserInfo must not be larger than 2 KiB"));
    }
    let chosen = match (input.status, input.online) {
        (Some(status), _) => Some(status),
        (None, Some(false)) => Some(PresenceStatus::Offline),
        (None, _) => None,
    };
    let (appears, stale) = (input.online == Some(true), stale(&cx.chat));
    let chooses = appears || chosen.is_some();
    change(cx, move |row, now| {
        if let Some(status) = chosen {
            row.status = status;
        } else if appears && row.status == PresenceStatus::Offline {
            row.status = PresenceStatus::Online;
        }
        if let Some(message) = message {
            row.status_message = Some(message).filter(|message| !message.is_empty());
        }
        if device.is_some() {
            row.device_type = device;
        }
        if input.browser_info.is_some() {
            row.browser_info = input.browser_info;
        }
        // Whoever chooses to be seen is here from now until the stale threshold; anything else makes nobody appear.
        if chooses || row.seen_until.is_some_and(|until| until > now) {
            row.seen_until = Some(now + stale);
        }
        row.last_seen_at = Some(now);
    })
    .await
}

fn device_type(text: &str) -> Result<String> {
    if text.chars().count() > 50 || text.chars().any(char::is_control) {
        return Err(Error::bad_request("deviceType must have at most 50 characters and no control characters"));
    }
    Ok(text.to_owned())
}

fn fits(info: &Json) -> bool {
    info.to_string().len() <= 2048 && !text::holds_nul(info)
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

/// Changes the caller's row and says so where others can see a difference.
async fn change(cx: &Cx, edit: impl FnOnce(&mut presence::Model, DateTime<Utc>) + Send + 'static) -> Result<Presence> {
    let user = User { id: cx.me(), name: cx.viewer.name.clone(), avatar_url: None };
    let changed = cx.chat.change(move |batch| {
        Box::pin(async move {
            let old = presence::Entity::find_by_id(user.id.get()).one(&batch.tx).await?;
            let mut row = old.clone().unwrap_or_else(|| blank(user.id, batch.now));
            edit(&mut row, batch.now);
            // Somebody invisible gives no sign of life.
            if let Some(old) = old.as_ref().filter(|old| old.status == PresenceStatus::Offline)
                && row.status == PresenceStatus::Offline
            {
                row.last_seen_at = old.last_seen_at;
            }
            row.updated_at = batch.now;
            put(batch, &row).await?;
            let before = old.map(|old| Presence::of(&user, Some(&old), batch.now));
            let after = Presence::of(&user, Some(&row), batch.now);
            let before = before.unwrap_or_else(|| Presence::of(&user, None, batch.now));
            // Told by the writer, so that of two changes the later one is heard last.
            if !before.looks_like(&after) {
                let event = announcement(&batch.tx, &batch.writer.config, after.clone()).await?;
                batch.signal(event);
            }
            Ok(after)
        })
    });
    changed.await
}

fn blank(user: UserId, now: DateTime<Utc>) -> presence::Model {
    presence::Model {
        user_id: user.get(),
        status: PresenceStatus::Online,
        status_message: None,
        device_type: None,
        browser_info: None,
        seen_until: None,
        last_seen_at: None,
        updated_at: now,
    }
}

async fn put(batch: &Batch, row: &presence::Model) -> Result<()> {
    let row = presence::ActiveModel {
        user_id: Set(row.user_id),
        status: Set(row.status),
        status_message: Set(row.status_message.clone()),
        device_type: Set(row.device_type.clone()),
        browser_info: Set(row.browser_info.clone()),
        seen_until: Set(row.seen_until),
        last_seen_at: Set(row.last_seen_at),
        updated_at: Set(row.updated_at),
    };
    let columns = [
        Column::Status,
        Column::StatusMessage,
        Column::DeviceType,
        Column::BrowserInfo,
        Column::SeenUntil,
        Column::LastSeenAt,
        Column::UpdatedAt,
    ];
    let again = OnConflict::column(Column::UserId).update_columns(columns).to_owned();
    presence::Entity::insert(row).on_conflict(again).exec_without_returning(&batch.tx).await?;
    Ok(())
}

/// What those are told who share a conversation that is not too large for it.
async fn announcement(db: &impl ConnectionTrait, config: &Config, presence: Presence) -> Result<Event> {
    let user = presence.user_id;
    let quiet = i64::try_from(config.chat.quiet_group_size).unwrap_or(i64::MAX);
    let shared: Vec<i64> = access::memberships(user)
        .filter(conversation::Column::ParticipantCount.lte(quiet))
        .select_only()
        .column(participant::Column::ConversationId)
        .into_tuple()
        .all(db)
        .await?;
    let shared = shared.into_iter().map(ConversationId::stored).collect();
    Ok(Event::new(EventType::Presence, None, user, super::now(), Fact::Presence { presence, shared }))
}

impl Presence {
    /// Somebody is here while their lease runs and they did not choose to be invisible.
    fn of(user: &User, row: Option<&presence::Model>, now: DateTime<Utc>) -> Self {
        let here = row.is_some_and(|row| row.seen_until.is_some_and(|until| until > now));
        let status = row.map(|row| row.status).filter(|_| here).unwrap_or(PresenceStatus::Offline);
        let online = status != PresenceStatus::Offline;
        Self {
            user_id: user.id,
            user_name: user.name.clone(),
            status,
            online,
            status_message: row.and_then(|row| row.status_message.clone()),
            device_type: row.and_then(|row| row.device_type.clone()).filter(|_| online),
            last_seen_at: row.and_then(|row| row.last_seen_at),
        }
    }

    fn looks_like(&self, other: &Self) -> bool {
        self.status == other.status
            && self.status_message == other.status_message
            && self.device_type == other.device_type
    }
}

/// Somebody's presence.
///
/// # Errors
/// `NotFound` for a stranger and for an unknown user alike.
pub async fn of(cx: &Cx, user: UserId) -> Result<Presence> {
    of_many(cx, &[user]).await?.pop().ok_or_else(|| users::not_found(user))
}

/// The presence of those among `asked` whom the caller may see, in that order.
///
/// # Errors
/// `BadRequest` for more than 500.
pub async fn of_many(cx: &Cx, asked: &[UserId]) -> Result<Vec<Presence>> {
    if asked.len() > MOST {
        return Err(Error::bad_request(format!("At most {MOST} users can be asked for at once")));
    }
    let visible = visible(cx, asked).await?;
    let db = cx.chat.store.reader();
    let users = users::by_ids(db, &visible).await?;
    let rows = presence::Entity::find().filter(Column::UserId.is_in(visible.iter().map(|id| id.get()))).all(db).await?;
    let rows: HashMap<i64, presence::Model> = rows.into_iter().map(|row| (row.user_id, row)).collect();
    let now = super::now();
    let seen = visible.iter().filter_map(|id| Some(Presence::of(users.get(id)?, rows.get(&id.get()), now)));
    Ok(seen.collect())
}

/// Who is online, of those whom the caller may see; the first `limit` by id after `after`.
pub async fn online(cx: &Cx, after: Option<UserId>, limit: u64) -> Result<page::Page<Presence>> {
    let db = cx.chat.store.reader();
    let mut rows = presence::Entity::find()
        .filter(Column::SeenUntil.gt(super::now()))
        .filter(Column::Status.ne(PresenceStatus::Offline))
        .filter(Column::UserId.gt(after.map_or(0, UserId::get)));
    if cx.chat.config.presence.visibility == Visibility::Shared {
        let me = Column::UserId.eq(cx.me().get());
        rows = rows.filter(Condition::any().add(me).add(Column::UserId.in_subquery(neighbours(cx.me()))));
    }
    let rows = rows.order_by_asc(Column::UserId).limit(limit + 1).all(db).await?;
    let page = page::Page::cut(rows, limit);
    let users =
        users::by_ids(db, &page.items.iter().map(|row| UserId::stored(row.user_id)).collect::<Vec<_>>()).await?;
    let now = super::now();
    Ok(page.map(|rows| {
        rows.iter()
            .filter_map(|row| Some(Presence::of(users.get(&UserId::stored(row.user_id))?, Some(row), now)))
            .collect()
    }))
}

/// Those whom the caller may see: everybody, or those who share a conversation, and always oneself.
async fn visible(cx: &Cx, asked: &[UserId]) -> Result<Vec<UserId>> {
    if cx.chat.config.presence.visibility == Visibility::Everyone {
        return Ok(asked.to_vec());
    }
    let shared: Vec<i64> = participant::Entity::find()
        .select_only()
        .column(participant::Column::UserId)
        .filter(participant::Column::UserId.is_in(asked.iter().map(|id| id.get())))
        .filter(participant::Column::UserId.in_subquery(neighbours(cx.me())))
        .into_tuple()
        .all(cx.chat.store.reader())
        .await?;
    Ok(asked.iter().copied().filter(|user| *user == cx.me() || shared.contains(&user.get())).collect())
}

/// Everybody in the open conversations of `user`.
fn neighbours(user: UserId) -> SelectStatement {
    participant::Entity::find()
        .select_only()
        .column(participant::Column::UserId)
        .filter(participant::Column::ConversationId.in_subquery(access::conversations_of(user)))
        .into_query()
}

/// Renews the leases of those who are connected, and tells of those whose lease ended since the last look.
/// To be called now and then.
pub(crate) async fn sweep(chat: &Arc<Chat>, since: DateTime<Utc>) -> Result<DateTime<Utc>> {
    let now = super::now();
    let due: Vec<Cx> = {
        let mut here = chat.attendance.lock();
        let due = here.values_mut().filter(|attended| attended.renewed + stale(chat) / 3 < now);
        due.map(|attended| {
            attended.renewed = now;
            Cx { chat: Arc::clone(chat), viewer: attended.viewer.clone() }
        })
        .collect()
    };
    // Together, so that the writer takes many at once.
    let renewed = stream::iter(due).map(async |cx| lease(&cx).await).buffer_unordered(RENEWED);
    for failed in renewed.filter_map(async |renewed| renewed.err()).collect::<Vec<_>>().await {
        tracing::debug!(error = %failed, "a lease is renewed next time");
    }
    let db = chat.store.reader();
    let ended = presence::Entity::find()
        .filter(Column::SeenUntil.gt(since))
        .filter(Column::SeenUntil.lte(now))
        // A departure that was told ends the lease at the very moment of its last sign of life.
        .filter(ExprTrait::ne(Expr::col(Column::SeenUntil), Expr::col(Column::LastSeenAt)))
        .filter(Column::Status.ne(PresenceStatus::Offline))
        .all(db)
        .await?;
    let users = users::by_ids(db, &ended.iter().map(|row| UserId::stored(row.user_id)).collect::<Vec<_>>()).await?;
    for row in ended {
        if let Some(user) = users.get(&UserId::stored(row.user_id)) {
            chat.tell(announcement(db, &chat.config, Presence::of(user, Some(&row), now)).await?);
        }
    }
    Ok(now)
}
