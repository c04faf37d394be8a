//! Which process has which session over HTTP, where several serve one database. What is true only while they run is not
//! logged.

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

const STATEMENTS: &[&str] = &["
CREATE UNLOGGED TABLE chat_sockjs_sessions (
    id text PRIMARY KEY,
    node_id text NOT NULL,
    seen_until timestamptz NOT NULL
)"];
