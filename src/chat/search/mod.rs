//! Searching messages: every word must match by its beginning, without regard to case or accents; newest first;
//! deleted messages never match (protocol §4). A search reads what is in the conversations that it asks about, and no more
//! of it than a page needs where much matches.

mod finder;
pub mod old_words;
pub mod rewrite;
mod statements;

use sea_orm::{ConnectionTrait, Statement};

use crate::chat::Cx;
use crate::chat::access;
use crate::chat::limit;
use crate::chat::messages::Message;
use crate::chat::page::{Page, Window};
use crate::chat::rate_limit::Limited;
use crate::chat::text;
use crate::chat::views::message::load;
use crate::error::Result;
use crate::id::ConversationId;
use crate::store::Reader;

use finder::{Finder, Place};

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
    let terms = text::query_terms(&search.query)?;
    limit::take(cx, Limited::Searches).await?;
    let cx = &cx.heavy().await?;
    let db = &cx.reader();
    let places = match search.conversation {
        Some(id) => {
            let conversation = access::member(db, cx.me(), id).await?.conversation;
            let newest = conversation.last_message_id.map(|newest| newest.get());
            newest.map(|newest| Place { conversation: id, newest }).into_iter().collect()
        }
        None => places(cx, db).await?,
    };
    if terms.is_empty() || places.is_empty() {
        return Ok(Page::default());
    }
    let wanted = limit.saturating_add(1);
    let rows = Finder::new(db, &terms, &places, window, wanted).find(cx.chat.old_words.below()).await?;
    let mut page = Page::cut(rows, limit);
    if window.is_forward() {
        page.items.reverse();
    }
    let found = load(db, &cx.chat.signer, page.items).await?.into_iter().map(|message| Found {
        snippet: text::snippet(message.content.as_deref().unwrap_or_default(), &terms),
        message: message.for_viewer(cx.me()),
    });
    Ok(Page { items: found.collect(), has_more: page.has_more })
}

/// The caller's conversations in which anything was said, latest first.
async fn places(cx: &Cx, db: &Reader) -> Result<Vec<Place>> {
    let sql = "SELECT p.conversation_id, c.last_message_id FROM chat_participants p JOIN chat_conversations c \
         ON c.id = p.conversation_id WHERE c.closed_at IS NULL AND c.last_message_id IS NOT NULL AND p.user_id = $1 \
         ORDER BY c.last_message_id DESC";
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [cx.me().into()]);
    let mut places = Vec::new();
    for row in db.query_all_raw(statement).await? {
        places.push(Place { conversation: row.try_get_by_index(0)?, newest: row.try_get_by_index(1)? });
    }
    Ok(places)
}
