//! What single characters mean to every kind of text: seen or unseen, allowed or refused.

use serde_json::Value as Json;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use crate::error::{Error, Result};

/// Combining marks on one visible character, at most. Living languages need fewer than ten.
pub const MAX_MARKS: usize = 32;

/// Whether nothing of it can be seen: white space, controls, marks without a letter, characters without a shape.
pub fn is_blank(text: &str) -> bool {
    !text.chars().any(is_visible)
}

fn is_visible(c: char) -> bool {
    !(c.is_whitespace() || c.is_control() || is_combining_mark(c) || is_shapeless(c))
}

/// Characters that are neither space nor mark and still show nothing: joiners, direction, fillers, tags, the blank of
/// Braille.
pub fn is_shapeless(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D159}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// The Unicode property Bidi_Control: what can make a name read as another one.
pub fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Whether a text or a key in the JSON holds U+0000, which PostgreSQL cannot keep.
pub fn holds_nul(json: &Json) -> bool {
    match json {
        Json::String(text) => text.contains('\0'),
        Json::Array(items) => items.iter().any(holds_nul),
        Json::Object(fields) => fields.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

/// Controls and whatever else ends a line: refused in text of one line.
pub fn is_control_or_break(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Text of several lines: `\n`, `\r` and `\t` are its only control characters, and no character carries more than
/// [`MAX_MARKS`] marks.
///
/// # Errors
/// `BadRequest`, beginning with `what`.
pub fn refuse_controls(text: &str, what: &str) -> Result<()> {
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Error::bad_request(format!("{what} cannot hold control characters")));
    }
    refuse_piled_marks(text, what)
}

/// # Errors
/// `BadRequest`, beginning with `what`, where one visible character carries more than [`MAX_MARKS`] marks.
pub fn refuse_piled_marks(text: &str, what: &str) -> Result<()> {
    let piled = |grapheme: &str| grapheme.chars().filter(|c| is_combining_mark(*c)).count() > MAX_MARKS;
    if !text.is_ascii() && text.graphemes(true).any(piled) {
        return Err(Error::bad_request(format!("{what} cannot hold more than {MAX_MARKS} marks on one character")));
    }
    Ok(())
}

/// # Errors
/// `BadRequest`, beginning with `what`, for more than `most` Unicode scalar values.
pub fn refuse_longer(text: &str, most: usize, what: &str) -> Result<()> {
    if text.chars().nth(most).is_some() {
        return Err(Error::bad_request(format!("{what} can hold at most {most} characters")));
    }
    Ok(())
}
