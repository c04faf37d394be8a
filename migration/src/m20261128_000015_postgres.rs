//! What PostgreSQL alone can be told of tables that are there: that every message has its numbers. SQLite could add a
//! constraint only by copying the messages; `confab doctor` looks there.

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
];
