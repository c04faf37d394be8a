//! Who may know how somebody is: those who share a conversation, or everybody by setting.

use std::collections::HashMap;

use sea_orm::{EntityTrait, QueryFilter, QuerySelect};

use crate::chat::Cx;
use crate::chat::access;
use crate::chat::views::presence::Presence;
use crate::chat::views::user;
use crate::config::Visibility;
use crate::entity::clock;
use crate::entity::participant;
use crate::entity::presence::{self, Column};
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::store::among;

/// Users asked for at once, at most.
const MAX_USERS: usize = 500;

/// Somebody's presence.
///
/// # Errors
/// `NotFound` for a stranger and for an unknown user alike.
pub async fn of(cx: &Cx, user: UserId) -> Result<Presence> {
    of_many(cx, &[user]).await?.pop().ok_or_else(|| user::not_found(user))
}

/// The presence of those among `asked` whom the caller may see, in that order.
///
/// # Errors
/// `BadRequest` for more than 500.
pub async fn of_many(cx: &Cx, asked: &[UserId]) -> Result<Vec<Presence>> {
    if asked.len() > MAX_USERS {
        return Err(Error::bad_request(format!("At most {MAX_USERS} users can be asked for at once")));
    }
    let visible = visible(cx, asked).await?;
    let db = &cx.reader();
    let users = user::by_ids(db, &visible).await?;
    let rows = presence::Entity::find().filter(among(db, Column::UserId, visible.iter().copied())).all(db).await?;
    let rows: HashMap<UserId, presence::Model> = rows.into_iter().map(|row| (row.user_id, row)).collect();
    let now = clock::now();
    let seen = visible.iter().filter_map(|id| Some(Presence::of(users.get(id)?, rows.get(id), now)));
    Ok(seen.collect())
}

/// The presence of those among `ids` whom the caller may see, for GraphQL's links.
pub async fn by_ids(cx: &Cx, ids: &[UserId]) -> Result<HashMap<UserId, Presence>> {
    let mut found = HashMap::with_capacity(ids.len());
    for some in ids.chunks(MAX_USERS) {
        found.extend(of_many(cx, some).await?.into_iter().map(|presence| (presence.user_id, presence)));
    }
    Ok(found)
}

/// Those whom the caller may see: everybody, or those who share a conversation, and always oneself.
async fn visible(cx: &Cx, asked: &[UserId]) -> Result<Vec<UserId>> {
    if cx.chat.config.presence.visibility == Visibility::Everyone {
        return Ok(asked.to_vec());
    }
    let db = &cx.reader();
    // From where those stand who are asked for: a caller who is in many conversations is looked up in each of theirs.
    let shared: Vec<UserId> = participant::Entity::find()
        .select_only()
        .distinct()
        .column(participant::Column::UserId)
        .filter(among(db, participant::Column::UserId, asked.iter().copied()))
        .filter(access::is_in(cx.me(), participant::Column::ConversationId))
        .into_tuple()
        .all(db)
        .await?;
    Ok(asked.iter().copied().filter(|user| *user == cx.me() || shared.contains(user)).collect())
}
