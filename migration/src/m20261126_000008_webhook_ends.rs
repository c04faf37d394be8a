//! Indexes for what is looked for among many deliveries: those that are being sent, of which there are few, and those
//! that are done with and kept long enough. It knows no endpoint.

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
    "CREATE INDEX chat_webhook_deliveries_by_lease ON chat_webhook_deliveries (endpoint_id, locked_until)
        WHERE locked_until IS NOT NULL",
    "DROP INDEX chat_webhook_deliveries_by_time",
    "CREATE INDEX chat_webhook_deliveries_by_delivery ON chat_webhook_deliveries (delivered_at) WHERE state = 'DELIVERED'",
    "CREATE INDEX chat_webhook_deliveries_by_end ON chat_webhook_deliveries (expires_at) WHERE state = 'FAILED'",
];
