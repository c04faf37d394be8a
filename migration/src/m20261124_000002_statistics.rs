//! The triggers that keep counters: participants and messages of a conversation, its last message and activity, and
//! the replies of a message. Nothing else writes those columns. Messages are never removed, so nothing counts down
//! for that.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::choose(manager, POSTGRES, SQLITE).await
    }
}

/// A statement that inserts many messages updates each conversation once, in the order of ids, so that two of them
/// cannot wait for each other. The loops are there for that order, and because the planner, who knows nothing of the
/// size of a transition table, would otherwise read whole tables.
const POSTGRES: &[&str] = &[
    "
CREATE FUNCTION chat_count_messages() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fresh record;
BEGIN
    FOR fresh IN
        SELECT DISTINCT ON (conversation_id)
            conversation_id, id, created_at, count(*) OVER (PARTITION BY conversation_id) AS messages
        FROM inserted
        ORDER BY conversation_id, id DESC
    LOOP
        UPDATE chat_conversations SET
            message_count = message_count + fresh.messages,
            last_message_id = greatest(last_message_id, fresh.id),
            last_message_at = CASE WHEN last_message_id > fresh.id THEN last_message_at ELSE fresh.created_at END,
            last_activity_at = CASE WHEN last_message_id > fresh.id THEN last_activity_at ELSE fresh.created_at END
        WHERE id = fresh.conversation_id;
    END LOOP;
    FOR fresh IN
        SELECT parent_message_id AS id, count(*) AS replies
        FROM inserted
        WHERE parent_message_id IS NOT NULL AND NOT is_deleted
        GROUP BY parent_message_id
        ORDER BY parent_message_id
    LOOP
        UPDATE chat_messages SET reply_count = reply_count + fresh.replies WHERE id = fresh.id;
    END LOOP;
    RETURN NULL;
END $$",
    "
CREATE TRIGGER chat_messages_inserted AFTER INSERT ON chat_messages
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION chat_count_messages()",
    "
CREATE FUNCTION chat_count_deleted_replies() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    gone record;
BEGIN
    FOR gone IN
        SELECT present.parent_message_id AS id, count(*) AS replies
        FROM past JOIN present USING (id)
        WHERE present.parent_message_id IS NOT NULL AND present.is_deleted AND NOT past.is_deleted
        GROUP BY present.parent_message_id
        ORDER BY present.parent_message_id
    LOOP
        UPDATE chat_messages SET reply_count = reply_count - gone.replies WHERE id = gone.id;
    END LOOP;
    RETURN NULL;
END $$",
    // Transition tables allow no list of columns; the depth spares the updates of `reply_count` above.
    "
CREATE TRIGGER chat_messages_updated AFTER UPDATE ON chat_messages
    REFERENCING OLD TABLE AS past NEW TABLE AS present
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION chat_count_deleted_replies()",
    "
CREATE FUNCTION chat_count_participants() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved record;
    step integer := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
BEGIN
    FOR moved IN
        SELECT conversation_id, count(*) AS participants FROM changed GROUP BY conversation_id ORDER BY conversation_id
    LOOP
        UPDATE chat_conversations SET participant_count = participant_count + step * moved.participants
        WHERE id = moved.conversation_id;
    END LOOP;
    RETURN NULL;
END $$",
    "
CREATE TRIGGER chat_participants_inserted AFTER INSERT ON chat_participants
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION chat_count_participants()",
    "
CREATE TRIGGER chat_participants_deleted AFTER DELETE ON chat_participants
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION chat_count_participants()",
];

const SQLITE: &[&str] = &[
    "
CREATE TRIGGER chat_messages_inserted AFTER INSERT ON chat_messages
BEGIN
    UPDATE chat_conversations SET
        message_count = message_count + 1,
        last_message_id = max(coalesce(last_message_id, 0), new.id),
        last_message_at = CASE WHEN last_message_id > new.id THEN last_message_at ELSE new.created_at END,
        last_activity_at = CASE WHEN last_message_id > new.id THEN last_activity_at ELSE new.created_at END
    WHERE id = new.conversation_id;
END",
    "
CREATE TRIGGER chat_replies_inserted AFTER INSERT ON chat_messages
WHEN new.parent_message_id IS NOT NULL AND NOT new.is_deleted
BEGIN
    UPDATE chat_messages SET reply_count = reply_count + 1 WHERE id = new.parent_message_id;
END",
    "
CREATE TRIGGER chat_replies_deleted AFTER UPDATE OF is_deleted ON chat_messages
WHEN new.parent_message_id IS NOT NULL AND new.is_deleted AND NOT old.is_deleted
BEGIN
    UPDATE chat_messages SET reply_count = reply_count - 1 WHERE id = new.parent_message_id;
END",
    "
CREATE TRIGGER chat_participants_inserted AFTER INSERT ON chat_participants
BEGIN
    UPDATE chat_conversations SET participant_count = participant_count + 1 WHERE id = new.conversation_id;
END",
    "
CREATE TRIGGER chat_participants_deleted AFTER DELETE ON chat_participants
BEGIN
    UPDATE chat_conversations SET participant_count = participant_count - 1 WHERE id = old.conversation_id;
END",
];
