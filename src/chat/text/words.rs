//! The words that a text is found by, and those that a search asks for: the same splitting on both sides, so that a
//! store has only to compare beginnings. It knows no database and no query language.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};
use unicode_segmentation::UnicodeSegmentation;

use super::characters::is_shapeless;
use super::content::readable;
use super::emoji::known;
use crate::error::{Error, Result};

/// Characters of a query after trimming, and words taken from it.
const MAX_QUERY_CHARS: usize = 200;
const MAX_QUERY_WORDS: usize = 32;
/// Characters kept of a word: longer ones are found by their beginning, and no full-text index takes words of any size.
const MAX_WORD_CHARS: usize = 64;
/// Bytes of all words of a text.
const MAX_INDEXED_BYTES: usize = 64 * 1024;

/// The words of stored content (or a name), separated by a blank, each once, in the order of the text, 64 KiB at most.
///
/// Without case and accents: `Straße CAFÉ` gives `strasse cafe`. A word holds ASCII letters, ASCII digits and
/// characters beyond ASCII, nothing else: `a.b@example.com` gives `a b example com`. What is written without blanks
/// (Chinese, Japanese, Thai) gives one word for each character, and each emoji is a word, without regard to its
/// presentation (`❤` and `❤️` are one); Hangul stays in whole words. Marks that make a letter another one (vowel signs
/// of Indic scripts, kana voicing) stay. Tags of cleaned content are no words. `words(&words(text))` is `words(text)`.
pub fn words(text: &str) -> String {
    let mut joined = String::new();
    for word in split(&readable(text)) {
        if joined.len() + word.len() >= MAX_INDEXED_BYTES {
            break;
        }
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(&word);
    }
    joined
}

/// What a query asks for: each word of a text that begins with one of these matches it, and every one must match. At
/// most 32 words, the first ones. None (a query of punctuation only) means that nothing matches.
///
/// # Errors
/// `BadRequest` unless the query has 1 to 200 characters after trimming.
pub fn query_words(query: &str) -> Result<Vec<String>> {
    let query = query.trim();
    if query.is_empty() || query.chars().nth(MAX_QUERY_CHARS).is_some() {
        return Err(Error::bad_request(format!("A search query must have 1 to {MAX_QUERY_CHARS} characters")));
    }
    let mut words = split(query);
    words.truncate(MAX_QUERY_WORDS);
    Ok(words)
}

/// The different words of plain text, in its order.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut words = Words::default();
    let mut plain = String::new();
    for grapheme in text.graphemes(true) {
        match picture(grapheme) {
            Some(emoji) => {
                words.take_plain(&mut plain);
                words.push(&emoji);
            }
            None => plain.push_str(grapheme),
        }
    }
    words.take_plain(&mut plain);
    words.list
}

#[derive(Default)]
struct Words {
    list: Vec<String>,
    seen: HashSet<String>,
}

impl Words {
    fn push(&mut self, word: &str) {
        let word: String = word.chars().take(MAX_WORD_CHARS).collect();
        if !word.is_empty() && self.seen.insert(word.clone()) {
            self.list.push(word);
        }
    }

    /// Splits text without emoji, and empties it.
    fn take_plain(&mut self, plain: &mut String) {
        for segment in fold(plain).split_word_bounds() {
            for word in segment.split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c)) {
                // A mark without its letter is no word, and would cling to its neighbour.
                let word = word.trim_start_matches(is_combining_mark);
                if word.contains(is_kana) {
                    word.graphemes(true).for_each(|kana| self.push(kana.trim_start_matches(is_combining_mark)));
                } else {
                    self.push(word);
                }
            }
        }
        plain.clear();
    }
}

/// Text as it is compared: compatibility forms, accents and case taken away, Hangul syllables put together again.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Down, up and down again is what folds `ẞ` and `ß` to `ss` and both small sigmas to one.
    let folded = text.nfkd().flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    folded.nfkd().filter(|c| !is_accent(*c) && !is_shapeless(*c)).nfc().collect()
}

/// Marks that a reader may leave out: accents, points of Hebrew and Arabic, overlays, enclosures, variation selectors.
fn is_accent(c: char) -> bool {
    is_combining_mark(c)
        && match canonical_combining_class(c) {
            1 | 10..=35 | 200..=240 => true,
            0 => is_enclosure(c) || is_selector(c),
            _ => false,
        }
}

fn is_enclosure(c: char) -> bool {
    matches!(c, '\u{488}' | '\u{489}' | '\u{20DD}'..='\u{20E4}' | '\u{A670}'..='\u{A672}')
}

fn is_selector(c: char) -> bool {
    matches!(c, '\u{34F}' | '\u{180B}'..='\u{180F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
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

/// Japanese syllables, which word boundaries leave joined in Katakana.
pub(super) fn is_kana(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{3096}' | '\u{309D}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' | '\u{1AFF0}'..='\u{1B16F}')
}
