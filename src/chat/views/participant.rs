//! A participant as others see them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::user::{self, User};
use crate::entity::participant::{self, Role};
use crate::id::{MessageId, UserId};

/// Somebody in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, async_graphql::SimpleObject)]
#[graphql(complex)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    pub user_id: UserId,
    pub user_name: String,
    pub avatar_url: Option<String>,
    pub role: Role,
    pub joined_at: DateTime<Utc>,
    /// The read marker.
    pub last_read_message_id: Option<MessageId>,
}

impl Participant {
    pub(crate) fn of(row: &participant::Model, users: &HashMap<UserId, User>) -> Self {
        let user_id = row.user_id;
        Self {
            user_id,
            user_name: user::name_of(users, user_id),
            avatar_url: users.get(&user_id).and_then(|user| user.avatar_url.clone()),
            role: row.role,
            joined_at: row.joined_at,
            last_read_message_id: row.last_read_message_id,
        }
    }
}
