//! `chat_users`: the people that the server has seen or was told of. It knows nothing of tokens.

use sea_orm::entity::prelude::*;

use crate::id::UserId;

/// A user as last named by a token or an administrator.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_users")]
pub struct Model {
    /// The host application's id, never one of ours.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    pub name: String,
    pub avatar_url: Option<String>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    /// The name whose words stand in `chat_user_words`.
    pub words_of: Option<String>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
