//! The content of a message: text stays as it is, byte for byte; what an HTML parser would find markup in is cleaned, so
//! that it is safe wherever it is shown. It knows nothing of who may send.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};

use super::characters::{is_blank, refuse_controls, refuse_longer};
use super::elements::{ALLOWED, HTML, is_among};
use super::markup::{Kind, Piece, pieces};
use crate::error::{Error, Result};

const A_MESSAGE: &str = "A message";

/// Tags in a message, opening and closing ones, before and after cleaning. An HTML parser repeats open formatting in
/// every paragraph, so its work and its output can grow with the square of this.
const MAX_TAGS: usize = 256;
/// Cleaning twice is enough for nearly everything; what moves on after this is shown as text.
const MAX_ROUNDS: usize = 4;
/// Bytes of stored content for each character that a message may hold: `&` becomes `&amp;`, a link gets its `rel`.
const MAX_BYTES_PER_CHAR: usize = 8;

/// The content to store, or `None` where there is none and attachments stand for it (protocol §7).
///
/// `limit` counts Unicode scalar values of `raw`. Text comes back unchanged, and so does what is in angle brackets and
/// nothing that a browser would act on (`Ask Ann <ann@example.com>`, `Vec<String>`, `<3`), also beside the tags `b`,
/// `strong`, `i`, `em`, `u`, `s`, `code`, `pre`, `blockquote`, `p`, `br`, `ul`, `ol` and `li` without attributes. A link
/// `a` keeps an `href` of http, https or mailto and gets a `rel`; `a<b && c>d` keeps all its words, the `<` as `&lt;`.
/// Content with anything else (other elements, attributes, comments, doctypes) is cleaned to these tags. Markup too
/// intricate to clean (over 256 tags, or changing with each cleaning) is escaped and thus shown as text. Cleaning what
/// was cleaned changes nothing, and the result has at most `8 * limit` bytes.
///
/// # Errors
/// `BadRequest` for too many characters, for control characters other than `\n`, `\r` and `\t` (written out or as
/// `&#27;` within markup), for more than 32 combining marks on one character, and for content in which nothing can be
/// seen, without attachments.
pub fn content(raw: &str, limit: usize, has_attachments: bool) -> Result<Option<String>> {
    refuse_longer(raw, limit, A_MESSAGE)?;
    refuse_controls(raw, A_MESSAGE)?;
    let most = limit.saturating_mul(MAX_BYTES_PER_CHAR);
    let Safe { kept, read, has_harmless } = match pieces(raw).next() {
        None => Safe::plain(raw.to_owned()),
        Some(_) => beside_tags(raw, most).unwrap_or_else(|| Safe::plain(clean(raw, most))),
    };
    // A parser may read what does not stand there as it is, such as `&#27;`, or marks that a tag stood between.
    refuse_controls(&read, A_MESSAGE)?;
    match (is_blank(&readable(&read)) && !has_harmless, has_attachments) {
        (false, _) => Ok(Some(kept)),
        (true, true) => Ok(None),
        (true, false) => Err(Error::bad_request("A message needs content or an attachment")),
    }
}

/// Content that is safe wherever it is shown.
struct Safe {
    kept: String,
    /// What a parser reads in it.
    read: String,
    /// Whether it holds what a parser reads as nothing, and people as what they wrote.
    has_harmless: bool,
}

impl Safe {
    /// What is read as it stands there.
    fn plain(kept: String) -> Self {
        Safe { read: kept.clone(), kept, has_harmless: false }
    }
}

/// Whether nothing but text and what is as harmless stands in it.
fn as_text(raw: &str) -> bool {
    pieces(raw).all(|piece| piece.kind == Kind::Harmless)
}

/// What a reader sees of stored content: without its tags, and then with the characters that stand for themselves.
/// Content without tags is itself.
pub(super) fn readable(content: &str) -> Cow<'_, str> {
    if as_text(content) {
        return Cow::Borrowed(content);
    }
    let mut text = String::with_capacity(content.len());
    let mut from = 0;
    for Piece { at, kind } in pieces(content) {
        let gap = match kind {
            Kind::Harmless | Kind::Misread => continue,
            Kind::Allowed { is_inline: true } | Kind::Link => "",
            Kind::Allowed { is_inline: false } | Kind::Acting => "\n",
        };
        text.push_str(&content[from..at.start]);
        text.push_str(gap);
        from = at.end;
    }
    text.push_str(&content[from..]);
    // `&amp;` is the last one, or `&amp;lt;` would be read twice.
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u{A0}").replace("&amp;", "&");
    Cow::Owned(text)
}

/// Content as it is, with allowed tags, and links in their one form. `None` where there is more to clean, and where the
/// cleaner, who is asked about the same content with everything but its tags escaped, reads something else.
fn beside_tags(raw: &str, most: usize) -> Option<Safe> {
    let (mut kept, mut plain) = (String::with_capacity(raw.len()), String::with_capacity(raw.len()));
    let (mut tags, mut has_harmless, mut from) = (0, false, 0);
    for Piece { at, kind } in pieces(raw) {
        let (text, piece) = (&raw[from..at.start], &raw[at.clone()]);
        let (tag, read) = match kind {
            Kind::Harmless => (Cow::Borrowed(piece), false),
            Kind::Misread => (Cow::Borrowed("&lt;"), true),
            Kind::Allowed { .. } => (Cow::Borrowed(piece), true),
            Kind::Link => (Cow::Owned(link(piece)?), true),
            Kind::Acting => return None,
        };
        has_harmless |= kind == Kind::Harmless;
        tags += usize::from(matches!(kind, Kind::Allowed { .. } | Kind::Link));
        if tags > MAX_TAGS {
            return None;
        }
        kept.extend([text, &tag]);
        plain.push_str(&escape_brackets(text));
        plain.push_str(if read { &tag } else { "" });
        from = at.end;
    }
    kept.push_str(&raw[from..]);
    plain.push_str(&escape_brackets(&raw[from..]));
    if kept.len() > most {
        return None;
    }
    if tags == 0 {
        return Some(Safe { kept, read: plain, has_harmless });
    }
    let read = CLEANER.clean(&plain).to_string();
    let is_read_so = CLEANER.clean(&rename_foreign(&kept)).to_string() == read;
    is_read_so.then_some(Safe { kept, read, has_harmless })
}

/// The opening tag of a link as the cleaner writes it.
fn link(tag: &str) -> Option<String> {
    CLEANER.clean(tag).to_string().strip_suffix("</a>").map(str::to_owned)
}

/// Markup made safe, a fixed point of itself, in bounded time and at most `most` bytes. Nothing in it that is text is
/// lost.
fn clean(raw: &str, most: usize) -> String {
    let mut text = rename_foreign(&escape_text(raw));
    for _ in 0..MAX_ROUNDS {
        if tags(&text) > MAX_TAGS || text.len() > most {
            break;
        }
        let next = cleaned(&text);
        if next == text || tags(&next) == 0 && next.len() <= most {
            return next;
        }
        text = next;
    }
    escape(raw)
}

/// Escapes what looks like a tag and is text, so that a parser does not take it for one. The end of a tag that goes is no
/// text.
fn escape_text(raw: &str) -> String {
    let name = |tag: &str| {
        let name =
            tag.trim_start_matches(['<', '/']).split(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'));
        name.into_iter().next().unwrap_or_default().to_ascii_lowercase()
    };
    let acting = pieces(raw).filter(|piece| piece.kind == Kind::Acting);
    let acting: HashSet<String> = acting.map(|piece| name(&raw[piece.at])).collect();
    let mut escaped = String::with_capacity(raw.len());
    let mut from = 0;
    for Piece { at, kind } in pieces(raw) {
        escaped.push_str(&raw[from..at.start]);
        let piece = &raw[at.clone()];
        match kind {
            Kind::Harmless if piece.starts_with("</") && acting.contains(&name(piece)) => escaped.push_str(piece),
            Kind::Harmless | Kind::Misread => escaped.push_str(&piece.replace('<', "&lt;")),
            Kind::Allowed { .. } | Kind::Link | Kind::Acting => escaped.push_str(piece),
        }
        from = at.end;
    }
    escaped + &raw[from..]
}

/// Gives another name to tags that the cleaner knows from SVG and MathML only. Outside of `svg` and `math` a parser takes
/// `<path>` or `<list>` for an unknown tag like any other, whose text stays; the cleaner would drop the text with it.
pub(super) fn rename_foreign(text: &str) -> String {
    let names: Vec<(usize, &str)> = text
        .match_indices('<')
        .map(|(at, _)| at + 1 + usize::from(text[at + 1..].starts_with('/')))
        .filter_map(|at| Some((at, text.get(at..at + text[at..].find(|c: char| !c.is_ascii_alphanumeric())?)?)))
        .collect();
    let is = |name: &str, wanted: &str| name.eq_ignore_ascii_case(wanted);
    if names.iter().any(|(_, name)| is(name, "svg") || is(name, "math")) {
        return text.to_owned();
    }
    let mut renamed = String::with_capacity(text.len());
    let mut from = 0;
    for (at, name) in names {
        if name.starts_with(|c: char| c.is_ascii_alphabetic()) && !is_among(HTML, name) {
            renamed.push_str(&text[from..at]);
            renamed.push_str("x-");
            from = at;
        }
    }
    renamed + &text[from..]
}

/// Text as HTML shows it literally, also within a quoted attribute's double quotes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What the cleaner makes of it. A parser eats the line break that begins a `pre`, and the writer does not give it back.
pub(super) fn cleaned(text: &str) -> String {
    CLEANER.clean(text).to_string().replace("<pre>\n", "<pre>\n\n")
}

fn escape_brackets(text: &str) -> String {
    text.replace('<', "&lt;").replace('>', "&gt;")
}

/// Tags that a parser would find.
fn tags(text: &str) -> usize {
    pieces(text).filter(|piece| !matches!(piece.kind, Kind::Misread)).count()
}

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder
        .tags(ALLOWED.split_ascii_whitespace().collect::<HashSet<_>>())
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"]))]))
        .generic_attributes(HashSet::new())
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"));
    builder
});
