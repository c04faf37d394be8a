//! Room to grow: which types of events there are is said by the code and held by `confab doctor`, so that a new one needs no
//! table of millions of rows built anew; and whoever inserts messages counts them, once for each conversation.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::choose(manager, POSTGRES, SQLITE).await?;
        dialect::run(manager, FEW).await
    }
}

/// The few events that are looked for by something else than their place: those about somebody, and those that change the
/// name or the settings of a conversation.
const FEW: &[&str] = &[
    "CREATE INDEX chat_events_about ON chat_events (subject_id, position) WHERE subject_id IS NOT NULL",
    "CREATE INDEX chat_events_of_settings ON chat_events (conversation_id, position)
        WHERE event_type = 'conversation.updated'",
];

const POSTGRES: &[&str] = &[
    "ALTER TABLE chat_events DROP CONSTRAINT an_event_has_a_known_type",
    "DROP TRIGGER chat_messages_inserted ON chat_messages",
    "DROP FUNCTION chat_count_messages()",
    // Rows that every batch updates: their next version finds room beside them, which spares the indexes.
    "ALTER TABLE chat_log SET (fillfactor = 10)",
    "ALTER TABLE chat_conversations SET (fillfactor = 70)",
];

/// SQLite keeps a constraint as a part of the text that made the table, and can give it up only with the table. Its rows are
/// copied in the order of their key, once and for all.
const SQLITE: &[&str] = &[
    "
CREATE TABLE chat_events_of_any_type (
    position integer PRIMARY KEY,
    event_type text NOT NULL,
    conversation_id integer,
    user_id integer NOT NULL,
    subject_id integer,
    message_id integer,
    payload text,
    created_at text NOT NULL,
    CONSTRAINT a_position_is_positive CHECK (position > 0)
) STRICT",
    "
INSERT INTO chat_events_of_any_type
    (position, event_type, conversation_id, user_id, subject_id, message_id, payload, created_at)
SELECT position, event_type, conversation_id, user_id, subject_id, message_id, payload, created_at
FROM chat_events ORDER BY position",
    "DROP TABLE chat_events",
    "ALTER TABLE chat_events_of_any_type RENAME TO chat_events",
    "CREATE INDEX chat_events_of_conversation ON chat_events (conversation_id, position)",
    "CREATE INDEX chat_events_by_time ON chat_events (created_at)",
    "DROP TRIGGER chat_messages_inserted",
    "DROP TRIGGER chat_replies_inserted",
];
