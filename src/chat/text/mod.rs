//! What people write: messages, names, emoji, searches. Each function takes raw text and gives back what may be stored,
//! or a sentence that says why not. Pure: it knows no request, no table and no clock. Nothing is ever trimmed (protocol
//! §7, §12).

mod characters;
mod content;
mod elements;
mod emoji;
mod fold;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod judge;
mod markup;
mod names;
mod snippet;
#[cfg(test)]
mod tests;
mod unspaced;
mod words;

pub use characters::holds_nul;
pub use content::content;
pub use emoji::emoji;
pub use names::{avatar_url, description, file_name, name, status_message, temp_id, token_name};
pub use snippet::snippet;
pub use words::{Term, has_all, query_terms, words};
