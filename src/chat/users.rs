//! Users belong to the host application; a row is kept for each one that was seen (protocol §1).

use std::collections::HashMap;
use std::sync::Arc;

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, EntityTrait};
use serde::Deserialize;

use crate::auth::Claims;
use crate::chat::directory::names;
use crate::chat::notes::Note;
use crate::chat::text;
use crate::chat::views::user::by_ids;
use crate::chat::{Chat, Cx, Viewer};
use crate::cluster::frame::News;
use crate::entity::user;
use crate::error::{Error, Result};
use crate::id::UserId;

pub use crate::chat::views::user::{User, not_found};

/// A user that an administrator makes known ahead of time.
#[derive(Debug, Clone, Deserialize, async_graphql::InputObject)]
#[graphql(name = "UserInput")]
#[serde(rename_all = "camelCase")]
pub struct UserInput {
    /// The user's id, which the host application gives.
    pub id: UserId,
    /// What they are called: 1 to 100 characters.
    pub name: String,
    /// The address of their picture.
    pub avatar_url: Option<String>,
}

/// Users named in one call, at most (protocol §12, statuses).
pub const MAX_USERS: usize = 256;

/// Who the claims of a valid token speak of. Its row is made or brought up to date first.
///
/// # Errors
/// `Unavailable` without the database.
pub async fn authenticate_user(chat: &Arc<Chat>, claims: &Claims) -> Result<Viewer> {
    let id = UserId::stored(claims.user);
    let name = claims.name.as_deref().and_then(text::token_name);
    let picture = claims.picture.as_deref().and_then(|url| text::avatar_url(url).ok());
    let user = match chat.users.get(&id).filter(|user| agrees(user, &name, &picture)) {
        Some(user) => user,
        None => {
            let user = upsert_from_token(chat, id, name, picture).await?;
            chat.users.insert(id, user.clone());
            user
        }
    };
    Ok(Viewer { id, name: user.name, admin: claims.admin, expires: claims.expires })
}

/// Whether a row needs no change: a token without a name or a picture changes neither.
fn agrees(user: &User, name: &Option<String>, picture: &Option<String>) -> bool {
    name.as_ref().is_none_or(|name| *name == user.name) && (picture.is_none() || *picture == user.avatar_url)
}

async fn upsert_from_token(
    chat: &Arc<Chat>,
    id: UserId,
    name: Option<String>,
    picture: Option<String>,
) -> Result<User> {
    let row = user::Entity::find_by_id(id).one(&chat.store.reader_of(id, false)).await?.map(User::from);
    if let Some(user) = row.as_ref().filter(|user| agrees(user, &name, &picture)) {
        return Ok(user.clone());
    }
    let (old_name, old_picture) = row.map_or((None, None), |user| (Some(user.name), user.avatar_url));
    let name = name.or(old_name).unwrap_or_else(|| format!("User {id}"));
    let user = User { id, name, avatar_url: picture.or(old_picture) };
    let kept = user.clone();
    chat.note(async move |note: &mut Note<'_>| put(note, std::slice::from_ref(&kept)).await).await?;
    chat.cluster.tell(News::People(vec![id]));
    Ok(user)
}

async fn put(note: &mut Note<'_>, users: &[User]) -> Result<()> {
    let rows = users.iter().map(|user| user::ActiveModel {
        id: Set(user.id),
        name: Set(user.name.clone()),
        avatar_url: Set(user.avatar_url.clone()),
        created_at: Set(note.now),
        updated_at: Set(note.now),
        words_of: Set(Some(user.name.clone())),
    });
    let on_conflict = OnConflict::column(user::Column::Id)
        .update_columns([user::Column::Name, user::Column::AvatarUrl, user::Column::UpdatedAt, user::Column::WordsOf])
        .to_owned();
    user::Entity::insert_many(rows).on_conflict(on_conflict).exec_without_returning(note.tx).await?;
    names::write(note.tx, users.iter().map(|user| (user.id, user.name.as_str()))).await
}

/// Creates or updates users ahead of time.
///
/// # Errors
/// `Forbidden` unless an administrator asks; `BadRequest` for a name that is none, or over 256 users.
pub async fn upsert(cx: &Cx, inputs: Vec<UserInput>) -> Result<Vec<User>> {
    cx.must_be_admin()?;
    upsert_as_server(&cx.chat, inputs).await
}

/// As [`upsert`], for the command line.
pub async fn upsert_as_server(chat: &Chat, inputs: Vec<UserInput>) -> Result<Vec<User>> {
    check_count(inputs.len())?;
    let users = inputs.into_iter().map(UserInput::check).collect::<Result<Vec<_>>>()?;
    if users.is_empty() {
        return Ok(users);
    }
    let kept: Vec<User> =
        users.iter().map(|user| (user.id, user.clone())).collect::<HashMap<_, _>>().into_values().collect();
    chat.note(async move |note: &mut Note<'_>| put(note, &kept).await).await?;
    // Only now: before, what was there could be remembered anew.
    let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
    forget(chat, &ids);
    chat.cluster.tell(News::People(ids));
    Ok(users)
}

/// Names and pictures of these have changed: what is remembered of them is not believed any more.
pub(crate) fn forget(chat: &Chat, people: &[UserId]) {
    people.iter().for_each(|person| chat.users.invalidate(person));
}

impl UserInput {
    fn check(self) -> Result<User> {
        let avatar_url = self.avatar_url.as_deref().map(text::avatar_url).transpose()?;
        Ok(User { id: self.id, name: text::name(&self.name, "The name of a user")?, avatar_url })
    }
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

/// The user of this id.
///
/// # Errors
/// `NotFound`.
pub async fn get(cx: &Cx, id: UserId) -> Result<User> {
    by_ids(&cx.reader(), &[id]).await?.remove(&id).ok_or_else(|| not_found(id))
}

/// The users of these ids, for GraphQL's links.
pub async fn many(cx: &Cx, ids: &[UserId]) -> Result<HashMap<UserId, User>> {
    by_ids(&cx.reader(), ids).await
}
