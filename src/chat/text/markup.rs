//! What an HTML tokenizer would take for something else than text, and what a browser would make of it. It changes
//! nothing. The steps are those of the tokenizer of the HTML standard (§13.2.5), from its data state.

use std::ops::Range;

use super::elements::{ALLOWED, INLINE, is_among, is_attribute, is_element};

/// A stretch of text that a tokenizer would not take for text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub at: Range<usize>,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing that a browser would act on, such as `<ann@example.com>`, `</3` or `<?`: a tag of a name that is no
    /// element's, without attributes that mean anything; a comment by mistake; a tag of that kind, or of one that is
    /// allowed, which never ends.
    Harmless,
    /// The `<` alone of what reads as text and would still lose words or act as a tag, such as `<b && c>`: to be shown
    /// as text.
    Misread,
    /// A tag of the allow-list without attributes.
    Allowed { is_inline: bool },
    /// A link with its attributes, whatever these are.
    Link,
    /// Everything else: other elements, attributes, comments, doctypes.
    Acting,
}

/// The pieces of a text from its beginning to its end, in time that grows with its length alone.
pub(super) fn pieces(text: &str) -> Pieces<'_> {
    let last_comment = ["-->", "--!>"].iter().filter_map(|end| text.rfind(end)).max();
    Pieces { text, from: 0, last_end: text.rfind('>'), last_comment, is_tail_misread: false }
}

/// Whether a text has markup in it: anything that a browser would act on, be it allowed in messages.
pub(super) fn has_markup(text: &str) -> bool {
    pieces(text).any(|piece| piece.kind != Kind::Harmless)
}

pub(super) struct Pieces<'t> {
    text: &'t str,
    from: usize,
    /// Where the last `>` stands, and the last end of a comment.
    last_end: Option<usize>,
    last_comment: Option<usize>,
    /// Whether what stands behind the last `>` is known to be text.
    is_tail_misread: bool,
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        loop {
            let start = self.from + self.text.get(self.from..)?.find('<')?;
            self.from = start + 1;
            if let Some((length, kind)) = self.read(start) {
                self.from = start + length;
                return Some(Piece { at: start..self.from, kind });
            }
        }
    }
}

impl Pieces<'_> {
    /// What begins with the `<` at `start`, and how many bytes of it; `None` where it is text.
    fn read(&mut self, start: usize) -> Option<(usize, Kind)> {
        let text = &self.text[start..];
        let may_end = self.last_end.is_some_and(|end| start < end);
        let read = match text.as_bytes().get(1..)? {
            [first, ..] if first.is_ascii_alphabetic() => self.tag(text, may_end, 1),
            [b'/', first, ..] if first.is_ascii_alphabetic() => self.tag(text, may_end, 2),
            [b'!', b'-', b'-', ..] => self.comment(text, start),
            [b'!', rest @ ..] if rest.get(..7).is_some_and(|word| word.eq_ignore_ascii_case(b"doctype")) => {
                text.find('>').map_or(MISREAD, |end| (end + 1, Kind::Acting))
            }
            // Comments by mistake, which end with the first `>` and hold nothing that could end them sooner elsewhere.
            [b'!' | b'?', ..] | [b'/', _, ..] => (text.find('>').map_or(text.len(), |end| end + 1), Kind::Harmless),
            _ => return None,
        };
        self.is_tail_misread |= !may_end && read == MISREAD;
        Some(read)
    }

    fn tag(&self, text: &str, may_end: bool, name: usize) -> (usize, Kind) {
        match self.is_tail_misread && !may_end {
            true => MISREAD,
            false => Tag::read(text, name).piece(name == 2),
        }
    }

    /// A comment up to its end; one that never ends would swallow all that follows.
    fn comment(&self, text: &str, start: usize) -> (usize, Kind) {
        let body = &text[4..];
        if let Some(end) = [">", "->"].iter().find(|end| body.starts_with(**end)) {
            return (4 + end.len(), Kind::Acting);
        }
        if self.last_comment.is_none_or(|last| last < start + 4) {
            return MISREAD;
        }
        let ends = ["-->", "--!>"].iter().filter_map(|end| Some(body.find(end)? + end.len()));
        ends.min().map_or(MISREAD, |end| (4 + end, Kind::Acting))
    }
}

/// The `<` alone.
const MISREAD: (usize, Kind) = (1, Kind::Misread);

/// A tag as the tokenizer reads it.
struct Tag<'t> {
    name: &'t str,
    /// Bytes up to its `>`, or of all that is left.
    length: usize,
    ends: bool,
    has_attributes: bool,
    has_values: bool,
    /// An attribute that a browser knows on any element.
    has_known: bool,
    /// A value in quotes that never ends.
    is_open: bool,
}

impl<'t> Tag<'t> {
    /// Reads a tag whose name begins at `start`.
    fn read(text: &'t str, start: usize) -> Self {
        let bytes = text.as_bytes();
        let until = |from: usize, ends: &dyn Fn(u8) -> bool| {
            bytes[from..].iter().position(|byte| ends(*byte)).map_or(bytes.len(), |end| from + end)
        };
        let is_gap = |byte: u8| byte.is_ascii_whitespace() || byte == b'/';
        let name_end = until(start, &|byte| is_gap(byte) || byte == b'>');
        let mut tag = Tag {
            name: &text[start..name_end],
            length: bytes.len(),
            ends: false,
            has_attributes: false,
            has_values: false,
            has_known: false,
            is_open: false,
        };
        let mut at = name_end;
        loop {
            at = until(at, &|byte| !is_gap(byte));
            match bytes.get(at) {
                None => return tag,
                Some(b'>') => {
                    (tag.ends, tag.length) = (true, at + 1);
                    return tag;
                }
                Some(_) => {}
            }
            // A `=` that begins a name is part of it.
            let end = until(at + 1, &|byte| is_gap(byte) || matches!(byte, b'>' | b'='));
            tag.has_attributes = true;
            tag.has_known = tag.has_known || is_attribute(&text[at..end]);
            at = until(end, &|byte| !byte.is_ascii_whitespace());
            if bytes.get(at) != Some(&b'=') {
                continue;
            }
            tag.has_values = true;
            at = until(at + 1, &|byte| !byte.is_ascii_whitespace());
            at = match bytes.get(at) {
                Some(quote @ (b'"' | b'\'')) => match until(at + 1, &|byte| byte == *quote) {
                    end if end == bytes.len() => {
                        tag.is_open = true;
                        return tag;
                    }
                    end => end + 1,
                },
                _ => until(at, &|byte| byte.is_ascii_whitespace() || byte == b'>'),
            };
        }
    }

    /// How much of the text it is, and what.
    fn piece(&self, is_closing: bool) -> (usize, Kind) {
        let is_allowed = is_among(ALLOWED, self.name);
        let is_unknown = !is_element(self.name);
        let is_plain = !self.has_values && !self.has_known;
        let is_inline = is_among(INLINE, self.name);
        let kind = if !self.ends {
            // Whatever it is put into might end it. The attributes of a closing tag are nothing to anybody.
            match (is_allowed || is_unknown) && (!self.has_known || is_closing) && !self.is_open {
                true => Kind::Harmless,
                false => Kind::Misread,
            }
        } else if is_unknown {
            match (is_plain || is_closing, self.has_values && self.has_known) {
                (true, _) => Kind::Harmless,
                (false, true) => Kind::Acting,
                (false, false) => Kind::Misread,
            }
        } else if !is_allowed {
            Kind::Acting
        } else if is_closing {
            // What stands behind its name is nothing to anybody.
            Kind::Allowed { is_inline }
        } else if self.has_attributes && is_plain {
            Kind::Misread
        } else if self.name.eq_ignore_ascii_case("a") {
            Kind::Link
        } else if self.has_attributes {
            Kind::Acting
        } else {
            Kind::Allowed { is_inline }
        };
        if kind == Kind::Misread { MISREAD } else { (self.length, kind) }
    }
}
