//! What PostgreSQL alone can be told of tables that are there: that every message has its numbers, and how the index of
//! words takes in what is new. SQLite could add a constraint only by copying the messages; `confab doctor` looks there.

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
    // It holds for what is written from now on. `numbering` has it hold for all, once the rows of before are numbered.
    "ALTER TABLE chat_messages ADD CONSTRAINT a_message_is_numbered
        CHECK (number IS NOT NULL AND sender_number IS NOT NULL) NOT VALID",
    // New words wait in a list, which is merged into the index by whoever's message fills it: 4 MB of it, as it comes, is
    // seconds for them (decision 14).
    "ALTER INDEX chat_messages_by_conversation_words SET (gin_pending_list_limit = 256)",
    "SELECT gin_clean_pending_list('chat_messages_by_conversation_words')",
];
