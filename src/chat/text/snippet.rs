//! The few words around a match, as a search result shows them.

use unicode_segmentation::UnicodeSegmentation;

use super::content::{escape, readable};
use super::words::{is_kana, split};

/// Characters of text in a snippet, and of those the ones before the first match.
const MAX_SNIPPET_CHARS: usize = 160;
const CHARS_BEFORE_MATCH: usize = 40;
/// Characters looked at in one stretch without a boundary, so that no message makes a page of results slow.
const MAX_PIECE_CHARS: usize = 256;

/// An extract of stored content around its first match, as HTML: everything is escaped but `<mark>…</mark>` around each
/// word that begins with one of `words` (as [`super::query_words`] gives them). At most 160 characters of text, marks
/// and escapes not counted; `…` stands where it was cut, and line breaks become blanks. Without a match it is the
/// beginning of the content.
pub fn snippet(content: &str, words: &[String]) -> String {
    let text = readable(content);
    let pieces = pieces(&text);
    let matches = |piece: &str| {
        let end = piece.char_indices().nth(MAX_PIECE_CHARS).map_or(piece.len(), |(end, _)| end);
        split(&piece[..end]).iter().any(|word| words.iter().any(|asked| word.starts_with(asked)))
    };
    let first = pieces.iter().position(|piece| matches(piece)).unwrap_or(0);
    let start = beginning(&pieces, first);

    let mut shown = String::new();
    let mut left = MAX_SNIPPET_CHARS;
    let mut cut = false;
    if start > 0 {
        shown.push('…');
    }
    for (at, piece) in pieces.iter().enumerate().skip(start) {
        if left == 0 {
            cut = true;
            break;
        }
        let part: String = piece.chars().take(left).collect();
        cut = part.len() < piece.len();
        left -= part.chars().count();
        if at >= first && matches(piece) {
            shown.push_str(&format!("<mark>{}</mark>", escape(&part)));
        } else {
            shown.push_str(&escape(&part));
        }
    }
    if cut {
        shown.push('…');
    }
    shown
}

/// The text in words and what stands between them, with one blank for each stretch of white space.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces: Vec<&str> = Vec::new();
    for piece in text.trim().split_word_bounds() {
        if piece.contains(is_kana) {
            pieces.extend(piece.graphemes(true));
        } else if !piece.trim().is_empty() {
            pieces.push(piece);
        } else if pieces.last() != Some(&" ") {
            pieces.push(" ");
        }
    }
    pieces
}

/// The first piece to show, so that the one at `first` has some text before it.
fn beginning(pieces: &[&str], first: usize) -> usize {
    let mut room = CHARS_BEFORE_MATCH;
    let mut start = first;
    while let Some(piece) = start.checked_sub(1).and_then(|at| pieces.get(at)) {
        let length = piece.chars().count();
        if length > room {
            break;
        }
        room -= length;
        start -= 1;
    }
    start
}
