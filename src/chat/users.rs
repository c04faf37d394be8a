//! Users belong to the host application; a row is kept for each one that was seen (contract §1).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};

use crate::auth::Claims;
use crate::chat::text;
use crate::chat::writer::Batch;
use crate::chat::{Chat, Cx, Viewer};
use crate::entity::user;
use crate::error::{Error, Result};
use crate::id::UserId;

/// A user as others see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, async_graphql::SimpleObject)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub id: UserId,
    pub name: String,
    pub avatar_url: Option<String>,
}

/// A user that an administrator makes known ahead of time.
#[derive(Debug, Clone, Deserialize, async_graphql::InputObject)]
#[graphql(name = "UserInput")]
#[serde(rename_all = "camelCase")]
pub struct UserInput {
    pub id: UserId,
    pub name: String,
    pub avatar_url: Option<String>,
}

/// Users named in one call, at most (contract §12, statuses).
pub const MOST: usize = 256;

/// The users that this process has seen of late, so that not every request asks the database.
pub(super) struct Known(Cache<UserId, User>);

impl Default for Known {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(100_000).time_to_live(Duration::from_secs(60)).build())
    }
}

/// Who the claims of a valid token speak of. Its row is made or brought up to date first.
///
/// # Errors
/// `Unavailable` without the database.
pub async fn seen(chat: &Arc<Chat>, claims: &Claims) -> Result<Viewer> {
    let id = UserId::stored(claims.user);
    let name = claims.name.as_deref().and_then(text::token_name);
    let picture = claims.picture.as_deref().and_then(|url| text::avatar_url(url).ok());
    let user = match chat.people.0.get(&id).filter(|user| agrees(user, &name, &picture)) {
        Some(user) => user,
        None => {
            let user = meet(chat, id, name, picture).await?;
            chat.people.0.insert(id, user.clone());
            user
        }
    };
    Ok(Viewer { id, name: user.name, admin: claims.admin, expires: claims.expires })
}

/// Whether a row needs no change: a token without a name or a picture changes neither.
fn agrees(user: &User, name: &Option<String>, picture: &Option<String>) -> bool {
    name.as_ref().is_none_or(|name| *name == user.name) && (picture.is_none() || *picture == user.avatar_url)
}

async fn meet(chat: &Arc<Chat>, id: UserId, name: Option<String>, picture: Option<String>) -> Result<User> {
    let row = user::Entity::find_by_id(id.get()).one(&chat.store.reader_of(id, false)).await?.map(User::from);
    if let Some(user) = row.as_ref().filter(|user| agrees(user, &name, &picture)) {
        return Ok(user.clone());
    }
    let (old_name, old_picture) = row.map_or((None, None), |user| (Some(user.name), user.avatar_url));
    let name = name.or(old_name).unwrap_or_else(|| format!("User {id}"));
    let user = User { id, name, avatar_url: picture.or(old_picture) };
    let kept = user.clone();
    chat.change(move |batch| Box::pin(async move { put(batch, std::slice::from_ref(&kept)).await })).await?;
    Ok(user)
}

async fn put(batch: &mut Batch, users: &[User]) -> Result<()> {
    let rows = users.iter().map(|user| user::ActiveModel {
        id: Set(user.id.get()),
        name: Set(user.name.clone()),
        avatar_url: Set(user.avatar_url.clone()),
        created_at: Set(batch.now),
        updated_at: Set(batch.now),
    });
    let on_conflict = OnConflict::column(user::Column::Id)
        .update_columns([user::Column::Name, user::Column::AvatarUrl, user::Column::UpdatedAt])
        .to_owned();
    user::Entity::insert_many(rows).on_conflict(on_conflict).exec_without_returning(&batch.tx).await?;
    Ok(())
}

/// Creates or updates users ahead of time.
///
/// # Errors
/// `Forbidden` unless an administrator asks; `BadRequest` for a name that is none, or over 256 users.
pub async fn upsert(cx: &Cx, inputs: Vec<UserInput>) -> Result<Vec<User>> {
    cx.must_be_admin()?;
    provide(&cx.chat, inputs).await
}

/// As [`upsert`], for the command line.
pub async fn provide(chat: &Chat, inputs: Vec<UserInput>) -> Result<Vec<User>> {
    at_most(inputs.len())?;
    let users = inputs.into_iter().map(UserInput::check).collect::<Result<Vec<_>>>()?;
    if users.is_empty() {
        return Ok(users);
    }
    let kept: Vec<User> =
        users.iter().map(|user| (user.id, user.clone())).collect::<HashMap<_, _>>().into_values().collect();
    chat.change(move |batch| Box::pin(async move { put(batch, &kept).await })).await?;
    // Only now: before, what was there could be remembered anew.
    for user in &users {
        chat.people.0.invalidate(&user.id);
    }
    Ok(users)
}

impl UserInput {
    fn check(self) -> Result<User> {
        let avatar_url = self.avatar_url.as_deref().map(text::avatar_url).transpose()?;
        Ok(User { id: self.id, name: text::name(&self.name, "The name of a user")?, avatar_url })
    }
}

/// # Errors
/// `BadRequest` for more users than one call takes.
pub fn at_most(users: usize) -> Result<()> {
    if users > MOST { Err(Error::bad_request(format!("At most {MOST} users can be named at once"))) } else { Ok(()) }
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

/// Those among `ids` that have a row: one statement.
pub(crate) async fn by_ids(db: &impl ConnectionTrait, ids: &[UserId]) -> Result<HashMap<UserId, User>> {
    let ids = super::distinct(ids.iter().map(|id| id.get()));
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = user::Entity::find().filter(user::Column::Id.is_in(ids)).all(db).await?;
    Ok(rows.into_iter().map(User::from).map(|user| (user.id, user)).collect())
}

/// Refuses ids that have no row.
///
/// # Errors
/// `NotFound` naming the first one.
pub(crate) async fn must_exist(db: &impl ConnectionTrait, ids: &[UserId]) -> Result<HashMap<UserId, User>> {
    let users = by_ids(db, ids).await?;
    match ids.iter().find(|id| !users.contains_key(id)) {
        Some(id) => Err(not_found(*id)),
        None => Ok(users),
    }
}

/// What is said of a user that nobody has seen.
pub(crate) fn not_found(id: UserId) -> Error {
    Error::not_found(format!("User not found: {id}"))
}

/// The name of a user who must be among `users`, since a foreign key says so.
pub(crate) fn name_of(users: &HashMap<UserId, User>, id: UserId) -> String {
    users.get(&id).map_or_else(|| format!("User {id}"), |user| user.name.clone())
}

impl From<user::Model> for User {
    fn from(row: user::Model) -> Self {
        Self { id: UserId::stored(row.id), name: row.name, avatar_url: row.avatar_url }
    }
}
