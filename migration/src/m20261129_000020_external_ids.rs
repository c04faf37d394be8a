//! The texts by which host applications know their users, where they have no numbers, and the last number that was given to
//! one. It knows no token.

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

/// Whoever gives a number locks the one row until it is committed: of several who meet somebody at the same moment, the
/// later ones find what the first has written.
const STATEMENTS: &[&str] = &[
    "ALTER TABLE chat_users ADD COLUMN external_id text",
    "CREATE UNIQUE INDEX an_external_id_is_one_users ON chat_users (external_id)",
    "
CREATE TABLE chat_user_numbers (
    id bigint PRIMARY KEY,
    last_number bigint NOT NULL,
    CONSTRAINT there_is_one_row CHECK (id = 1)
)",
    "INSERT INTO chat_user_numbers (id, last_number) VALUES (1, 0)",
];
