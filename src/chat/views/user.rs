//! A user as others see them.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter};
use serde::Serialize;

use crate::chat::rows::distinct;
use crate::entity::user;
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::store::among;

/// A user as others see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, async_graphql::SimpleObject)]
#[graphql(complex)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The user's id: the host application's, or a number that the server gave where that has texts.
    pub id: UserId,
    /// What they are called.
    pub name: String,
    /// The address of their picture.
    pub avatar_url: Option<String>,
    /// The text by which the host application knows them: told to administrators and to themselves only.
    #[graphql(skip)]
    #[serde(skip)]
    pub external_id: Option<String>,
    /// Whether they are banned: told to administrators only.
    #[graphql(skip)]
    #[serde(skip)]
    pub is_banned: bool,
}

impl From<user::Model> for User {
    fn from(row: user::Model) -> Self {
        let is_banned = row.banned_at.is_some();
        Self { id: row.id, name: row.name, avatar_url: row.avatar_url, external_id: row.external_id, is_banned }
    }
}

/// Those among `ids` that have a row: one statement.
pub(crate) async fn by_ids(db: &impl ConnectionTrait, ids: &[UserId]) -> Result<HashMap<UserId, User>> {
    let ids = distinct(ids.iter().copied());
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = user::Entity::find().filter(among(db, user::Column::Id, ids)).all(db).await?;
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

/// Those among `texts` that are the external ids of users: one statement.
pub(crate) async fn by_external_ids(
    db: &impl ConnectionTrait,
    texts: impl IntoIterator<Item = String>,
) -> Result<HashMap<String, UserId>> {
    let texts: Vec<String> = texts.into_iter().collect();
    if texts.is_empty() {
        return Ok(HashMap::new());
    }
    let texts = texts.iter().map(String::as_str);
    let known = user::Entity::find().filter(among(db, user::Column::ExternalId, texts)).all(db).await?;
    Ok(known.into_iter().filter_map(|row| Some((row.external_id?, row.id))).collect())
}

/// What is said of a user that nobody has seen.
pub fn not_found(id: UserId) -> Error {
    Error::not_found(format!("User not found: {id}"))
}

/// The name of a user who must be among `users`, since a foreign key says so.
pub(crate) fn name_of(users: &HashMap<UserId, User>, id: UserId) -> String {
    users.get(&id).map_or_else(|| unnamed(id), |user| user.name.clone())
}

/// What somebody is called whose name is not known.
pub(crate) fn unnamed(id: UserId) -> String {
    format!("User {id}")
}
