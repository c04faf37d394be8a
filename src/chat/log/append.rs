//! Appending to the log: the rows of events, within the transaction that made them. It knows nothing of chat but what
//! an event carries.

use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait};
use serde_json::{Value as Json, json};

use crate::chat::event::{Event, Fact};
use crate::entity::event as row;

/// Rows written with one statement: a few values each, and no database takes more than some ten thousand.
const MAX_ROWS: usize = 1_000;

/// Writes the rows of events; part of the transaction that made them.
pub(crate) async fn append(db: &impl ConnectionTrait, events: &[Event]) -> Result<(), DbErr> {
    let rows = events.iter().filter_map(|event| {
        Some(row::ActiveModel {
            position: Set(event.position?),
            event_type: Set(event.kind.name().to_owned()),
            conversation_id: Set(event.conversation),
            user_id: Set(event.actor),
            subject_id: Set(event.subject),
            message_id: Set(event.message),
            payload: Set(payload(&event.fact)),
            created_at: Set(event.at),
        })
    });
    let rows: Vec<row::ActiveModel> = rows.collect();
    for rows in rows.chunks(MAX_ROWS) {
        row::Entity::insert_many(rows.to_vec()).exec_without_returning(db).await?;
    }
    Ok(())
}

/// What cannot be read again from the other tables.
fn payload(fact: &Fact) -> Option<Json> {
    match fact {
        Fact::Reaction(change) => Some(json!({ "emoji": change.emoji })),
        Fact::Receipt(moved) => Some(json!({ "readAt": moved.read_at })),
        Fact::Participant(person) => serde_json::to_value(person).ok(),
        Fact::Conversation { participants } if !participants.is_empty() => {
            Some(json!({ "participantIds": participants }))
        }
        _ => None,
    }
}
