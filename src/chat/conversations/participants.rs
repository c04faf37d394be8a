//! Everybody who is in a conversation, page by page, and those among them whose names are looked for.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::chat::limit;
use crate::chat::page::{self, Page};
use crate::chat::rate_limit::Limited;
use crate::chat::views::participant::Participant;
use crate::chat::views::user;
use crate::chat::{Cx, access};
use crate::entity::participant;
use crate::error::{Error, Result};
use crate::id::{ConversationId, UserId};

/// Rows that one statement of a search reads, and those that are looked through for one page.
const MAX_ROWS: u64 = 1_000;
const MAX_LOOKED_THROUGH: usize = 20_000;

/// Somebody on a page.
#[derive(Debug, Clone)]
pub struct Listed {
    pub participant: Participant,
    /// From which the next page goes on.
    pub cursor: String,
}

/// A page of the participants of a conversation, longest-serving first, after `cursor`. With a `search` it holds those in
/// whose names a word begins with each of its words, without regard to case: the 20,000 after the cursor are looked
/// through for that.
///
/// # Errors
/// `NotFound`, `Forbidden`; `BadRequest` for a cursor that is none, or a search unless it has 1 to 200 characters after
/// trimming; `RateLimited` for too many searches.
pub async fn participants(
    cx: &Cx,
    id: ConversationId,
    cursor: Option<&str>,
    search: Option<&str>,
    limit: u64,
) -> Result<Page<Listed>> {
    let after = cursor.map(place_of).transpose()?.unwrap_or(0);
    access::member(&cx.reader(), cx.me(), id).await?;
    match search {
        None => Ok(Page::cut(read(&cx.reader(), id, after, limit + 1).await?, limit).map(listed)),
        Some(search) => found(cx, id, after, search, limit).await,
    }
}

type Row = (i64, Participant);

fn listed(rows: Vec<Row>) -> Vec<Listed> {
    let listed = |(place, participant): Row| Listed { participant, cursor: page::encode_cursor(&[place]) };
    rows.into_iter().map(listed).collect()
}

fn place_of(cursor: &str) -> Result<i64> {
    page::decode_cursor(cursor).map(|[place]| place)
}

async fn read(db: &impl ConnectionTrait, id: ConversationId, after: i64, limit: u64) -> Result<Vec<Row>> {
    let rows = participant::Entity::find()
        .filter(participant::Column::ConversationId.eq(id))
        .filter(participant::Column::Id.gt(after))
        .order_by_asc(participant::Column::Id)
        .limit(limit)
        .all(db)
        .await?;
    let users = user::by_ids(db, &rows.iter().map(|row| row.user_id).collect::<Vec<UserId>>()).await?;
    Ok(rows.iter().map(|row| (row.id, Participant::of(row, &users))).collect())
}

async fn found(cx: &Cx, id: ConversationId, after: i64, search: &str, limit: u64) -> Result<Page<Listed>> {
    let wanted = words(search);
    if wanted.is_empty() || search.trim().chars().count() > 200 {
        return Err(Error::bad_request("search must have 1 to 200 characters"));
    }
    limit::take(cx, Limited::Searches).await?;
    let cx = &cx.heavy().await?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut after, mut looked, mut found) = (after, 0, Vec::new());
    while found.len() <= most && looked < MAX_LOOKED_THROUGH {
        let rows = read(&cx.reader(), id, after, MAX_ROWS).await?;
        let Some((last, _)) = rows.last() else { break };
        (after, looked) = (*last, looked + rows.len());
        found.extend(rows.into_iter().filter(|(_, person)| matches(&person.user_name, &wanted)));
    }
    Ok(Page::cut(found, limit).map(listed))
}

/// Whether a word of the name begins with each of the words.
fn matches(name: &str, wanted: &[String]) -> bool {
    let name = words(name);
    wanted.iter().all(|wanted| name.iter().any(|word| word.starts_with(wanted.as_str())))
}

fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_the_beginnings_of_its_words() {
        let found = |search: &str| matches("Ada King-Noel, Ärztin", &words(search));
        for search in ["ada", "K", "noel AD", "äRZ", " king "] {
            assert!(found(search), "{search}");
        }
        for search in ["ing", "adax", "ada bob"] {
            assert!(!found(search), "{search}");
        }
    }
}
