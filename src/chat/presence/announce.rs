//! Telling how somebody is: to those who share a conversation that is not too large for it. It knows nobody who listens:
//! the conversations in which somebody does are named to it.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, QueryFilter, QuerySelect, Statement};

use crate::chat::Chat;
use crate::chat::access::{self, one_by_one};
use crate::chat::event::{Event, EventType, Fact};
use crate::chat::views::presence::Presence;
use crate::chat::views::user;
use crate::entity::clock::now;
use crate::entity::{conversation, participant, presence};
use crate::error::Result;
use crate::id::{ConversationId, UserId};
use crate::store::list;

/// People of whom is told at once.
const MAX_TOLD_TOGETHER: usize = 500;

/// How somebody is, told to themselves; others are told with [`for_listeners`].
pub(super) fn presence_event(presence: Presence, version: i64) -> Event {
    let actor = presence.user_id;
    Event::new(EventType::Presence, None, actor, now(), Fact::Presence { presence, version, shared: Vec::new() })
}

/// The same for others: for those in the conversations of its actor that are not too large for it, of `heard`, or of all
/// where nothing is said. One statement, which looks up each of `heard`; and none where that is nothing. No event where
/// nobody else may know.
///
/// # Errors
/// `Unavailable` without the database.
pub async fn for_listeners(chat: &Chat, event: &Event, heard: Option<&[ConversationId]>) -> Result<Option<Event>> {
    let Fact::Presence { presence, version, .. } = &event.fact else { return Ok(None) };
    let shared = match heard {
        Some([]) => Vec::new(),
        Some(heard) => shared_among(chat, event.actor, heard).await?,
        None => shared_of(chat, event.actor).await?,
    };
    if shared.is_empty() {
        return Ok(None);
    }
    let fact = Fact::Presence { presence: presence.clone(), version: *version, shared };
    Ok(Some(Event::new(EventType::Presence, None, event.actor, event.at, fact)))
}

async fn shared_among(chat: &Chat, user: UserId, heard: &[ConversationId]) -> Result<Vec<ConversationId>> {
    let db = &chat.store.reader();
    let sql = format!(
        "SELECT c.id FROM {} CROSS JOIN chat_conversations c \
         WHERE c.id = p.conversation_id AND c.closed_at IS NULL AND c.participant_count <= $3",
        one_by_one::<ConversationId>(db, "first.user_id = $1 AND first.conversation_id = listed.value")
    );
    let values = [user.into(), list(db, heard.iter().copied()), quiet_size(chat).into()];
    let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    Ok(rows.iter().map(|row| row.try_get("", "id")).collect::<std::result::Result<_, _>>()?)
}

async fn shared_of(chat: &Chat, user: UserId) -> Result<Vec<ConversationId>> {
    let shared = access::memberships(user)
        .filter(conversation::Column::ParticipantCount.lte(quiet_size(chat)))
        .select_only()
        .column(participant::Column::ConversationId);
    Ok(shared.into_tuple().all(&chat.store.reader()).await?)
}

fn quiet_size(chat: &Chat) -> i64 {
    i64::try_from(chat.config.chat.quiet_group_size).unwrap_or(i64::MAX)
}

/// Tells how the people of these rows are.
pub(super) async fn publish_presence_of(chat: &Chat, rows: Vec<presence::Model>, now: DateTime<Utc>) -> Result<()> {
    let db = &chat.store.reader();
    // In portions, so that those who take them away keep up.
    for rows in rows.chunks(MAX_TOLD_TOGETHER) {
        let users = user::by_ids(db, &rows.iter().map(|row| row.user_id).collect::<Vec<_>>()).await?;
        let told = rows.iter().filter_map(|row| {
            Some(presence_event(Presence::of(users.get(&row.user_id)?, Some(row), now), row.version))
        });
        told.for_each(|event| chat.publish(event));
    }
    Ok(())
}
