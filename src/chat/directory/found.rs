//! Somebody who was found, the place in the list, and how many are looked at for a page.

use crate::chat::page;
use crate::chat::users::User;
use crate::error::Result;

/// People who are looked at for one page, at most.
pub(super) const MAX_LOOKED_THROUGH: usize = 20_000;
/// And in one go: first so many, and up to so many.
pub(super) const FIRST_PORTION: u64 = 50;
const MAX_PORTION: u64 = 1_000;

/// Somebody who was found.
#[derive(Debug, Clone)]
pub struct Found {
    pub user: User,
    /// From which the next page goes on.
    pub cursor: String,
}

/// Where a page ends: behind somebody, found by a word where words are what the list is ordered by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub word: String,
    pub user: i64,
}

impl Place {
    /// Reads what [`Place::cursor`] wrote.
    ///
    /// # Errors
    /// `BadRequest` for anything else.
    pub fn read(cursor: &str) -> Result<Self> {
        let text = page::decode_text_cursor(cursor)?;
        let (user, word) = text.split_once('.').ok_or_else(page::bad_cursor)?;
        let place = Self { user: user.parse().map_err(|_| page::bad_cursor())?, word: word.to_owned() };
        if place.cursor() == cursor { Ok(place) } else { Err(page::bad_cursor()) }
    }

    /// The cursor of it.
    pub fn cursor(&self) -> String {
        page::encode_text_cursor(&format!("{}.{}", self.user, self.word))
    }
}

/// As many as are looked at next.
pub(super) fn next_portion(portion: u64) -> u64 {
    (portion * 4).min(MAX_PORTION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_as_it_went_and_nothing_else_does() {
        for (user, word) in [(7, ""), (1, "ada"), (9_007_199_254_740_991, "東京"), (3, "a.b")] {
            let place = Place { user, word: word.to_owned() };
            assert_eq!(Place::read(&place.cursor()), Ok(place));
        }
        for text in ["", "7", "x.ada", "07.ada", "+7.", "9223372036854775808."] {
            assert_eq!(Place::read(&page::encode_text_cursor(text)), Err(page::bad_cursor()), "{text}");
        }
        assert_eq!(Place::read(&"A".repeat(1_000)), Err(page::bad_cursor()));
    }
}
