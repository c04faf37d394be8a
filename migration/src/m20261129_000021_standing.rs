//! Who is banned, and since when tokens have to be to be good: the nodes find there what has changed of late.

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

/// `standing_at` is when either of the others was changed last.
const STATEMENTS: &[&str] = &[
    "ALTER TABLE chat_users ADD COLUMN banned_at timestamptz",
    "ALTER TABLE chat_users ADD COLUMN signed_out_at timestamptz",
    "ALTER TABLE chat_users ADD COLUMN standing_at timestamptz",
    "CREATE INDEX chat_users_by_standing ON chat_users (standing_at) WHERE standing_at IS NOT NULL",
];
