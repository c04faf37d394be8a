//! The few words around a match, as a search result shows them.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::content::{escape, readable};
use super::fold::fold;
use super::unspaced::is_unspaced;
use super::words::{Term, has_word, is_one_word};

/// Characters of text in a snippet, and of those the ones before the first match.
const MAX_SNIPPET_CHARS: usize = 160;
const CHARS_BEFORE_MATCH: usize = 40;
/// Characters looked at in one stretch without a boundary, so that no message makes a page of results slow.
const MAX_PIECE_CHARS: usize = 256;

/// An extract of stored content around its first match, as HTML: everything is escaped but `<mark>…</mark>` around each
/// word that begins with one of the terms (as [`super::query_terms`] gives them), and around each run that one of them
/// asks for. At most 160 characters of text, marks and escapes not counted; `…` stands where it was cut, and line breaks
/// become blanks. Without a match it is the beginning of the content.
pub fn snippet(content: &str, terms: &[Term]) -> String {
    let text = readable(content);
    let pieces = pieces(&text);
    // What is shown begins at the first match: before it nothing is marked, and far behind it nothing is shown.
    let first = (0..pieces.len()).find(|at| matched(&pieces[*at..], terms) > 0).unwrap_or(0);
    let start = beginning(&pieces, first);

    let mut shown = String::new();
    let mut left = MAX_SNIPPET_CHARS;
    let mut cut = false;
    // How many of the pieces to come are marked, and whether a mark is open.
    let (mut marked, mut open) = (0, false);
    if start > 0 {
        shown.push('…');
    }
    for (at, piece) in pieces.iter().enumerate().skip(start) {
        if left == 0 {
            cut = true;
            break;
        }
        if at >= first {
            let found = matched(&pieces[at..], terms);
            // Two words beside each other are two marks, a run is one.
            if open && (marked == 0 || !piece.is_unspaced()) {
                shown.push_str("</mark>");
                open = false;
            }
            marked = marked.max(found);
            if marked > 0 && !open {
                shown.push_str("<mark>");
                open = true;
            }
            marked = marked.saturating_sub(1);
        }
        let part: String = piece.text.chars().take(left).collect();
        cut = part.len() < piece.text.len();
        left -= part.chars().count();
        shown.push_str(&escape(&part));
    }
    if open {
        shown.push_str("</mark>");
    }
    if cut {
        shown.push('…');
    }
    shown
}

/// A word, a character of a script without blanks, or what stands between words.
struct Piece<'t> {
    text: &'t str,
    /// Where it ends in the text.
    end: usize,
    /// The character as it is compared; none for others.
    unspaced: Option<String>,
}

impl Piece<'_> {
    fn is_unspaced(&self) -> bool {
        self.unspaced.is_some()
    }

    /// Whether it is, or may be, a part of a word that ends where what follows begins.
    fn is_word_before(&self, start: usize) -> bool {
        self.end == start && !self.is_unspaced() && self.text != " "
    }
}

/// How many of these pieces, from the first one on, are what one of the terms asks for.
fn matched(pieces: &[Piece], terms: &[Term]) -> usize {
    let Some(piece) = pieces.first() else { return 0 };
    let matches = terms.iter().filter_map(|term| match (&term.run, &piece.unspaced) {
        (Some(run), Some(_)) => run_length(pieces, run),
        (None, None) => {
            let end = piece.text.char_indices().nth(MAX_PIECE_CHARS).map_or(piece.text.len(), |(end, _)| end);
            has_word(&piece.text[..end], &term.needle).then_some(1)
        }
        _ => None,
    });
    matches.max().unwrap_or(0)
}

/// How many characters in a row make the run, if they do.
fn run_length(pieces: &[Piece], run: &str) -> Option<usize> {
    let mut left = run;
    for (place, piece) in pieces.iter().enumerate() {
        let character = piece.unspaced.as_deref()?;
        match left.strip_prefix(character) {
            Some("") => return Some(place + 1),
            Some(rest) => left = rest,
            // The last character of what is asked for may have more marks in the text.
            None => return character.starts_with(left).then_some(place + 1),
        }
    }
    None
}

/// The text in words and what stands between them, with one blank for each stretch of white space.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces: Vec<Piece> = Vec::new();
    let text = text.trim();
    for (start, word) in text.split_word_bound_indices() {
        let end = start + word.len();
        if !word.is_ascii() && fold(word).contains(is_unspaced) {
            for (at, character) in word.grapheme_indices(true) {
                let (from, to, folded) = (start + at, start + at + character.len(), fold(character));
                if folded.starts_with(is_unspaced) {
                    pieces.push(Piece { text: character, end: to, unspaced: Some(folded) });
                } else {
                    push_spaced(text, from..to, at > 0, &mut pieces);
                }
            }
        } else if !word.trim().is_empty() {
            push_spaced(text, start..end, false, &mut pieces);
        } else if pieces.last().is_none_or(|last| last.text != " ") {
            pieces.push(Piece { text: " ", end, unspaced: None });
        }
    }
    pieces
}

/// Adds a part of the text, to the last piece where a word goes on in it: whether it does is said by its folded form, if it
/// is not known.
fn push_spaced<'t>(text: &'t str, at: Range<usize>, goes_on: bool, pieces: &mut Vec<Piece<'t>>) {
    let part = &text[at.clone()];
    match pieces.last_mut() {
        Some(last) if last.is_word_before(at.start) && (goes_on || is_one_word(last.text, part)) => {
            (last.text, last.end) = (&text[at.start - last.text.len()..at.end], at.end);
        }
        _ => pieces.push(Piece { text: part, end: at.end, unspaced: None }),
    }
}

/// The first piece to show, so that the one at `first` has some text before it.
fn beginning(pieces: &[Piece], first: usize) -> usize {
    let mut room = CHARS_BEFORE_MATCH;
    let mut start = first;
    while let Some(piece) = start.checked_sub(1).and_then(|at| pieces.get(at)) {
        let length = piece.text.chars().count();
        if length > room {
            break;
        }
        room -= length;
        start -= 1;
    }
    start
}
