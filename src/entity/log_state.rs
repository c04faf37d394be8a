//! `chat_log`: the one row that log positions and message ids are taken from. Whoever changes anything durable locks
//! it first; it knows nothing of what is logged.

use sea_orm::entity::prelude::*;

/// The state of the log. The migration makes the only row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_log")]
pub struct Model {
    /// Always [`ONLY`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// Made with the database: 16 hexadecimal digits that tell its cursors from another database's.
    pub epoch: String,
    /// The last position given out; 0 before the first event.
    pub position: i64,
    /// The last message id given out; 0 before the first message.
    pub message_id: i64,
    /// Events up to and including this position may be gone; 0 while all are there.
    pub pruned_position: i64,
    /// Grows with every change of a webhook endpoint.
    pub webhook_revision: i64,
}

/// The id of the one row.
pub const ONLY: i64 = 1;

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
