//! Several processes on one database: which there are, and who is connected to each. What is true only while they run is
//! not logged: a PostgreSQL that crashed forgets it, and they write it again. It knows no process.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, STATEMENTS).await?;
        dialect::choose(manager, POSTGRES, &[]).await
    }
}

const STATEMENTS: &[&str] = &[
    "
CREATE UNLOGGED TABLE chat_nodes (
    id text PRIMARY KEY,
    name text NOT NULL,
    version text NOT NULL,
    address text,
    settings text NOT NULL,
    draining boolean NOT NULL,
    started_at timestamptz NOT NULL,
    seen_until timestamptz NOT NULL
)",
    // Without a key to the nodes: of one that is forgotten, whoever buries it finds the people.
    "
CREATE UNLOGGED TABLE chat_attendance (
    user_id bigint NOT NULL,
    node_id text NOT NULL,
    connections bigint NOT NULL,
    PRIMARY KEY (user_id, node_id),
    CONSTRAINT an_attendance_has_connections CHECK (connections > 0)
)",
    "CREATE INDEX chat_attendance_by_node ON chat_attendance (node_id, user_id)",
    "
CREATE UNLOGGED TABLE chat_leases (
    job text PRIMARY KEY,
    node_id text NOT NULL,
    until timestamptz NOT NULL
)",
    // Of two announcements about somebody the one with the higher version is the later one, whichever node it is of.
    "ALTER TABLE chat_user_presence ADD COLUMN version bigint NOT NULL DEFAULT 0",
    // Which programs can serve this database: those that know as many migrations as `oldest`.
    "
CREATE TABLE chat_schema (
    id bigint PRIMARY KEY,
    level bigint NOT NULL,
    oldest bigint NOT NULL,
    CONSTRAINT there_is_one_schema CHECK (id = 1)
)",
    "INSERT INTO chat_schema (id, level, oldest) VALUES (1, 0, 0)",
];

/// What each user did in the last minute, where several nodes count it together. Only PostgreSQL has several.
const POSTGRES: &[&str] = &["
CREATE UNLOGGED TABLE chat_limits (
    user_id bigint NOT NULL,
    what text NOT NULL,
    taken timestamptz[] NOT NULL,
    PRIMARY KEY (user_id, what)
)"];
