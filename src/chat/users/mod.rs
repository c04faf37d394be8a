//! Users belong to the host application; a row is kept for each one that was seen (protocol §1).

mod external;
pub mod known;
mod row;
pub mod standing;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::auth::{Claims, Subject};
use crate::chat::notes::Note;
use crate::chat::text;
use crate::chat::views::user::by_ids;
use crate::chat::{Chat, Cx, Viewer};
use crate::cluster::frame::News;
use crate::entity::user;
use crate::error::{Error, Result};
use crate::id::UserId;

pub use crate::chat::views::user::{User, not_found};
pub use external::{find as find_external, named, named_one};
use known::{Known, Standing};
pub(crate) use row::forget;
use row::put;
pub use row::{MAX_USERS, UserInput, check_count};

/// Who the claims of a valid token speak of. Its row is made or brought up to date first.
///
/// # Errors
/// `Unavailable` without the database, and those of [`Standing::judge`].
pub async fn authenticate_user(chat: &Arc<Chat>, claims: &Claims) -> Result<Viewer> {
    let name = claims.name.as_deref().and_then(text::token_name);
    let picture = claims.picture.as_deref().and_then(|url| text::avatar_url(url).ok());
    let id = match &claims.user {
        Subject::Number(number) => UserId::stored(*number),
        Subject::Text(text) => external::meet(chat, text, name.as_deref()).await?,
    };
    let known = match chat.users.get(&id).filter(|known| agrees(&known.user, &name, &picture)) {
        Some(known) => known,
        None => {
            let changes = chat.standings.changes();
            let known = upsert_from_token(chat, id, name, picture, claims.issued).await?;
            chat.users.insert(id, known.clone());
            if chat.standings.changes() != changes {
                // What was read may be from before.
                forget(chat, &[id]);
            }
            known
        }
    };
    known.standing.judge(claims.issued)?;
    Ok(Viewer { id, name: known.user.name, admin: claims.admin, issued: claims.issued, expires: claims.expires })
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
    issued: Option<DateTime<Utc>>,
) -> Result<Known> {
    let row = user::Entity::find_by_id(id).one(&chat.store.reader_of(id, false)).await?;
    let standing = row.as_ref().map(Standing::of).unwrap_or_default();
    // Whoever is not let in changes nothing.
    standing.judge(issued)?;
    let row = row.map(User::from);
    if let Some(user) = row.as_ref().filter(|user| agrees(user, &name, &picture)) {
        return Ok(Known { user: user.clone(), standing });
    }
    let (old_name, old_picture, external_id) =
        row.map_or((None, None, None), |user| (Some(user.name), user.avatar_url, user.external_id));
    let name = name.or(old_name).unwrap_or_else(|| format!("User {id}"));
    let user = User { id, name, avatar_url: picture.or(old_picture), external_id, is_banned: false };
    let kept = user.clone();
    chat.note(async move |note: &mut Note<'_>| put(note, std::slice::from_ref(&kept)).await).await?;
    chat.cluster.tell(News::People(vec![id]));
    Ok(Known { user, standing })
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
    let inputs = inputs.into_iter().map(|input| input.check(chat)).collect::<Result<Vec<_>>>()?;
    if inputs.is_empty() {
        return Ok(Vec::new());
    }
    let users = chat.note(async move |note: &mut Note<'_>| {
        let users = external::number(note, inputs).await?;
        // Of a user who is named twice, the last one counts. All who write take rows in one order, and none waits in a circle.
        let last: BTreeMap<UserId, User> = users.iter().map(|user| (user.id, user.clone())).collect();
        put(note, &last.into_values().collect::<Vec<_>>()).await?;
        Ok(users)
    });
    let users = users.await?;
    // Only now: before, what was there could be remembered anew.
    let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
    forget(chat, &ids);
    chat.cluster.tell(News::People(ids));
    Ok(users)
}

impl UserInput {
    fn check(self, chat: &Chat) -> Result<Self> {
        let avatar_url = self.avatar_url.as_deref().map(text::avatar_url).transpose()?;
        let name = text::name(&self.name, "The name of a user")?;
        if let Some(external) = &self.external_id {
            external::check(chat, external)?;
        } else if self.id.is_none() {
            return Err(Error::bad_request("A user has an id or an external id"));
        }
        Ok(Self { name, avatar_url, ..self })
    }
}

/// The user of this id.
///
/// # Errors
/// `NotFound`.
pub async fn get(cx: &Cx, id: UserId) -> Result<User> {
    by_ids(&cx.reader(), &[id]).await?.remove(&id).ok_or_else(|| not_found(id))
}

/// The user of this id, for the command line.
///
/// # Errors
/// `NotFound`.
pub async fn get_as_server(chat: &Chat, id: UserId) -> Result<User> {
    by_ids(&chat.store.reader(), &[id]).await?.remove(&id).ok_or_else(|| not_found(id))
}

/// Users in the order of their ids, for the command line: those behind `after`, `limit` at most.
///
/// # Errors
/// `Unavailable` without the database.
pub async fn all_as_server(chat: &Chat, after: Option<UserId>, limit: u64) -> Result<Vec<User>> {
    let behind = user::Column::Id.gt(after.map_or(0, UserId::get));
    let query = user::Entity::find().filter(behind).order_by_asc(user::Column::Id).limit(limit);
    Ok(query.all(&chat.store.reader()).await?.into_iter().map(User::from).collect())
}

/// The users of these ids, for GraphQL's links.
pub async fn many(cx: &Cx, ids: &[UserId]) -> Result<HashMap<UserId, User>> {
    by_ids(&cx.reader(), ids).await
}
