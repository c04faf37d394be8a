//! Searching messages: every word must match by its beginning, without regard to case or accents; newest first;
//! deleted messages never match (protocol §4).

use sea_orm::{ConnectionTrait, EntityTrait, Statement, Value};

use crate::chat::Cx;
use crate::chat::access;
use crate::chat::messages::Message;
use crate::chat::page::{Page, Window};
use crate::chat::rate_limit::Limited;
use crate::chat::text;
use crate::chat::views::message::load;
use crate::entity::message;
use crate::error::Result;
use crate::id::ConversationId;
use crate::store;

/// Which messages to look for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// 1 to 200 characters after trimming. Everything in it is plain text: there are no operators.
    pub query: String,
    /// In one conversation, or in all that the caller is in.
    pub conversation: Option<ConversationId>,
}

/// A message that was found.
#[derive(Debug, Clone)]
pub struct Found {
    pub message: Message,
    /// The words around the first match as HTML: escaped, each match between `<mark>` and `</mark>`.
    pub snippet: String,
}

/// A stretch of what was found, by ids; always newest first.
///
/// # Errors
/// `BadRequest` for a query out of form, `NotFound` and `Forbidden` for a conversation that is not the caller's,
/// `RateLimited`.
pub async fn messages(cx: &Cx, search: Search, window: Window, limit: u64) -> Result<Page<Found>> {
    let words = text::query_words(&search.query)?;
    cx.chat.limits.take(cx.me(), Limited::Searches)?;
    let cx = &cx.heavy().await?;
    let db = &cx.reader();
    if let Some(conversation) = search.conversation {
        access::member(db, cx.me(), conversation).await?;
    }
    if words.is_empty() {
        return Ok(Page::default());
    }
    let matching = store::full_text_search(db, &words);
    let mut values: Vec<Value> =
        vec![matching.query.into(), cx.me().into(), limit.saturating_add(1).cast_signed().into()];
    let mut conditions = vec![matching.condition.to_owned()];
    let mut narrow = |column: &str, comparison: &str, id: Option<i64>| {
        if let Some(id) = id {
            values.push(id.into());
            conditions.push(format!("{column} {comparison} ${}", values.len()));
        }
    };
    narrow("m.conversation_id", "=", search.conversation.map(ConversationId::get));
    let (after, before) = window.bounds();
    narrow(matching.id, ">", after);
    narrow(matching.id, "<", before);
    let sql = format!(
        "SELECT m.* FROM {} WHERE {} AND NOT m.is_deleted AND m.conversation_id IN ({}$2) ORDER BY {} {} LIMIT $3",
        matching.from,
        conditions.join(" AND "),
        access::CONVERSATIONS_OF,
        matching.id,
        if window.is_forward() { "ASC" } else { "DESC" },
    );
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let rows = message::Entity::find().from_raw_sql(statement).all(db).await?;
    let mut page = Page::cut(rows, limit);
    if window.is_forward() {
        page.items.reverse();
    }
    let found = load(db, &cx.chat.signer, page.items).await?.into_iter().map(|message| Found {
        snippet: text::snippet(message.content.as_deref().unwrap_or_default(), &words),
        message: message.for_viewer(cx.me()),
    });
    Ok(Page { items: found.collect(), has_more: page.has_more })
}
