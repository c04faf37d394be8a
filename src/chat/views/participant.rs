//! A participant as others see them, and the first of each conversation: never more rows than are shown, however many are
//! in it.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, Statement};
use serde::{Deserialize, Serialize};

use super::user::{self, User};
use crate::chat::rows::group;
use crate::entity::participant::{self, Role};
use crate::error::Result;
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::{among, list};
use crate::timestamp::Timestamp;

/// Participants that a conversation carries, at most; the others are on their pages (protocol §13).
pub const MAX_SHOWN: usize = 100;

/// Somebody in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, async_graphql::SimpleObject, utoipa::ToSchema)]
#[graphql(complex)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChatParticipantResponse)]
pub struct Participant {
    /// Where they take part; the payload does not repeat it.
    #[serde(skip, default = "nowhere")]
    #[graphql(skip)]
    pub conversation_id: ConversationId,
    /// Who it is.
    pub user_id: UserId,
    /// What they are called.
    pub user_name: String,
    /// The address of their picture.
    pub avatar_url: Option<String>,
    /// What they may do.
    pub role: Role,
    /// When they came.
    pub joined_at: Timestamp,
    /// The read marker.
    pub last_read_message_id: Option<MessageId>,
}

/// Of one that was read from an event, which names the conversation itself.
fn nowhere() -> ConversationId {
    ConversationId::stored(0)
}

impl Participant {
    pub(crate) fn of(row: &participant::Model, users: &HashMap<UserId, User>) -> Self {
        let user_id = row.user_id;
        Self {
            conversation_id: row.conversation_id,
            user_id,
            user_name: user::name_of(users, user_id),
            avatar_url: users.get(&user_id).and_then(|user| user.avatar_url.clone()),
            role: row.role,
            joined_at: row.joined_at.into(),
            last_read_message_id: row.last_read_message_id,
        }
    }
}

/// The rows of the first [`MAX_SHOWN`] of each conversation, longest-serving first: one statement, which walks the index
/// from the start of each and stops there.
pub(crate) async fn first(
    db: &impl ConnectionTrait,
    ids: &[ConversationId],
) -> Result<HashMap<ConversationId, Vec<participant::Model>>> {
    let sql = match db.get_database_backend() {
        DbBackend::Sqlite => {
            "SELECT p.* FROM json_each($1) w CROSS JOIN chat_participants p \
             WHERE p.id IN (SELECT f.id FROM chat_participants f WHERE f.conversation_id = w.value \
             ORDER BY f.id LIMIT $2) ORDER BY p.id"
        }
        _ => {
            "SELECT p.* FROM unnest(CAST($1 AS bigint[])) AS w (id) CROSS JOIN LATERAL \
             (SELECT * FROM chat_participants f WHERE f.conversation_id = w.id ORDER BY f.id LIMIT $2) p ORDER BY p.id"
        }
    };
    let most = i64::try_from(MAX_SHOWN).unwrap_or(i64::MAX);
    let statement =
        Statement::from_sql_and_values(db.get_database_backend(), sql, [list(db, ids.iter().copied()), most.into()]);
    let rows = participant::Entity::find().from_raw_sql(statement).all(db).await?;
    Ok(group(rows.into_iter().map(|row| (row.conversation_id, row))))
}

/// The rows of those among `users` who are in the conversation.
pub(crate) async fn inside(
    db: &impl ConnectionTrait,
    id: ConversationId,
    users: &[UserId],
) -> Result<Vec<participant::Model>> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let rows = participant::Entity::find().filter(participant::Column::ConversationId.eq(id)).filter(among(
        db,
        participant::Column::UserId,
        users.iter().copied(),
    ));
    Ok(rows.all(db).await?)
}

/// Puts the viewer among those who are shown, in the place of the last one where they came later.
pub(crate) fn with_viewer(shown: &mut [participant::Model], me: &participant::Model) {
    if let (MAX_SHOWN, Some(last)) = (shown.len(), shown.last_mut())
        && last.id < me.id
    {
        *last = me.clone();
    }
}
