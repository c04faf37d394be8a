//! The rows of users: what they are written from, and how. It knows neither tokens nor who may write them.

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, EntityTrait};
use serde::Deserialize;

use crate::chat::Chat;
use crate::chat::directory::names;
use crate::chat::notes::Note;
use crate::chat::views::user::User;
use crate::entity::user;
use crate::error::{Error, Result};
use crate::id::UserId;

/// A user that an administrator makes known ahead of time.
#[derive(Debug, Clone, Deserialize, async_graphql::InputObject)]
#[graphql(name = "UserInput")]
#[serde(rename_all = "camelCase")]
pub struct UserInput {
    /// The user's id; where there is an external id, that may be left out.
    pub id: Option<UserId>,
    /// The text by which the host application knows them, where users have texts (`auth.user_ids`).
    pub external_id: Option<String>,
    /// What they are called: 1 to 100 characters.
    pub name: String,
    /// The address of their picture.
    pub avatar_url: Option<String>,
}

/// Users named in one call, at most (protocol §12, statuses).
pub const MAX_USERS: usize = 256;

/// Writes users as they are to be. Whoever has an external id keeps it.
pub(super) async fn put(note: &mut Note<'_>, users: &[User]) -> Result<()> {
    let rows = users.iter().map(|user| user::ActiveModel {
        id: Set(user.id),
        name: Set(user.name.clone()),
        avatar_url: Set(user.avatar_url.clone()),
        created_at: Set(note.now),
        updated_at: Set(note.now),
        words_of: Set(Some(user.name.clone())),
        external_id: Set(user.external_id.clone()),
        ..Default::default()
    });
    let on_conflict = OnConflict::column(user::Column::Id)
        .update_columns([user::Column::Name, user::Column::AvatarUrl, user::Column::UpdatedAt, user::Column::WordsOf])
        .value(user::Column::ExternalId, Expr::cust("COALESCE(excluded.external_id, chat_users.external_id)"))
        .to_owned();
    user::Entity::insert_many(rows).on_conflict(on_conflict).exec_without_returning(note.tx).await?;
    names::write(note.tx, users.iter().map(|user| (user.id, user.name.as_str()))).await
}

/// # Errors
/// `BadRequest` for more users than one call takes.
pub fn check_count(users: usize) -> Result<()> {
    if users > MAX_USERS {
        Err(Error::bad_request(format!("At most {MAX_USERS} users can be named at once")))
    } else {
        Ok(())
    }
}

/// Something of these has changed: what is remembered of them is not believed any more.
pub(crate) fn forget(chat: &Chat, people: &[UserId]) {
    people.iter().for_each(|person| chat.users.invalidate(person));
}
