//! Appending to the log: the rows of events and the row that positions come from, within the transaction that made them.
//! It knows nothing of chat but what an event carries.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::head::{LogHead, advance};
use crate::chat::event::{Event, Fact};
use crate::id::{ConversationId, MessageId, UserId};
use crate::store;

/// A row, as the statements read it.
#[derive(Serialize)]
struct Row {
    position: i64,
    kind: &'static str,
    conversation: Option<ConversationId>,
    actor: UserId,
    subject: Option<UserId>,
    message: Option<MessageId>,
    payload: Option<String>,
}

const POSTGRES: &str = "
WITH head AS (UPDATE chat_log SET position = $3, message_id = $4, webhook_revision = $5 WHERE id = 1)
INSERT INTO chat_events (position, event_type, conversation_id, user_id, subject_id, message_id, payload, created_at)
SELECT position, kind, conversation, actor, subject, message, CAST(payload AS jsonb), CAST($2 AS timestamptz)
FROM json_to_recordset(CAST($1 AS json)) AS e(position bigint, kind text, conversation bigint, actor bigint,
    subject bigint, message bigint, payload text)
ORDER BY position";

const SQLITE: &str = "
INSERT INTO chat_events (position, event_type, conversation_id, user_id, subject_id, message_id, payload, created_at)
SELECT value ->> 'position', value ->> 'kind', value ->> 'conversation', value ->> 'actor', value ->> 'subject',
    value ->> 'message', value ->> 'payload', $2
FROM json_each($1);
UPDATE chat_log SET position = $3, message_id = $4, webhook_revision = $5 WHERE id = 1";

/// Writes the rows of a transaction's events, all of this time, and moves the log on.
pub(crate) async fn append(
    db: &impl ConnectionTrait,
    events: &[Event],
    at: DateTime<Utc>,
    head: LogHead,
) -> Result<(), DbErr> {
    let rows = events.iter().filter_map(|event| {
        Some(Row {
            position: event.position?,
            kind: event.kind.name(),
            conversation: event.conversation,
            actor: event.actor,
            subject: event.subject,
            message: event.message,
            payload: payload(&event.fact).map(|payload| payload.to_string()),
        })
    });
    let rows: Vec<Row> = rows.collect();
    if rows.is_empty() {
        return advance(db, head).await;
    }
    let backend = db.get_database_backend();
    let sql = if backend == DbBackend::Sqlite { SQLITE } else { POSTGRES };
    let moved = [head.position.into(), head.message_id.into(), head.outbox_revision.into()];
    let values = [store::json(&rows).into(), at.into()].into_iter().chain(moved);
    db.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await.map(drop)
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
