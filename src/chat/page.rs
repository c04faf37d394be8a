//! Pages: how many, from where, and the opaque cursors of lists. It knows no table.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Error, Result};

/// Entries of a page where nothing is said, and at most (protocol §4).
pub const DEFAULT_LIMIT: u64 = 50;
pub const MAX_LIMIT: u64 = 100;

/// How many entries: 1 or more, more than 100 is 100, 50 where nothing is said.
///
/// # Errors
/// `BadRequest` for zero and below.
pub fn limit(asked: Option<i64>) -> Result<u64> {
    match asked {
        None => Ok(DEFAULT_LIMIT),
        Some(asked) if asked >= 1 => Ok(asked.unsigned_abs().min(MAX_LIMIT)),
        Some(_) => Err(Error::bad_request("limit must be a whole number from 1 to 100")),
    }
}

/// Which stretch of a list that grows with its ids. A cursor id need not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// The last ones.
    Newest,
    /// The first ones.
    Oldest,
    /// Those nearest below the id.
    Before(i64),
    /// Those nearest above the id.
    After(i64),
    /// Those between both ids, the ones nearest to the first if `from_start`.
    Between { after: i64, before: i64, from_start: bool },
}

impl Window {
    /// The ids between which it lies: above the first, below the second.
    pub fn bounds(self) -> (Option<i64>, Option<i64>) {
        match self {
            Window::Newest | Window::Oldest => (None, None),
            Window::Before(before) => (None, Some(before)),
            Window::After(after) => (Some(after), None),
            Window::Between { after, before, .. } => (Some(after), Some(before)),
        }
    }

    /// Whether the page is cut at its far end, counting upwards.
    pub fn is_forward(self) -> bool {
        matches!(self, Window::Oldest | Window::After(_) | Window::Between { from_start: true, .. })
    }
}

/// A stretch of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Whether there is more in the direction that was asked for.
    pub has_more: bool,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { items: Vec::new(), has_more: false }
    }
}

impl<T> Page<T> {
    /// The page of rows that were read in the order of the direction, one more than `limit` where there are more.
    pub fn cut(mut rows: Vec<T>, limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        Self { items: rows, has_more }
    }

    pub fn map<U>(self, items: impl FnOnce(Vec<T>) -> Vec<U>) -> Page<U> {
        Page { items: items(self.items), has_more: self.has_more }
    }
}

/// Writes the numbers of a cursor so that nobody is tempted to read them.
pub fn encode_cursor(numbers: &[i64]) -> String {
    let texts: Vec<String> = numbers.iter().map(i64::to_string).collect();
    URL_SAFE_NO_PAD.encode(texts.join("."))
}

/// Reads what [`encode_cursor`] wrote, of which each place has one form.
///
/// # Errors
/// `BadRequest` for anything else.
pub fn decode_cursor<const N: usize>(cursor: &str) -> Result<[i64; N]> {
    let bytes = (cursor.len() <= 200).then(|| URL_SAFE_NO_PAD.decode(cursor).ok()).flatten();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(bad_cursor)?;
    let numbers = text.split('.').map(str::parse).collect::<std::result::Result<Vec<i64>, _>>();
    let numbers = numbers.ok().and_then(|numbers| <[i64; N]>::try_from(numbers).ok()).ok_or_else(bad_cursor)?;
    // The library reads `+7` and `007`, too.
    if encode_cursor(&numbers) == cursor { Ok(numbers) } else { Err(bad_cursor()) }
}

/// The same for places that have words to them; the text stands in no form that is looked at here.
pub fn encode_text_cursor(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Reads what [`encode_text_cursor`] wrote.
///
/// # Errors
/// `BadRequest` for anything else.
pub fn decode_text_cursor(cursor: &str) -> Result<String> {
    let bytes = (cursor.len() <= 500).then(|| URL_SAFE_NO_PAD.decode(cursor).ok()).flatten();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(bad_cursor)
}

/// What is said of a paging cursor that this server never gave out.
pub fn bad_cursor() -> Error {
    Error::bad_request("The cursor is not valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_1_to_100_and_50_by_default() {
        assert_eq!(limit(None), Ok(50));
        assert_eq!(limit(Some(1)), Ok(1));
        assert_eq!(limit(Some(100_000)), Ok(100));
        assert!(limit(Some(0)).is_err());
        assert!(limit(Some(i64::MIN)).is_err());
    }

    #[test]
    fn a_cursor_comes_back_as_it_went_and_nothing_else_does() {
        assert_eq!(decode_cursor(&encode_cursor(&[1, -2, 3])), Ok([1, -2, 3]));
        assert_eq!(decode_cursor::<2>(&encode_cursor(&[1, 2, 3])), Err(bad_cursor()));
        for bad in ["", "*", "a", &"A".repeat(400), "\u{1F44D}"] {
            assert!(decode_cursor::<1>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_place_has_one_cursor() {
        for other in ["+7", "007", "-0", " 7", "7.", ".7", "7\n", "9223372036854775808"] {
            assert_eq!(decode_cursor::<1>(&URL_SAFE_NO_PAD.encode(other)), Err(bad_cursor()), "{other:?}");
        }
        assert_eq!(decode_cursor(&URL_SAFE_NO_PAD.encode("7")), Ok([7]));
    }
}
