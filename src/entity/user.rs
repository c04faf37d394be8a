//! `chat_users`: the people that the server has seen or was told of. It knows nothing of tokens.

use sea_orm::entity::prelude::*;

use crate::id::UserId;

/// A user as last named by a token or an administrator.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_users")]
pub struct Model {
    /// The host application's id, or the number that the server gave to whoever has an `external_id`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    pub name: String,
    pub avatar_url: Option<String>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    /// The name whose words stand in `chat_user_words`.
    pub words_of: Option<String>,
    /// The text by which the host application knows them, where that is no number.
    pub external_id: Option<String>,
    /// Since when they are banned, if they are.
    pub banned_at: Option<DateTimeUtc>,
    /// Tokens from before that moment are not good any more.
    pub signed_out_at: Option<DateTimeUtc>,
    /// When either of these was changed last.
    pub standing_at: Option<DateTimeUtc>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
