//! What a file is: told by its first bytes, not by what its sender says. Only plain text, which has no first bytes,
//! is believed, if all of it is UTF-8.

/// As many of the first bytes as are looked at.
pub(super) const SNIFFED_BYTES: usize = 8 * 1024;

const PLAIN_TEXT: &str = "text/plain";
const OCTET_STREAM: &str = "application/octet-stream";

/// The type that a file seems to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sniffed(&'static str),
    /// Unless it turns out not to be UTF-8.
    Text,
    Unknown,
}

impl Kind {
    /// By the first bytes, and by `declared` whether what these do not tell may be text.
    pub fn of(head: &[u8], declared: Option<&str>) -> Self {
        match infer::get(head) {
            Some(kind) => Kind::Sniffed(kind.mime_type()),
            None if declared.is_some_and(|declared| family(declared, "text")) => Kind::Text,
            None => Kind::Unknown,
        }
    }

    /// The type as it is kept, once all bytes have been seen.
    pub fn name(self, text: &Text) -> &'static str {
        match self {
            Kind::Sniffed(name) => name,
            Kind::Text if text.is_whole() => PLAIN_TEXT,
            Kind::Text | Kind::Unknown => OCTET_STREAM,
        }
    }

    /// Whether a small picture is made of it.
    pub fn is_picture(self) -> bool {
        matches!(self, Kind::Sniffed("image/jpeg" | "image/png" | "image/gif" | "image/webp"))
    }
}

fn family(kind: &str, wanted: &str) -> bool {
    kind.split_once('/').is_some_and(|(family, _)| family.trim().eq_ignore_ascii_case(wanted))
}

/// What names of text say that a browser, or a system that goes by names, might run.
const RUNNABLE_EXTENSIONS: [&str; 18] = [
    "bat", "cmd", "css", "hta", "htm", "html", "js", "mht", "mhtml", "mjs", "ps1", "sh", "shtml", "svg", "vbs", "xht",
    "xhtml", "xml",
];

/// Whether a browser that is handed bytes of this type under this name only shows or plays them. Everything else is a
/// download: markup runs scripts, and so may a document.
pub fn is_shown(content_type: &str, file_name: &str) -> bool {
    let shown = ["image", "audio", "video"].iter().any(|wanted| family(content_type, wanted));
    let runs = |extension: &str| RUNNABLE_EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known));
    match content_type {
        PLAIN_TEXT => !file_name.rsplit_once('.').is_some_and(|(_, extension)| runs(extension.trim())),
        _ => shown && !content_type.contains("xml"),
    }
}

/// Tells whether bytes are UTF-8 without U+0000, however they are cut.
#[derive(Default)]
pub(super) struct Text {
    /// The bytes of a character that goes on in the next piece.
    open: Vec<u8>,
    broken: bool,
}

impl Text {
    pub fn take(&mut self, piece: &[u8]) {
        if self.broken {
            return;
        }
        let mut rest = piece;
        while let (false, [first, after @ ..]) = (self.open.is_empty() || self.broken, rest) {
            self.open.push(*first);
            rest = after;
            match std::str::from_utf8(&self.open) {
                Ok(_) => self.open.clear(),
                Err(cause) => self.broken = cause.error_len().is_some(),
            }
        }
        self.broken |= rest.contains(&0);
        if let Err(cause) = std::str::from_utf8(rest) {
            self.broken |= cause.error_len().is_some();
            self.open = rest[cause.valid_up_to()..].to_vec();
        }
    }

    /// Whether all that came is text, and no character is left half.
    fn is_whole(&self) -> bool {
        !self.broken && self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &[u8], piece: usize) -> bool {
        let mut text = Text::default();
        bytes.chunks(piece).for_each(|piece| text.take(piece));
        text.is_whole()
    }

    #[test]
    fn the_bytes_tell_the_type_and_the_sender_does_not() {
        let cases: [(&[u8], Option<&str>, &str); 12] = [
            (b"\x89PNG\r\n\x1a\n<script>alert(1)</script>", Some("text/html"), "image/png"),
            (b"\xff\xd8\xff\xe0", None, "image/jpeg"),
            (b"GIF89a", Some("image/png"), "image/gif"),
            (b"%PDF-1.7", Some("text/plain"), "application/pdf"),
            (b"<!DOCTYPE html><script>", Some("image/png"), "text/html"),
            (b"<?xml version=\"1.0\"?><svg>", Some("image/svg+xml"), "text/xml"),
            (b"<svg onload=alert(1)>", Some("image/svg+xml"), "application/octet-stream"),
            (b"<svg onload=alert(1)>", Some("text/html"), "text/plain"),
            (b"a,b\n1,2\n", Some("text/csv; charset=utf-8"), "text/plain"),
            (b"a,b\n1,2\n", Some("application/json"), "application/octet-stream"),
            (b"caf\xe9", Some("text/plain"), "application/octet-stream"),
            (b"a\0b", Some("text/plain"), "application/octet-stream"),
        ];
        for (bytes, declared, expected) in cases {
            let mut text = Text::default();
            text.take(bytes);
            assert_eq!(Kind::of(bytes, declared).name(&text), expected, "{bytes:?} as {declared:?}");
        }
    }

    #[test]
    fn what_a_browser_might_run_is_not_shown() {
        for shown in ["image/png", "video/mp4", "audio/mpeg", "text/plain"] {
            assert!(is_shown(shown, "a.xml.txt"), "{shown}");
        }
        for kept in
            ["text/html", "text/xml", "image/svg+xml", "application/pdf", "application/octet-stream", "text/css"]
        {
            assert!(!is_shown(kept, "a.txt"), "{kept}");
        }
        for name in ["a.html", "a.JS", "a.svg ", ".xhtml"] {
            assert!(!is_shown(PLAIN_TEXT, name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn text_is_text_however_it_is_cut(words in "[^\0]{0,40}", piece in 1_usize..7) {
            prop_assert!(text(words.as_bytes(), piece));
            prop_assert_eq!(text(&[words.as_bytes(), &[0xc3]].concat(), piece), false);
        }

        #[test]
        fn any_bytes_are_judged_as_if_they_came_at_once(bytes in proptest::collection::vec(1_u8.., 0..12), piece in 1_usize..5) {
            prop_assert_eq!(text(&bytes, piece), std::str::from_utf8(&bytes).is_ok());
        }
    }
}
