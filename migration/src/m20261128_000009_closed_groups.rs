//! How far a closed group was tidied up: closing marks it only, and what is in it goes later, a little at a time. It knows
//! nothing of what is tidied.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, STATEMENTS).await
    }
}

/// The index holds the few groups that are not done with, and no column that a message changes.
const STATEMENTS: &[&str] = &[
    "ALTER TABLE chat_conversations ADD COLUMN untidied_from bigint",
    "CREATE INDEX chat_conversations_untidied ON chat_conversations (id) WHERE untidied_from IS NOT NULL",
];
