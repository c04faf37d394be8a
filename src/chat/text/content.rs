//! The content of a message: plain text stays as it is, byte for byte; what an HTML parser would take for markup is
//! cleaned, so that it is safe wherever it is shown. It knows nothing of who may send.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};

use super::characters::{has_markup, is_blank, opens_markup, refuse_controls, refuse_longer};
use crate::error::{Error, Result};

const A_MESSAGE: &str = "A message";

/// Tags that cleaning leaves, without attributes but the `href` and the `rel` of `a`.
const ALLOWED_TAGS: [&str; 15] =
    ["a", "b", "blockquote", "br", "code", "em", "i", "li", "ol", "p", "pre", "s", "strong", "u", "ul"];
/// Of these, the ones inside a line: taken away, they leave no gap between words.
const INLINE_TAGS: [&str; 8] = ["a", "b", "code", "em", "i", "s", "strong", "u"];

/// The elements of HTML, those of old included: a parser may treat each of them in its own way.
const HTML_TAGS: [&str; 147] = [
    "a",
    "abbr",
    "acronym",
    "address",
    "applet",
    "area",
    "article",
    "aside",
    "audio",
    "b",
    "base",
    "basefont",
    "bdi",
    "bdo",
    "bgsound",
    "big",
    "blink",
    "blockquote",
    "body",
    "br",
    "button",
    "canvas",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "command",
    "content",
    "data",
    "datalist",
    "dd",
    "del",
    "details",
    "dfn",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "element",
    "em",
    "embed",
    "fieldset",
    "figcaption",
    "figure",
    "font",
    "footer",
    "form",
    "frame",
    "frameset",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hgroup",
    "hr",
    "html",
    "i",
    "iframe",
    "image",
    "img",
    "input",
    "ins",
    "isindex",
    "kbd",
    "keygen",
    "label",
    "legend",
    "li",
    "link",
    "listing",
    "main",
    "map",
    "mark",
    "marquee",
    "menu",
    "menuitem",
    "meta",
    "meter",
    "multicol",
    "nav",
    "nextid",
    "nobr",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "ol",
    "optgroup",
    "option",
    "output",
    "p",
    "param",
    "picture",
    "plaintext",
    "pre",
    "progress",
    "q",
    "rb",
    "rp",
    "rt",
    "rtc",
    "ruby",
    "s",
    "samp",
    "script",
    "search",
    "section",
    "select",
    "selectedcontent",
    "shadow",
    "slot",
    "small",
    "source",
    "spacer",
    "span",
    "strike",
    "strong",
    "style",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "template",
    "textarea",
    "tfoot",
    "th",
    "thead",
    "time",
    "title",
    "tr",
    "track",
    "tt",
    "u",
    "ul",
    "var",
    "video",
    "wbr",
    "xmp",
];

/// Tags in a message, opening and closing ones, before and after cleaning. An HTML parser repeats open formatting in
/// every paragraph, so its work and its output can grow with the square of this.
const MAX_TAGS: usize = 256;
/// Cleaning twice is enough for nearly everything; what moves on after this is shown as text.
const MAX_ROUNDS: usize = 4;
/// Bytes of stored content for each character that a message may hold: `&` becomes `&amp;`, a link gets its `rel`.
const MAX_BYTES_PER_CHAR: usize = 8;

/// The content to store, or `None` where there is none and attachments stand for it (protocol §7).
///
/// `limit` counts Unicode scalar values of `raw`. Text without markup comes back unchanged. Text with markup keeps the
/// tags `b`, `strong`, `i`, `em`, `u`, `s`, `code`, `pre`, `blockquote`, `p`, `br`, `ul`, `ol`, `li` and `a` with an
/// `href` of http, https or mailto. `a<b` opens a tag for an HTML parser; where no `>` follows, the `<` becomes `&lt;`
/// and nothing is lost, otherwise everything up to the `>` is taken for the tag. Markup too intricate to clean (over
/// 256 tags, or changing with each cleaning) is escaped and thus shown as text. Cleaning what was cleaned changes
/// nothing, and the result has at most `8 * limit` bytes.
///
/// # Errors
/// `BadRequest` for too many characters, for control characters other than `\n`, `\r` and `\t` (written out or as
/// `&#27;` within markup), for more than 32 combining marks on one character, and for content in which nothing can be
/// seen, without attachments.
pub fn content(raw: &str, limit: usize, has_attachments: bool) -> Result<Option<String>> {
    refuse_longer(raw, limit, A_MESSAGE)?;
    refuse_controls(raw, A_MESSAGE)?;
    let kept = if has_markup(raw) {
        let cleaned = clean(raw, limit.saturating_mul(MAX_BYTES_PER_CHAR));
        refuse_controls(&cleaned, A_MESSAGE)?;
        cleaned
    } else {
        raw.to_owned()
    };
    match (is_blank(&readable(&kept)), has_attachments) {
        (false, _) => Ok(Some(kept)),
        (true, true) => Ok(None),
        (true, false) => Err(Error::bad_request("A message needs content or an attachment")),
    }
}

/// What a reader sees of stored content: without tags, and with the characters that cleaning escaped. Content without
/// markup is itself.
pub(super) fn readable(content: &str) -> Cow<'_, str> {
    if !has_markup(content) {
        return Cow::Borrowed(content);
    }
    let mut text = String::with_capacity(content.len());
    let mut rest = content;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if !opens_markup(rest.as_bytes()) {
            text.push('<');
            rest = &rest[1..];
            continue;
        }
        let (tag, after) = rest.split_at(tag_length(rest));
        let name = tag.trim_matches(['<', '/', '>']).split_ascii_whitespace().next().unwrap_or_default();
        if !INLINE_TAGS.contains(&name) {
            text.push('\n');
        }
        rest = after;
    }
    text.push_str(rest);
    // `&amp;` is the last one, or `&amp;lt;` would be read twice.
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u{A0}").replace("&amp;", "&");
    Cow::Owned(text)
}

/// The bytes of the tag that `text` begins with, to its `>` outside of quotes, or to the end.
fn tag_length(text: &str) -> usize {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'>' if !quoted => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Markup made safe, a fixed point of itself, in bounded time and at most `most` bytes.
fn clean(raw: &str, most: usize) -> String {
    let mut text = rename_foreign(&escape_tail(raw));
    for _ in 0..MAX_ROUNDS {
        if tags(&text) > MAX_TAGS || text.len() > most {
            break;
        }
        // A parser eats the line break that begins a `pre`, and the writer does not give it back.
        let next = CLEANER.clean(&text).to_string().replace("<pre>\n", "<pre>\n\n");
        if next == text || !has_markup(&next) && next.len() <= most {
            return next;
        }
        text = next;
    }
    escape(raw)
}

/// No tag can end behind the last `>`: what seems to begin one there (`if a<b then`) is text that a parser would
/// swallow.
fn escape_tail(raw: &str) -> String {
    let (head, tail) = raw.split_at(raw.rfind('>').map_or(0, |at| at + 1));
    head.to_owned() + &tail.replace('<', "&lt;")
}

/// Gives another name to tags that the cleaner knows from SVG and MathML only. Outside of `svg` and `math` a parser takes
/// `<path>` or `<list>` for an unknown tag like any other, whose text stays; the cleaner would drop the text with it.
fn rename_foreign(text: &str) -> String {
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
        if name.starts_with(|c: char| c.is_ascii_alphabetic()) && !HTML_TAGS.iter().any(|known| is(name, known)) {
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

fn tags(text: &str) -> usize {
    text.match_indices('<').filter(|(at, _)| opens_markup(&text.as_bytes()[*at..])).count()
}

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder
        .tags(HashSet::from(ALLOWED_TAGS))
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"]))]))
        .generic_attributes(HashSet::new())
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"));
    builder
});
