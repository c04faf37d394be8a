//! What people write: messages, reactions, searches.

use std::iter;

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use super::input::line;
use crate::chat::text;
use crate::error::Kind;

/// Characters of a message, as by default.
const MAX_CHARACTERS: usize = 10_000;

/// What is kept of a message holds nothing but the elements of the allow-list, and is kept as it is when it comes once more;
/// text without a tag is kept byte for byte.
pub fn content(data: &[u8]) {
    if let Ok(raw) = str::from_utf8(data) {
        text::judge::assert_kept_well(raw, MAX_CHARACTERS);
    }
}

/// What is taken for a reaction is one character to a reader, in a form that is its own form, and the same but for
/// selectors of its picture.
pub fn emoji(data: &[u8]) {
    let Ok(raw) = str::from_utf8(data) else { return };
    match text::emoji(raw) {
        Ok(canonical) => {
            assert_eq!(text::emoji(&canonical).as_ref(), Ok(&canonical));
            assert_eq!(canonical.graphemes(true).count(), 1, "{canonical:?}");
            let bare = |emoji: &str| emoji.replace('\u{FE0F}', "");
            assert_eq!(bare(&canonical), bare(raw));
            assert!(canonical.len() <= 64 && canonical.chars().any(|c| !c.is_alphanumeric()), "{canonical:?}");
        }
        Err(refused) => assert_eq!(refused.kind, Kind::BadRequest),
    }
}

/// The words of a text are bounded, and each finds itself. What stands between two blanks of a text without markup is found in
/// it, and is marked in its snippet. A snippet is bounded, and harmless but for its marks.
pub fn search_words(data: &[u8]) {
    let (query, content) = line(data);
    let (Ok(query), Ok(content)) = (str::from_utf8(query), str::from_utf8(content)) else { return };
    let words = text::words(content);
    assert!(words.len() <= 96 * 1024);
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        let terms = text::query_terms(word).unwrap_or_default();
        assert_eq!(terms.iter().map(|term| &*term.needle).collect::<Vec<_>>(), [word], "of {content:?}");
    }
    assert_snippet(content, query);
    if !content.contains('<') {
        for part in content.split_ascii_whitespace().take(20).filter(|part| part.len() <= 64) {
            assert_finds_itself(part, content, &words);
        }
    }
}

fn assert_finds_itself(part: &str, content: &str, words: &str) {
    let terms = text::query_terms(part).unwrap_or_default();
    let indexed = format!(" {words}");
    for term in &terms {
        assert!(indexed.contains(&format!(" {}", term.needle)), "{part:?} is not found by {term:?} in {words:?}");
    }
    let shown = assert_snippet(content, part);
    // A mark without its letter clings to what stands before it, which is no word.
    let before = iter::once(' ').chain(part.chars());
    let has_stray_mark = before.zip(part.chars()).any(|(one, two)| !one.is_alphanumeric() && is_combining_mark(two));
    assert!(terms.is_empty() || has_stray_mark || shown.contains("<mark>"), "{part:?} is not marked in {shown:?}");
}

/// The snippet of content for a query, which may be none.
fn assert_snippet(content: &str, query: &str) -> String {
    let terms = text::query_terms(query).unwrap_or_default();
    assert!(terms.len() <= 32);
    let shown = text::snippet(content, &terms);
    let bare = shown.replace("<mark>", "").replace("</mark>", "");
    assert!(!bare.contains(['<', '>', '"']), "{shown:?}");
    assert_eq!(shown.matches("<mark>").count(), shown.matches("</mark>").count(), "{shown:?}");
    let read = ["&lt;", "&gt;", "&quot;", "&amp;"].iter().fold(bare, |text, escape| text.replace(escape, "x"));
    assert!(read.chars().count() <= 162, "{} characters", read.chars().count());
    shown
}
