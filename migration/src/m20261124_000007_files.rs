//! What keeping files needs beyond their rows: the key of signed links, and the ways to what may be swept.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, FILES).await
    }
}

/// The key is made here, once: every node of the database signs with it, and a restart does not end a link.
const FILES: &[&str] = &[
    "ALTER TABLE chat_log ADD COLUMN link_key text NOT NULL DEFAULT ''",
    "UPDATE chat_log SET link_key =
        replace(gen_random_uuid()::text, '-', '') || replace(gen_random_uuid()::text, '-', '')",
    "CREATE INDEX chat_files_given_up ON chat_files (deleted_at) WHERE deleted_at IS NOT NULL",
    "CREATE INDEX chat_files_by_age ON chat_files (created_at)",
];
