//! Sending in one statement on SQLite, as on PostgreSQL: what is inserted into `chat_sending` is a message that follows upon
//! the log as it was when it was judged, and becomes its row, its event and what is counted of it. A statement is a
//! transaction by itself and one errand to the thread of its connection, where six took the two threads forty turns.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::choose(manager, &[], SQLITE).await
    }
}

const SQLITE: &[&str] = &[
    "
CREATE VIEW chat_sending AS SELECT
    NULL AS position, NULL AS webhook_revision, NULL AS id, NULL AS conversation_id, NULL AS sender_id, NULL AS message_type,
    NULL AS content, NULL AS parent_message_id, NULL AS metadata, NULL AS temp_id, NULL AS input_digest,
    NULL AS search_words, NULL AS number, NULL AS sender_number, NULL AS created_at
WHERE false",
    // The log is moved first: where it does not stand there any more, nothing of the statement is written.
    "
CREATE TRIGGER chat_sending_is_sent INSTEAD OF INSERT ON chat_sending
BEGIN
    UPDATE chat_log SET position = NEW.position, message_id = NEW.id
    WHERE id = 1 AND position = NEW.position - 1 AND message_id = NEW.id - 1 AND webhook_revision = NEW.webhook_revision;
    SELECT RAISE(ABORT, 'the log has moved') WHERE changes() = 0;
    INSERT INTO chat_messages (id, conversation_id, sender_id, message_type, content, parent_message_id, metadata, temp_id,
        input_digest, search_words, number, sender_number, created_at)
    VALUES (NEW.id, NEW.conversation_id, NEW.sender_id, NEW.message_type, NEW.content, NEW.parent_message_id, NEW.metadata,
        NEW.temp_id, NEW.input_digest, NEW.search_words, NEW.number, NEW.sender_number, NEW.created_at);
    INSERT INTO chat_events (position, event_type, conversation_id, user_id, message_id, created_at)
    VALUES (NEW.position, 'message.sent', NEW.conversation_id, NEW.sender_id, NEW.id, NEW.created_at);
    UPDATE chat_conversations SET message_count = message_count + 1, last_message_id = NEW.id,
        last_message_at = NEW.created_at, last_activity_at = NEW.created_at, activity_moved = true
    WHERE id = NEW.conversation_id;
    UPDATE chat_messages SET reply_count = reply_count + 1 WHERE id = NEW.parent_message_id;
END",
];
