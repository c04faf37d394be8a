//! What takes turns at webhook endpoints: how long a delivery may be tried, and a number in the row that every change
//! locks anyway, from which a process sees that its list of endpoints is old. It knows no endpoint.

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
    "ALTER TABLE chat_log ADD COLUMN webhook_revision bigint NOT NULL DEFAULT 0",
    "ALTER TABLE chat_webhook_endpoints ADD COLUMN configured boolean NOT NULL DEFAULT false",
    "ALTER TABLE chat_webhook_deliveries ADD COLUMN expires_at timestamptz NOT NULL DEFAULT '9999-12-31 00:00:00+00:00'",
    // The head of each endpoint's line is the one that is looked for, and those that wait are few among those that are done.
    "DROP INDEX chat_webhook_deliveries_by_turn",
    "CREATE INDEX chat_webhook_deliveries_by_turn ON chat_webhook_deliveries (endpoint_id, id) WHERE state = 'PENDING'",
    "CREATE INDEX chat_webhook_deliveries_by_time ON chat_webhook_deliveries (created_at)",
];
