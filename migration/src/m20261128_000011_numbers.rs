//! Dense numbers of messages inside their conversation, and what is kept beside them, so that what is unread need not be
//! counted. Rows that are there already get theirs from `numbering`.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, COLUMNS).await?;
        dialect::run(manager, RECEIPTS).await?;
        dialect::run(manager, DELETIONS).await?;
        dialect::run(manager, BACKFILLS).await
    }
}

/// A message without a number is one that `numbering` has not come to yet. None of the columns changes with a message
/// that is sent, but those of its own row.
const COLUMNS: &[&str] = &[
    "ALTER TABLE chat_messages ADD COLUMN number bigint
        CONSTRAINT a_number_is_positive CHECK (number > 0)",
    "ALTER TABLE chat_messages ADD COLUMN sender_number bigint
        CONSTRAINT a_number_of_a_sender_is_positive CHECK (sender_number > 0)",
    "CREATE INDEX chat_messages_of_sender ON chat_messages (conversation_id, sender_id, number, sender_number)",
    "CREATE INDEX chat_messages_deleted ON chat_messages (conversation_id, number) WHERE is_deleted",
    "ALTER TABLE chat_participants ADD COLUMN read_number bigint NOT NULL DEFAULT 0
        CONSTRAINT a_read_number_is_not_negative CHECK (read_number >= 0)",
    "ALTER TABLE chat_participants ADD COLUMN read_own bigint NOT NULL DEFAULT 0
        CONSTRAINT read_own_ones_are_not_negative CHECK (read_own >= 0)",
    "ALTER TABLE chat_conversations ADD COLUMN last_deleted_number bigint NOT NULL DEFAULT 0
        CONSTRAINT a_deleted_number_is_not_negative CHECK (last_deleted_number >= 0)",
];

/// A message's receipts are looked up for each reader, by the unique key: an index of the message's alone would be taken
/// instead, and led through everybody's moves to it.
const RECEIPTS: &[&str] = &["DROP INDEX chat_message_read_receipts_of_message"];

/// How many messages are deleted in each block of 64, 4 096 and 262 144 numbers (levels 1 to 3): those of each sender, and
/// of everybody, who is sender 0 and the reason that there is no foreign key.
const DELETIONS: &[&str] = &["
CREATE TABLE chat_deletion_counts (
    conversation_id bigint NOT NULL REFERENCES chat_conversations,
    sender_id bigint NOT NULL,
    level bigint NOT NULL,
    block bigint NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (conversation_id, sender_id, level, block),
    CONSTRAINT there_are_three_levels CHECK (level BETWEEN 1 AND 3),
    CONSTRAINT a_block_is_not_negative CHECK (block >= 0),
    CONSTRAINT a_block_holds_what_was_deleted CHECK (count > 0)
)"];

/// What is still to be written in rows that were there before, and up to which id it is: no row, nothing to do.
const BACKFILLS: &[&str] = &[
    "
CREATE TABLE chat_backfills (
    name text PRIMARY KEY,
    done_to bigint NOT NULL DEFAULT 0
)",
    "INSERT INTO chat_backfills (name) SELECT 'numbers' WHERE EXISTS (SELECT 1 FROM chat_messages)",
    "INSERT INTO chat_backfills (name) SELECT 'markers' WHERE EXISTS (SELECT 1 FROM chat_messages)",
];
