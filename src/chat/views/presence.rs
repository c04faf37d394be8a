//! How somebody is, as others see them.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::user::User;
use crate::entity::presence::{self, PresenceStatus};
use crate::id::UserId;
use crate::timestamp::Timestamp;

/// How somebody is, as others see them: `PresenceResponse` over REST and STOMP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, async_graphql::SimpleObject, utoipa::ToSchema)]
#[graphql(complex)]
#[serde(rename_all = "camelCase")]
#[schema(as = PresenceResponse)]
pub struct Presence {
    /// Who it is.
    pub user_id: UserId,
    /// What they are called.
    pub user_name: String,
    /// What they chose, or `OFFLINE` while they are not here.
    pub status: PresenceStatus,
    /// Whether they are here and want that to be seen.
    pub online: bool,
    /// What they say of it.
    pub status_message: Option<String>,
    /// What they are here with, as their program says.
    pub device_type: Option<String>,
    /// When they were here last, to the minute.
    pub last_seen_at: Option<Timestamp>,
}

impl Presence {
    /// Somebody is here while their lease runs and they did not choose to be invisible.
    pub(in crate::chat) fn of(user: &User, row: Option<&presence::Model>, now: DateTime<Utc>) -> Self {
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
            last_seen_at: row.and_then(|row| seen_at(row, online, now)).map(Into::into),
        }
    }

    /// Whether others see a difference.
    pub(in crate::chat) fn looks_like(&self, other: &Self) -> bool {
        self.status == other.status
            && self.status_message == other.status_message
            && self.device_type == other.device_type
    }
}

/// Whoever is connected is seen, to the minute, as long as they want to be.
fn seen_at(row: &presence::Model, online: bool, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let minute = now.duration_trunc(TimeDelta::minutes(1)).ok().filter(|_| online && row.is_connected());
    row.last_seen_at.max(minute)
}
