//! What lists are walked by: a user's conversations by their latest activity, a conversation's participants and files in
//! their order. It knows no list.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, LISTS).await?;
        dialect::choose(manager, POSTGRES, SQLITE).await?;
        dialect::run(manager, OTHERS).await
    }
}

/// `listed_at` is where a conversation stands in its participant's list: its latest activity as that was carried to them,
/// none where it is closed. `activity_moved` marks the conversations of which it is not up to date; as long as that does
/// not change, a message that is sent changes no column of an index. There are as many participants as are filled here.
const LISTS: &[&str] = &[
    "ALTER TABLE chat_participants ADD COLUMN listed_at timestamptz",
    "ALTER TABLE chat_conversations ADD COLUMN activity_moved boolean NOT NULL DEFAULT false",
    "UPDATE chat_participants SET listed_at = (SELECT c.last_activity_at FROM chat_conversations c
        WHERE c.id = chat_participants.conversation_id AND c.closed_at IS NULL)",
    "CREATE INDEX chat_participants_listed
        ON chat_participants (user_id, archived, pinned, listed_at, conversation_id) WHERE listed_at IS NOT NULL",
    "CREATE INDEX chat_conversations_moved ON chat_conversations (id) WHERE activity_moved",
    "CREATE INDEX chat_participants_in_order ON chat_participants (conversation_id, id)",
    "CREATE INDEX chat_participants_admins ON chat_participants (conversation_id, id) WHERE role = 'ADMIN'",
];

/// Whoever writes `last_activity_at` or `closed_at` need not think of the mark; whoever sets `activity_moved` in the same
/// statement spares the trigger. Somebody who joins stands where their conversation stands.
const POSTGRES: &[&str] = &[
    "
CREATE FUNCTION chat_mark_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.activity_moved := true;
    RETURN new;
END $$",
    "
CREATE TRIGGER chat_conversations_moved BEFORE UPDATE ON chat_conversations
    FOR EACH ROW WHEN (NOT new.activity_moved AND (old.last_activity_at <> new.last_activity_at
        OR old.closed_at IS DISTINCT FROM new.closed_at))
    EXECUTE FUNCTION chat_mark_moved()",
    "
CREATE FUNCTION chat_list_participant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.listed_at := (SELECT last_activity_at FROM chat_conversations
        WHERE id = new.conversation_id AND closed_at IS NULL);
    RETURN new;
END $$",
    "
CREATE TRIGGER chat_participants_listed BEFORE INSERT ON chat_participants
    FOR EACH ROW WHEN (new.listed_at IS NULL) EXECUTE FUNCTION chat_list_participant()",
];

const SQLITE: &[&str] = &[
    "
CREATE TRIGGER chat_conversations_moved AFTER UPDATE OF last_activity_at, closed_at ON chat_conversations
WHEN NOT new.activity_moved AND (old.last_activity_at <> new.last_activity_at OR old.closed_at IS NOT new.closed_at)
BEGIN
    UPDATE chat_conversations SET activity_moved = true WHERE id = new.id;
END",
    "
CREATE TRIGGER chat_participants_listed AFTER INSERT ON chat_participants WHEN new.listed_at IS NULL
BEGIN
    UPDATE chat_participants SET listed_at = (SELECT last_activity_at FROM chat_conversations
        WHERE id = new.conversation_id AND closed_at IS NULL) WHERE id = new.id;
END",
];

/// A file of a message is found by the conversation.
const OTHERS: &[&str] = &[
    "ALTER TABLE chat_message_attachments ADD COLUMN conversation_id bigint",
    "UPDATE chat_message_attachments SET conversation_id = (SELECT m.conversation_id FROM chat_messages m
        WHERE m.id = chat_message_attachments.message_id)",
    "CREATE INDEX chat_message_attachments_of_conversation ON chat_message_attachments (conversation_id, message_id)",
];
