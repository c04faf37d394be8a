//! Finding people among those of one's conversations, by their ids: the first of each conversation are the candidates for
//! the first of all, as with who is online.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::found::{FIRST_PORTION, Found, MAX_LOOKED_THROUGH, Place, next_portion};
use crate::chat::Cx;
use crate::chat::access::CONVERSATIONS_OF;
use crate::chat::page::{self, Page};
use crate::chat::text::{self, Term};
use crate::chat::views::user::by_ids;
use crate::error::Result;
use crate::id::UserId;
use crate::store::Reader;

pub(super) async fn find(cx: &Cx, terms: &[Term], after: Place, limit: u64) -> Result<Page<Found>> {
    if !after.word.is_empty() {
        return Err(page::bad_cursor());
    }
    let db = &cx.reader();
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut portion = if terms.is_empty() { limit + 1 } else { FIRST_PORTION.max(limit + 1) };
    let (mut after, mut found, mut looked, mut is_over) = (after.user, Vec::new(), 0, false);
    while found.len() <= most && looked < MAX_LOOKED_THROUGH && !is_over {
        let ids = read(db, cx.me(), after, portion).await?;
        is_over = (ids.len() as u64) < portion;
        let mut users = by_ids(db, &ids).await?;
        looked += ids.len();
        after = ids.last().map_or(after, |last| last.get());
        let people = ids.into_iter().filter_map(|id| users.remove(&id));
        let wanted = people.filter(|user| terms.is_empty() || text::has_all(&user.name, terms));
        found.extend(wanted.map(|user| {
            let place = Place { user: user.id.get(), word: String::new() };
            Found { user, cursor: place.cursor() }
        }));
        portion = next_portion(portion);
    }
    Ok(Page::cut(found, limit))
}

/// The next people of the open conversations of `viewer`, the viewer among them.
async fn read(db: &Reader, viewer: UserId, after: i64, limit: u64) -> Result<Vec<UserId>> {
    let backend = db.get_database_backend();
    let of_each = match backend {
        DbBackend::Sqlite => format!(
            "SELECT f.user_id FROM ({CONVERSATIONS_OF}$1) AS mine CROSS JOIN chat_participants f WHERE f.id IN \
             (SELECT p.id FROM chat_participants p WHERE p.conversation_id = mine.conversation_id AND p.user_id > $2 \
             ORDER BY p.user_id LIMIT $3)"
        ),
        _ => format!(
            "SELECT f.user_id FROM ({CONVERSATIONS_OF}$1) AS mine CROSS JOIN LATERAL (SELECT p.user_id \
             FROM chat_participants p WHERE p.conversation_id = mine.conversation_id AND p.user_id > $2 \
             ORDER BY p.user_id LIMIT $3) AS f"
        ),
    };
    let sql = format!("SELECT DISTINCT user_id FROM ({of_each}) AS each ORDER BY user_id LIMIT $3");
    let values = [viewer.into(), after.into(), limit.cast_signed().into()];
    let mut people = Vec::new();
    for row in db.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await? {
        people.push(row.try_get_by_index(0)?);
    }
    Ok(people)
}
