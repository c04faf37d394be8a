//! Choosing how one is, and the row that says so.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbBackend, EntityTrait, QuerySelect};
use serde::Deserialize;
use serde_json::Value as Json;

use super::announce::presence_event;
use crate::chat::notes::Note;
use crate::chat::text;
use crate::chat::views::presence::Presence;
use crate::chat::views::user::User;
use crate::chat::{Chat, Cx};
use crate::entity::clock::now;
use crate::entity::presence::{self, Column, PresenceStatus};
use crate::error::{Error, Result};
use crate::id::UserId;

/// What is to be changed of one's presence; what is left out stays.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[schema(as = PresenceRequest)]
pub struct SetPresence {
    /// `OFFLINE` means invisible.
    pub status: Option<PresenceStatus>,
    /// Up to 100 characters; an empty one takes it away.
    #[schema(max_length = 100)]
    pub status_message: Option<String>,
    /// `false` means `OFFLINE`; `true` ends being invisible and leaves AWAY and DND as they were chosen.
    pub online: Option<bool>,
    /// Up to 50 characters.
    #[schema(max_length = 50)]
    pub device_type: Option<String>,
    /// Anything of up to 2 KiB; told to nobody.
    #[schema(value_type = Value)]
    pub browser_info: Option<Json>,
}

/// Changes the caller's own presence.
///
/// # Errors
/// `BadRequest` for what is out of form.
pub async fn set(cx: &Cx, input: SetPresence) -> Result<Presence> {
    let message = input.status_message.as_deref().map(text::status_message).transpose()?;
    let device = input.device_type.as_deref().map(device_type).transpose()?;
    if input.browser_info.as_ref().is_some_and(|info| !is_small(info)) {
        return Err(Error::bad_request("browserInfo must not be larger than 2 KiB"));
    }
    let chosen = match (input.status, input.online) {
        (Some(status), _) => Some(status),
        (None, Some(false)) => Some(PresenceStatus::Offline),
        (None, _) => None,
    };
    let (appears, lease_duration) = (input.online == Some(true), lease_duration(&cx.chat));
    let chooses = appears || chosen.is_some();
    update_row(cx, move |row, now| {
        if let Some(status) = chosen {
            row.status = status;
        } else if appears && row.status == PresenceStatus::Offline {
            row.status = PresenceStatus::Online;
        }
        if let Some(message) = &message {
            row.status_message = Some(message.clone()).filter(|message| !message.is_empty());
        }
        if device.is_some() {
            row.device_type.clone_from(&device);
        }
        if input.browser_info.is_some() {
            row.browser_info.clone_from(&input.browser_info);
        }
        // Whoever chooses to be seen is here from now until the stale threshold; anything else makes nobody appear.
        if !row.is_connected() && (chooses || row.seen_until.is_some_and(|until| until > now)) {
            row.seen_until = Some(now + lease_duration);
        }
        row.last_seen_at = Some(now);
    })
    .await
}

/// How long somebody without a sign of life is still here.
pub(super) fn lease_duration(chat: &Chat) -> TimeDelta {
    TimeDelta::minutes(i64::try_from(chat.config.chat.presence_stale_threshold_minutes).unwrap_or(i64::MAX / 60_000))
}

fn device_type(text: &str) -> Result<String> {
    if text.chars().count() > 50 || text.chars().any(char::is_control) {
        return Err(Error::bad_request("deviceType must have at most 50 characters and no control characters"));
    }
    Ok(text.to_owned())
}

fn is_small(info: &Json) -> bool {
    info.to_string().len() <= 2048 && !text::holds_nul(info)
}

/// Signs of life that come sooner than this after one that was written are not written.
const MIN_WRITE_INTERVAL: TimeDelta = TimeDelta::seconds(10);

/// Changes the caller's row and says so where others can see a difference. What would only write the same again a few
/// seconds later does not reach the writer.
pub(super) async fn update_row(
    cx: &Cx,
    edit: impl Fn(&mut presence::Model, DateTime<Utc>) + Send + 'static,
) -> Result<Presence> {
    let user =
        User { id: cx.me(), name: cx.viewer.name.clone(), avatar_url: None, external_id: None, is_banned: false };
    let known = presence::Entity::find_by_id(user.id).one(&cx.reader()).await?;
    if let Some(known) = known {
        let now = now();
        let mut row = known.clone();
        edit(&mut row, now);
        if is_redundant(&known, row) {
            return Ok(Presence::of(&user, Some(&known), now));
        }
    }
    let changed = cx.chat.note(async move |note: &mut Note<'_>| {
        let old = presence::Entity::find_by_id(user.id);
        let old = if note.tx.get_database_backend() == DbBackend::Postgres { old.lock_exclusive() } else { old };
        let old = old.one(note.tx).await?;
        let mut row = old.clone().unwrap_or_else(|| default_row(user.id, note.now));
        edit(&mut row, note.now);
        // Somebody invisible gives no sign of life.
        if let Some(old) = old.as_ref().filter(|old| old.status == PresenceStatus::Offline)
            && row.status == PresenceStatus::Offline
        {
            row.last_seen_at = old.last_seen_at;
        }
        row.updated_at = note.now;
        let before = Presence::of(&user, old.as_ref(), note.now);
        let after = Presence::of(&user, Some(&row), note.now);
        let differs = !before.looks_like(&after);
        row.version += i64::from(differs);
        upsert_row(note, &row).await?;
        if differs {
            note.signal(presence_event(after.clone(), row.version));
        }
        Ok(after)
    });
    changed.await
}

/// Whether a row differs from the one that is there in nothing but a few seconds.
fn is_redundant(known: &presence::Model, row: presence::Model) -> bool {
    let close = |before: Option<DateTime<Utc>>, after: Option<DateTime<Utc>>| match (before, after) {
        (Some(before), Some(after)) => (after - before).abs() < MIN_WRITE_INTERVAL,
        (before, after) => before == after,
    };
    let times = close(known.seen_until, row.seen_until) && close(known.last_seen_at, row.last_seen_at);
    let row = presence::Model {
        seen_until: known.seen_until,
        last_seen_at: known.last_seen_at,
        updated_at: known.updated_at,
        version: known.version,
        ..row
    };
    times && row == *known
}

fn default_row(user: UserId, now: DateTime<Utc>) -> presence::Model {
    presence::Model {
        user_id: user,
        status: PresenceStatus::Online,
        status_message: None,
        device_type: None,
        browser_info: None,
        seen_until: None,
        last_seen_at: None,
        updated_at: now,
        version: 0,
    }
}

async fn upsert_row(note: &Note<'_>, row: &presence::Model) -> Result<()> {
    let row = presence::ActiveModel {
        user_id: Set(row.user_id),
        status: Set(row.status),
        status_message: Set(row.status_message.clone()),
        device_type: Set(row.device_type.clone()),
        browser_info: Set(row.browser_info.clone()),
        seen_until: Set(row.seen_until),
        last_seen_at: Set(row.last_seen_at),
        updated_at: Set(row.updated_at),
        version: Set(row.version),
    };
    let columns = [
        Column::Status,
        Column::StatusMessage,
        Column::DeviceType,
        Column::BrowserInfo,
        Column::SeenUntil,
        Column::LastSeenAt,
        Column::UpdatedAt,
        Column::Version,
    ];
    let again = OnConflict::column(Column::UserId).update_columns(columns).to_owned();
    presence::Entity::insert(row).on_conflict(again).exec_without_returning(note.tx).await?;
    Ok(())
}
