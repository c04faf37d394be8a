//! Short texts that stand for somebody or something: checked, never changed, except a token's name, which nobody can be
//! asked to correct. Lengths are Unicode scalar values.

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use super::characters::{
    MAX_MARKS, is_bidi_control, is_blank, is_control_or_break, is_shapeless, refuse_controls, refuse_longer,
    refuse_piled_marks,
};
use super::markup::{Kind, has_markup, pieces};
use crate::error::{Error, Result};

const MAX_NAME_CHARS: usize = 100;
const MAX_DESCRIPTION_CHARS: usize = 500;
const MAX_FILE_NAME_CHARS: usize = 255;
const MAX_STATUS_MESSAGE_CHARS: usize = 100;
const MAX_TEMP_ID_CHARS: usize = 64;
const MAX_AVATAR_URL_CHARS: usize = 2048;

/// A name of one line, 1 to 100 characters, in which something can be seen; `what` begins the sentences: `The name`.
///
/// # Errors
/// `BadRequest` for a blank or longer one, for markup, control characters, line breaks, bidirectional controls, and
/// more than 32 combining marks on one character (protocol §12).
pub fn name(raw: &str, what: &str) -> Result<String> {
    named(raw, MAX_NAME_CHARS, what)
}

/// The name of a file, 1 to 255 characters, by the rules of [`name`]. It is only text: `../../etc/passwd` is allowed,
/// since no path is ever made of it.
///
/// # Errors
/// As for [`name`].
pub fn file_name(raw: &str) -> Result<String> {
    named(raw, MAX_FILE_NAME_CHARS, "The file name")
}

/// The description of a group, up to 500 characters in any number of lines; it may be empty.
///
/// # Errors
/// `BadRequest` for a longer one, for markup, control characters but `\n`, `\r` and `\t`, and piled marks.
pub fn description(raw: &str) -> Result<String> {
    let what = "The description";
    refuse_longer(raw, MAX_DESCRIPTION_CHARS, what)?;
    refuse_controls(raw, what)?;
    refuse_markup(raw, what)?;
    Ok(raw.to_owned())
}

/// What somebody says of being here, one line up to 100 characters; it may be empty.
///
/// # Errors
/// `BadRequest` for a longer one, for markup, control characters, line breaks and piled marks.
pub fn status_message(raw: &str) -> Result<String> {
    let what = "The status message";
    refuse_longer(raw, MAX_STATUS_MESSAGE_CHARS, what)?;
    line(raw, what)?;
    Ok(raw.to_owned())
}

/// A client's own name for what it sends, 1 to 64 characters.
///
/// # Errors
/// `BadRequest` for an empty or longer one and for control characters.
pub fn temp_id(raw: &str) -> Result<String> {
    if raw.is_empty() {
        return Err(Error::bad_request("The tempId cannot be empty"));
    }
    refuse_longer(raw, MAX_TEMP_ID_CHARS, "The tempId")?;
    if raw.chars().any(is_control_or_break) {
        return Err(Error::bad_request("The tempId cannot hold control characters"));
    }
    Ok(raw.to_owned())
}

/// The address of a picture: http or https with a host, up to 2048 characters. It is never fetched here.
///
/// # Errors
/// `BadRequest` for anything else, and for blanks, controls, unseen characters, quotes, angle brackets and backslashes,
/// which no address holds unencoded.
pub fn avatar_url(raw: &str) -> Result<String> {
    refuse_longer(raw, MAX_AVATAR_URL_CHARS, "The avatar URL")?;
    let stray = |c: char| {
        c.is_whitespace()
            || is_control_or_break(c)
            || is_shapeless(c)
            || matches!(c, '<' | '>' | '"' | '\'' | '`' | '\\')
    };
    let host = raw.split_once("://").and_then(|(scheme, rest)| {
        let web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
        web.then(|| rest.split(['/', '?', '#']).next().unwrap_or_default())
    });
    match host {
        Some(host) if !host.is_empty() && !raw.chars().any(stray) => Ok(raw.to_owned()),
        _ => Err(Error::bad_request("The avatar URL must be an http or https address")),
    }
}

/// The name in a token, made fit to be one: tags, control characters, line breaks, bidirectional controls and marks
/// over 32 on one character are dropped, and 100 characters kept. `None` where nothing is left to be seen; otherwise
/// [`name`] takes it.
pub fn token_name(raw: &str) -> Option<String> {
    // Far more than is kept, so that a name of any size costs the same.
    let raw: String =
        raw.chars().take(8 * MAX_NAME_CHARS).filter(|c| !is_control_or_break(*c) && !is_bidi_control(*c)).collect();
    let bare = without_tags(&raw);
    let kept: String = bare.graphemes(true).flat_map(few_marks).take(MAX_NAME_CHARS).collect();
    (!is_blank(&kept)).then_some(kept)
}

fn named(raw: &str, most: usize, what: &str) -> Result<String> {
    refuse_longer(raw, most, what)?;
    line(raw, what)?;
    if raw.chars().any(is_bidi_control) {
        return Err(Error::bad_request(format!("{what} cannot hold bidirectional controls")));
    }
    if is_blank(raw) {
        return Err(Error::bad_request(format!("{what} cannot be empty")));
    }
    Ok(raw.to_owned())
}

/// Text of one line without markup.
fn line(raw: &str, what: &str) -> Result<()> {
    if raw.chars().any(is_control_or_break) {
        return Err(Error::bad_request(format!("{what} cannot hold line breaks or control characters")));
    }
    refuse_piled_marks(raw, what)?;
    refuse_markup(raw, what)
}

fn refuse_markup(raw: &str, what: &str) -> Result<()> {
    if has_markup(raw) {
        return Err(Error::bad_request(format!("{what} cannot hold markup")));
    }
    Ok(())
}

/// Drops what a browser would act on; should the rest make such a thing by joining, every `<` goes.
fn without_tags(raw: &str) -> String {
    let mut bare = String::with_capacity(raw.len());
    let mut from = 0;
    for piece in pieces(raw).filter(|piece| piece.kind != Kind::Harmless) {
        bare.push_str(&raw[from..piece.at.start]);
        from = piece.at.end;
    }
    bare.push_str(&raw[from..]);
    if has_markup(&bare) { bare.replace('<', "") } else { bare }
}

fn few_marks(grapheme: &str) -> impl Iterator<Item = char> {
    let mut marks = 0;
    grapheme.chars().filter(move |c| {
        marks += usize::from(is_combining_mark(*c));
        !is_combining_mark(*c) || marks <= MAX_MARKS
    })
}
