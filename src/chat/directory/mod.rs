//! Finding people by the beginnings of the words of their names: those of one's conversations, or everybody, as
//! `users.directory` has it. What a page costs follows neither how many there are nor how many have such a name.

mod everybody;
pub(crate) mod found;
pub mod names;
mod neighbours;

use crate::chat::Cx;
use crate::chat::limit;
use crate::chat::page::Page;
use crate::chat::rate_limit::Limited;
use crate::chat::text;
use crate::config::Directory;
use crate::error::Result;

pub use found::Found;
use found::Place;

/// A page of the people whom the caller may find, after `cursor`: all of them by their ids, or those in whose names a word
/// begins with each word of `search`, without regard to case and accents. Of these, 20,000 after the cursor are looked at.
///
/// # Errors
/// `BadRequest` for a cursor that is none, or a search unless it has 1 to 200 characters after trimming; `RateLimited`:
/// either way it counts as a search.
pub async fn find(cx: &Cx, search: Option<&str>, cursor: Option<&str>, limit: u64) -> Result<Page<Found>> {
    let terms = search.map(text::query_terms).transpose()?;
    let after = cursor.map(Place::read).transpose()?.unwrap_or_default();
    limit::take(cx, Limited::Searches).await?;
    let terms = terms.unwrap_or_default();
    if search.is_some() && terms.is_empty() {
        return Ok(Page::default());
    }
    let cx = &cx.heavy().await?;
    match cx.chat.config.users.directory {
        Directory::Shared | Directory::None if cx.viewer.admin => everybody::find(cx, &terms, after, limit).await,
        Directory::Everyone => everybody::find(cx, &terms, after, limit).await,
        Directory::Shared => neighbours::find(cx, &terms, after, limit).await,
        Directory::None => Ok(Page::default()),
    }
}
