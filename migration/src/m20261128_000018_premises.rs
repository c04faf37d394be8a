//! What nodes that send at the same time have to know of each other, on PostgreSQL. A message is judged by what was read a
//! moment before it is written: the position of the last event that could change such a judgement stands in the row that
//! everybody who writes locks. It is kept by a trigger, so that programs of the release before keep it as well. On SQLite
//! nobody else writes.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::choose(manager, POSTGRES, &[]).await
    }
}

const POSTGRES: &[&str] = &[
    "ALTER TABLE chat_log ADD COLUMN premise_position bigint NOT NULL DEFAULT 0",
    "UPDATE chat_log SET premise_position = position",
    // A statement that writes many events moves the log with them: the first of them says it for all.
    "
CREATE FUNCTION chat_premise_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE chat_log SET premise_position = greatest(position, NEW.position)
    WHERE id = 1 AND premise_position < greatest(position, NEW.position);
    RETURN NULL;
END $$",
    "
CREATE TRIGGER chat_events_premises AFTER INSERT ON chat_events
    FOR EACH ROW WHEN (NEW.event_type NOT IN
        ('message.sent', 'message.updated', 'reaction.added', 'reaction.removed', 'receipt.moved'))
    EXECUTE FUNCTION chat_premise_changed()",
    // Volatile: it sees what was committed while the statement that calls it waited for its turn.
    "
CREATE FUNCTION chat_own_messages(of_conversation bigint, of_sender bigint) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN coalesce((SELECT sender_number FROM chat_messages
        WHERE conversation_id = of_conversation AND sender_id = of_sender ORDER BY number DESC LIMIT 1), 0);
END $$",
];
