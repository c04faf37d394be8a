//! The words that a text is found by, and those that a search asks for: the same splitting on both sides, so that a
//! store has only to compare beginnings. It knows no database and no query language.

use std::collections::HashSet;

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use super::content::readable;
use super::emoji::known;
use super::fold::fold;
use super::unspaced::{is_unspaced, runs};
use crate::error::{Error, Result};

/// Characters of a query after trimming, and terms taken from it.
const MAX_QUERY_CHARS: usize = 200;
const MAX_QUERY_TERMS: usize = 32;
/// Characters kept of a word: longer ones are found by their beginning, and no full-text index takes words of any size.
const MAX_WORD_CHARS: usize = 64;
/// Characters that are looked at on either side of a place to tell whether a word goes on there.
const MAX_MEETING_CHARS: usize = 8;
/// Bytes of all words of a text: those of 10,000 Chinese characters have room.
const MAX_INDEXED_BYTES: usize = 96 * 1024;

/// What a query asks for in one place: a word, or a run of a script that is written without blanks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The word, or the pairs of the run; apart by blanks. A text has it where its [`words`] hold this behind a blank or
    /// at their beginning.
    pub needle: String,
    /// The run as it was asked for, without accents and in one case; none for a word.
    pub run: Option<String>,
}

impl Term {
    /// Each word of an index with one of these beginnings, and all of them, stand in what the term can be found in.
    pub fn beginnings(&self) -> impl Iterator<Item = &str> {
        self.needle.split(' ')
    }

    /// Whether it is in a text of which these are the [`words`].
    pub fn is_in(&self, words: &str) -> bool {
        let mut places = words.match_indices(&self.needle);
        places.any(|(at, _)| at == 0 || words.as_bytes()[at - 1] == b' ')
    }
}

/// The words of stored content (or a name), separated by a blank, 96 KiB at most.
///
/// Without case and accents, strokes and ligatures: `Straße CAFÉ Đà` gives `strasse cafe da`. A word holds ASCII letters,
/// ASCII digits and characters beyond ASCII, nothing else: `a.b@example.com` gives `a b example com`; each word once.
/// What is written without blanks (Chinese, Japanese, Thai, Lao, Khmer, Burmese) gives each two neighbours and then its
/// last character, in order: `東京都` gives `東京 京都 都`, so that a part of it is found by its pairs in this order, and
/// by nothing else. Each emoji is a word, without regard to its presentation (`❤` and `❤️` are one); Hangul stays in whole
/// words. Marks that make a letter another one (vowel signs of Indic scripts, kana voicing) stay. Tags of cleaned content
/// are no words.
pub fn words(text: &str) -> String {
    let mut joined = String::new();
    let mut seen = HashSet::new();
    for piece in split(&readable(text)) {
        let fits = match piece {
            Piece::Word(word) => {
                seen.contains(&word) || {
                    let fits = push(&mut joined, &word);
                    seen.insert(word);
                    fits
                }
            }
            Piece::Run(run) => pairs(&run).all(|pair| push(&mut joined, pair)),
        };
        if !fits {
            break;
        }
    }
    joined
}

fn push(joined: &mut String, word: &str) -> bool {
    let fits = joined.len() + word.len() < MAX_INDEXED_BYTES;
    if fits {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(word);
    }
    fits
}

/// What a query asks for: each term has to be in a text, a word as the beginning of one of its words. At most 32 terms,
/// the first ones. None (a query of punctuation only) means that nothing matches.
///
/// # Errors
/// `BadRequest` unless the query has 1 to 200 characters after trimming.
pub fn query_terms(query: &str) -> Result<Vec<Term>> {
    let query = query.trim();
    if query.is_empty() || query.chars().nth(MAX_QUERY_CHARS).is_some() {
        return Err(Error::bad_request(format!("A search query must have 1 to {MAX_QUERY_CHARS} characters")));
    }
    let mut terms: Vec<Term> = Vec::new();
    for piece in split(query) {
        let term = match piece {
            Piece::Word(word) => Term { needle: word, run: None },
            Piece::Run(run) => {
                let mut pairs: Vec<&str> = pairs(&run).collect();
                // What follows the last character is left open.
                if pairs.len() > 1 {
                    pairs.pop();
                }
                Term { needle: pairs.join(" "), run: Some(run) }
            }
        };
        if terms.len() < MAX_QUERY_TERMS && !terms.contains(&term) {
            terms.push(term);
        }
    }
    Ok(terms)
}

/// Whether a name has all that a search asks for.
pub fn has_all(name: &str, terms: &[Term]) -> bool {
    let words = words(name);
    terms.iter().all(|term| term.is_in(&words))
}

/// Whether one of the words of plain text begins with `asked`.
pub(super) fn has_word(text: &str, asked: &str) -> bool {
    split(text).iter().any(|piece| matches!(piece, Piece::Word(word) if word.starts_with(asked)))
}

/// Whether a word goes on from one of two neighbours in plain text into the other, or may: `x²` is the word `x2`, and what has
/// no shape ends no word. It looks at the characters around the place where they meet.
pub(super) fn is_one_word(left: &str, right: &str) -> bool {
    if left.is_ascii() && right.is_ascii() {
        return false;
    }
    let tail = &left[left.char_indices().rev().nth(MAX_MEETING_CHARS - 1).map_or(0, |(at, _)| at)..];
    let head = &right[..right.char_indices().nth(MAX_MEETING_CHARS).map_or(right.len(), |(at, _)| at)];
    fold(head).is_empty() || split(&[tail, head].concat()).len() < split(tail).len() + split(head).len()
}

enum Piece {
    Word(String),
    /// At least one character of scripts that are written without blanks.
    Run(String),
}

/// Each two neighbours of a run, and its last character. A character here is what a reader takes for one, with all of its
/// marks.
fn pairs(run: &str) -> impl Iterator<Item = &str> {
    let starts: Vec<usize> = run.grapheme_indices(true).map(|(at, _)| at).collect();
    (0..starts.len()).map(move |place| &run[starts[place]..starts.get(place + 2).copied().unwrap_or(run.len())])
}

/// The pieces of plain text, in its order.
fn split(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if text.is_ascii() {
        split_plain(text, &mut pieces);
        return pieces;
    }
    let mut plain = String::new();
    for grapheme in text.graphemes(true) {
        match picture(grapheme) {
            Some(emoji) => {
                split_plain(&plain, &mut pieces);
                plain.clear();
                pieces.push(Piece::Word(emoji));
            }
            None => plain.push_str(grapheme),
        }
    }
    split_plain(&plain, &mut pieces);
    pieces
}

/// Splits text without emoji.
fn split_plain(plain: &str, pieces: &mut Vec<Piece>) {
    for part in fold(plain).split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c)) {
        if part.is_ascii() {
            push_word(part, pieces);
            continue;
        }
        for run in runs(part) {
            if run.starts_with(is_unspaced) {
                pieces.push(Piece::Run(run.to_owned()));
            } else {
                run.split_word_bounds().for_each(|word| push_word(word, pieces));
            }
        }
    }
}

fn push_word(word: &str, pieces: &mut Vec<Piece>) {
    // A mark without its letter is no word, and would cling to its neighbour.
    let word = word.trim_start_matches(is_combining_mark);
    if !word.is_empty() {
        pieces.push(Piece::Word(word.chars().take(MAX_WORD_CHARS).collect()));
    }
}

/// The emoji that a grapheme is, without variation selectors. Those around an ASCII character (keycaps) count as that
/// character.
fn picture(grapheme: &str) -> Option<String> {
    if grapheme.bytes().any(|byte| byte.is_ascii()) {
        return None;
    }
    let bare = grapheme.replace(['\u{FE0E}', '\u{FE0F}'], "");
    known(&bare).map(|_| bare)
}
