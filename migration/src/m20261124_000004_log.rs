//! The durable log, and the one row that its positions and the ids of messages are taken from. It knows no listener.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, STATE).await?;
        dialect::run(manager, EVENTS).await
    }
}

/// The epoch is made here, once, so that it lives and dies with the database whose positions it belongs to.
const STATE: &[&str] = &[
    "
CREATE TABLE chat_log (
    id bigint PRIMARY KEY,
    epoch text NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    message_id bigint NOT NULL DEFAULT 0,
    pruned_position bigint NOT NULL DEFAULT 0,
    CONSTRAINT there_is_one_log CHECK (id = 1),
    CONSTRAINT an_epoch_has_16_characters CHECK (length(epoch) = 16),
    CONSTRAINT numbers_are_exact_in_javascript CHECK (
        position BETWEEN 0 AND 9007199254740991 AND message_id BETWEEN 0 AND 9007199254740991
    ),
    CONSTRAINT only_the_past_is_pruned CHECK (pruned_position BETWEEN 0 AND position)
)",
    "INSERT INTO chat_log (id, epoch) VALUES (1, substr(replace(gen_random_uuid()::text, '-', ''), 1, 16))",
];

/// No foreign keys: a row of the log is written in the transaction of the rows that it speaks of, and three look-ups
/// for each would make every change dearer.
const EVENTS: &[&str] = &[
    "
CREATE TABLE chat_events (
    position bigint PRIMARY KEY,
    event_type text NOT NULL,
    conversation_id bigint,
    user_id bigint NOT NULL,
    subject_id bigint,
    message_id bigint,
    payload jsonb,
    created_at timestamptz NOT NULL,
    CONSTRAINT a_position_is_positive CHECK (position > 0),
    CONSTRAINT an_event_has_a_known_type CHECK (event_type IN (
        'message.sent', 'message.updated', 'message.deleted',
        'reaction.added', 'reaction.removed',
        'receipt.moved',
        'conversation.created', 'conversation.updated', 'conversation.deleted',
        'participant.added', 'participant.removed', 'participant.role_changed',
        'settings.changed'
    ))
)",
    "CREATE INDEX chat_events_of_conversation ON chat_events (conversation_id, position)",
    "CREATE INDEX chat_events_by_time ON chat_events (created_at)",
];
