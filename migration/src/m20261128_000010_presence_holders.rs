//! Which process somebody is connected to, so that a process that ends, and the next one, know whom they speak of. It
//! knows no process.

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

const STATEMENTS: &[&str] = &[
    "ALTER TABLE chat_user_presence ADD COLUMN held_by text",
    "CREATE INDEX chat_user_presence_by_holder ON chat_user_presence (held_by) WHERE held_by IS NOT NULL",
];
