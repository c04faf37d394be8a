//! Telling how somebody is: to those who share a conversation that is not too large for it.

use sea_orm::{ColumnTrait, ConnectionTrait, QueryFilter, QuerySelect};

use crate::chat::event::{Event, EventType, Fact};
use crate::chat::views::presence::Presence;
use crate::chat::views::user;
use crate::chat::{Chat, access};
use crate::config::Config;
use crate::entity::clock::now;
use crate::entity::{conversation, participant, presence};
use crate::error::Result;
use chrono::{DateTime, Utc};

/// What those are told who share a conversation that is not too large for it.
pub(super) async fn presence_event(db: &impl ConnectionTrait, config: &Config, presence: Presence) -> Result<Event> {
    let user = presence.user_id;
    let quiet = i64::try_from(config.chat.quiet_group_size).unwrap_or(i64::MAX);
    let shared = access::memberships(user)
        .filter(conversation::Column::ParticipantCount.lte(quiet))
        .select_only()
        .column(participant::Column::ConversationId)
        .into_tuple()
        .all(db)
        .await?;
    Ok(Event::new(EventType::Presence, None, user, now(), Fact::Presence { presence, shared }))
}

/// Tells how the people of these rows are.
pub(super) async fn publish_presence_of(
    chat: &Chat,
    db: &impl ConnectionTrait,
    rows: Vec<presence::Model>,
    now: DateTime<Utc>,
) -> Result<()> {
    let users = user::by_ids(db, &rows.iter().map(|row| row.user_id).collect::<Vec<_>>()).await?;
    for row in rows {
        if let Some(user) = users.get(&row.user_id) {
            chat.publish(presence_event(db, &chat.config, Presence::of(user, Some(&row), now)).await?);
        }
    }
    Ok(())
}
