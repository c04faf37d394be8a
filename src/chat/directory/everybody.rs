//! Finding people among all that the server knows: through an index of the words of their names, in the order of words, so
//! that a page is read where it begins, however many have such a name.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement};

use super::found::{Found, MAX_LOOKED_THROUGH, Place, next_portion};
use crate::chat::Cx;
use crate::chat::page::{self, Page};
use crate::chat::text::{self, Term};
use crate::chat::users::User;
use crate::chat::views::user::by_ids;
use crate::entity::user;
use crate::error::Result;
use crate::id::UserId;
use crate::store::Reader;

/// Stands in no word, and behind all that goes on from a beginning.
const END: char = '\u{10FFFF}';
/// Beginnings of a search that are compared to find the rarest, and words of each that are counted for that.
const MAX_COMPARED: usize = 4;
const MAX_COUNTED: i64 = 100;

pub(super) async fn find(cx: &Cx, terms: &[Term], after: Place, limit: u64) -> Result<Page<Found>> {
    let db = &cx.reader();
    let beginnings = beginnings(terms);
    if beginnings.is_empty() && after.word.is_empty() {
        return by_id(db, after.user, limit).await;
    }
    let lead = match after == Place::default() {
        true => rarest(db, &beginnings).await?,
        // What was rarest for the first page leads to the last.
        false => beginnings.into_iter().find(|lead| after.word.starts_with(lead)),
    };
    by_word(db, terms, lead.ok_or_else(page::bad_cursor)?, after, limit).await
}

async fn by_id(db: &Reader, after: i64, limit: u64) -> Result<Page<Found>> {
    let rows = user::Entity::find()
        .filter(user::Column::Id.gt(after))
        .order_by_asc(user::Column::Id)
        .limit(limit + 1)
        .all(db)
        .await?;
    let found = |row: user::Model| {
        let place = Place { user: row.id.get(), word: String::new() };
        Found { user: User::from(row), cursor: place.cursor() }
    };
    Ok(Page::cut(rows, limit).map(|rows| rows.into_iter().map(found).collect()))
}

/// Somebody with several words that begin so is found by the first of them.
async fn by_word(db: &Reader, terms: &[Term], lead: &str, after: Place, limit: u64) -> Result<Page<Found>> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut after, mut portion) = (after, limit + 1);
    if after == Place::default() {
        after.word = lead.to_owned();
    }
    let (mut found, mut looked, mut is_over) = (Vec::new(), 0, false);
    while found.len() <= most && looked < MAX_LOOKED_THROUGH && !is_over {
        let places = read(db, lead, &after, portion).await?;
        is_over = (places.len() as u64) < portion;
        let ids: Vec<UserId> = places.iter().map(|place| UserId::stored(place.user)).collect();
        let users = by_ids(db, &ids).await?;
        looked += places.len();
        for (place, id) in places.into_iter().zip(ids) {
            after.clone_from(&place);
            let Some(user) = users.get(&id) else { continue };
            let words = text::words(&user.name);
            let first = words.split(' ').filter(|word| word.starts_with(lead)).min();
            if first == Some(place.word.as_str()) && terms.iter().all(|term| term.is_in(&words)) {
                found.push(Found { user: user.clone(), cursor: place.cursor() });
            }
        }
        portion = next_portion(portion);
    }
    Ok(Page::cut(found, limit))
}

/// The next words that begin with `lead`.
async fn read(db: &Reader, lead: &str, after: &Place, limit: u64) -> Result<Vec<Place>> {
    let sql = "SELECT word, user_id FROM chat_user_words WHERE (word, user_id) > ($1, $2) AND word < $3 \
               ORDER BY word, user_id LIMIT $4";
    let values =
        [after.word.as_str().into(), after.user.into(), format!("{lead}{END}").into(), limit.cast_signed().into()];
    let mut places = Vec::new();
    for row in db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await? {
        places.push(Place { word: row.try_get_by_index(0)?, user: row.try_get_by_index(1)? });
    }
    Ok(places)
}

/// What words have to begin with, the longest first: as a rule the fewest do.
fn beginnings(terms: &[Term]) -> Vec<&str> {
    let mut beginnings: Vec<&str> = terms.iter().flat_map(Term::beginnings).collect();
    beginnings.sort_by_key(|word| (std::cmp::Reverse(word.chars().count()), *word));
    beginnings.dedup();
    beginnings.truncate(MAX_COMPARED);
    beginnings
}

/// The one of them that the fewest words begin with.
async fn rarest<'t>(db: &Reader, beginnings: &[&'t str]) -> Result<Option<&'t str>> {
    if beginnings.len() < 2 {
        return Ok(beginnings.first().copied());
    }
    let sql = "SELECT COUNT(*) FROM (SELECT 1 FROM chat_user_words WHERE word >= $1 AND word < $2 LIMIT $3) AS counted";
    let mut rarest = None;
    for word in beginnings {
        let values = [(*word).into(), format!("{word}{END}").into(), MAX_COUNTED.into()];
        let row = db.query_one_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
        let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        if rarest.is_none_or(|(fewest, _)| count < fewest) {
            rarest = Some((count, *word));
        }
    }
    Ok(rarest.map(|(_, word)| word))
}
