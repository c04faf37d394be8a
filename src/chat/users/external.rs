//! Users whom the host application knows by a text: each has a number, which the server gave at first sight. It knows no
//! token.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sea_orm::{ConnectionTrait, Statement};

use super::row::{UserInput, check_count, put};
use crate::chat::notes::Note;
use crate::chat::views::user::{User, by_external_ids, by_ids, unnamed};
use crate::chat::{Chat, Cx};
use crate::config::UserIds;
use crate::error::{Error, Result};
use crate::id::{self, UserId};

/// The next number that nobody has. Its row is locked until the end of the transaction.
const NEXT_NUMBER: &str = "UPDATE chat_user_numbers SET last_number = 1 + CASE \
    WHEN last_number < (SELECT COALESCE(MAX(id), 0) FROM chat_users) THEN (SELECT MAX(id) FROM chat_users) \
    ELSE last_number END WHERE id = 1 RETURNING last_number";

/// The number of whoever is known by `text`; they are made known if nobody was so far.
///
/// # Errors
/// `Unavailable` without the database.
pub(super) async fn meet(chat: &Arc<Chat>, text: &str, name: Option<&str>) -> Result<UserId> {
    if let Some(id) = find(chat, text).await? {
        return Ok(id);
    }
    let (external, name) = (text.to_owned(), name.map(str::to_owned));
    let met = chat.note(async move |note: &mut Note<'_>| {
        let next = next_number(note).await?;
        // Whoever came first has given a number, and has let go of the row since.
        if let Some(id) = by_external_ids(note.tx, [external.clone()]).await?.remove(&external) {
            return Ok(id);
        }
        let name = name.unwrap_or_else(|| unnamed(next));
        put(note, &[User { id: next, name, avatar_url: None, external_id: Some(external), is_banned: false }]).await?;
        Ok(next)
    });
    let id = met.await?;
    chat.external_users.insert(text.to_owned(), id);
    Ok(id)
}

/// The number of whoever is known by `text`, if somebody is.
///
/// # Errors
/// `Unavailable` without the database.
pub async fn find(chat: &Chat, text: &str) -> Result<Option<UserId>> {
    // Nobody's number ever changes.
    if let Some(id) = chat.external_users.get(text) {
        return Ok(Some(id));
    }
    let found = by_external_ids(&chat.store.reader(), [text.to_owned()]).await?.remove(text);
    if let Some(id) = found {
        chat.external_users.insert(text.to_owned(), id);
    }
    Ok(found)
}

/// Those who are named, by their numbers and by texts, in this order.
///
/// # Errors
/// `BadRequest` for a text that names nobody anywhere, `NotFound` for one that nobody is known by.
pub async fn named(cx: &Cx, ids: Vec<UserId>, texts: Vec<String>) -> Result<Vec<UserId>> {
    check_count(ids.len() + texts.len())?;
    for text in &texts {
        check(&cx.chat, text)?;
    }
    let known = by_external_ids(&cx.reader(), texts.clone()).await?;
    let mut all = ids;
    for text in texts {
        let id = known.get(&text).ok_or_else(|| Error::not_found(format!("User not found: {text}")))?;
        all.push(*id);
    }
    Ok(all)
}

/// The one who is named, by their number or by a text.
///
/// # Errors
/// `BadRequest` for nobody or both, besides those of [`named`].
pub async fn named_one(cx: &Cx, id: Option<UserId>, text: Option<String>) -> Result<UserId> {
    match named(cx, id.into_iter().collect(), text.into_iter().collect()).await?[..] {
        [user] => Ok(user),
        _ => Err(Error::bad_request("Name one user, by userId or externalId")),
    }
}

/// # Errors
/// `BadRequest` for what is no external id, and for any where users have numbers.
pub(super) fn check(chat: &Chat, text: &str) -> Result<()> {
    if chat.config.auth.user_ids == UserIds::Number {
        return Err(Error::bad_request("Users have no external ids here, see auth.user_ids"));
    }
    if id::is_external(text) { Ok(()) } else { Err(Error::bad_request(id::NOT_AN_EXTERNAL_ID)) }
}

/// The users to be: each with the number that they have or that was given for them, and with the external id that they
/// have or get.
pub(super) async fn number(note: &mut Note<'_>, inputs: Vec<UserInput>) -> Result<Vec<User>> {
    let texts = inputs.iter().filter_map(|input| input.external_id.clone());
    let mut numbers = by_external_ids(note.tx, texts).await?;
    let ids: Vec<UserId> = inputs.iter().filter_map(|input| input.id).collect();
    let ids: Vec<UserId> = ids.into_iter().chain(numbers.values().copied()).collect();
    let known = by_ids(note.tx, &ids).await?;
    let banned: HashSet<UserId> = known.values().filter(|user| user.is_banned).map(|user| user.id).collect();
    let mut texts: HashMap<UserId, String> =
        known.into_values().filter_map(|user| Some((user.id, user.external_id?))).collect();
    let mut users = Vec::with_capacity(inputs.len());
    for UserInput { id, external_id, name, avatar_url } in inputs {
        let known = external_id.as_ref().and_then(|text| numbers.get(text).copied());
        let id = match (id, known) {
            (Some(id), Some(known)) if id != known => {
                return Err(Error::conflict("This external id is that of another user"));
            }
            (Some(id), _) | (None, Some(id)) => id,
            (None, None) => next_number(note).await?,
        };
        if let Some(text) = external_id {
            if texts.get(&id).is_some_and(|has| *has != text) {
                return Err(Error::conflict("This user has another external id"));
            }
            numbers.insert(text.clone(), id);
            texts.insert(id, text);
        }
        users.push(User {
            id,
            name,
            avatar_url,
            external_id: texts.get(&id).cloned(),
            is_banned: banned.contains(&id),
        });
    }
    Ok(users)
}

async fn next_number(note: &Note<'_>) -> Result<UserId> {
    let statement = Statement::from_string(note.tx.get_database_backend(), NEXT_NUMBER);
    let row = note.tx.query_one_raw(statement).await?;
    let row = row.ok_or_else(|| Error::internal_because("chat_user_numbers has no row"))?;
    let number: i64 = row.try_get_by_index(0)?;
    UserId::new(number).ok_or_else(|| Error::internal_because("there are no numbers left for users"))
}
