//! Everybody who is in a conversation, page by page, and those among them whose names are looked for.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::chat::limit;
use crate::chat::page::{self, Page};
use crate::chat::rate_limit::Limited;
use crate::chat::text;
use crate::chat::views::participant::{Participant, inside};
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

/// Somebody in a conversation.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn participant(cx: &Cx, id: ConversationId, user: UserId) -> Result<Participant> {
    let db = &cx.reader();
    access::member(db, cx.me(), id).await?;
    let row = inside(db, id, &[user]).await?.pop().ok_or_else(|| Error::not_found("Participant not found"))?;
    Ok(Participant::of(&row, &user::by_ids(db, &[user]).await?))
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
    let wanted = text::query_terms(search)?;
    limit::take(cx, Limited::Searches).await?;
    if wanted.is_empty() {
        return Ok(Page::default());
    }
    let cx = &cx.heavy().await?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut after, mut looked, mut found) = (after, 0, Vec::new());
    while found.len() <= most && looked < MAX_LOOKED_THROUGH {
        let rows = read(&cx.reader(), id, after, MAX_ROWS).await?;
        let Some((last, _)) = rows.last() else { break };
        (after, looked) = (*last, looked + rows.len());
        found.extend(rows.into_iter().filter(|(_, person)| text::has_all(&person.user_name, &wanted)));
    }
    Ok(Page::cut(found, limit).map(listed))
}
