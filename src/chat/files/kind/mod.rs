//! What a file is: told by its bytes, not by what its sender says. Most formats show themselves in the first bytes; what
//! holds other things is looked into once all of it is there. Only plain text, which has no first bytes, is believed, if
//! all of it is UTF-8.

mod archive;
mod compound;
mod probe;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
mod text;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod told;
mod tracks;

use crate::error::Result;
use probe::Untold;
pub(super) use probe::{Probe, Stored};
pub(super) use text::Text;
use tracks::Media;

/// As many of the first bytes as are looked at before any is kept.
pub(super) const SNIFFED_BYTES: usize = 8 * 1024;
/// As many of the first bytes as are held until the end: most films, sounds and small documents tell all in them.
pub(super) const HELD_BYTES: usize = 64 * 1024;

const PLAIN_TEXT: &str = "text/plain";
const OCTET_STREAM: &str = "application/octet-stream";

/// The type that a file seems to have by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is this, whatever follows.
    Sniffed(&'static str),
    /// It is this, unless all of it is the text that its sender calls it: `BM` begins a picture, and `BMW`.
    SniffedOrText(&'static str),
    /// What is in it tells what it is; where that tells nothing, it is the second.
    Container(Container, &'static str),
    /// It is text, unless it turns out not to be UTF-8.
    Text,
    Unknown,
}

/// Formats that hold other things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::chat::files) enum Container {
    Archive,
    Compound,
    Media(Media),
}

impl Kind {
    /// By the first bytes, and by `declared` whether what these do not tell may be text.
    pub fn of(head: &[u8], declared: Option<&str>) -> Self {
        let sniffed = infer::get(head).map(|kind| kind.mime_type());
        if let Some(container) = Container::of(head) {
            return Kind::Container(container, container.name());
        }
        let is_called_text = declared.is_some_and(|declared| family(declared, "text"));
        match sniffed {
            Some(name) if is_called_text && !is_written(name, head) => Kind::SniffedOrText(name),
            Some(name) => Kind::Sniffed(name),
            None if is_called_text => Kind::Text,
            None => Kind::Unknown,
        }
    }

    /// All types that the file can turn out to have, the likeliest first.
    pub fn candidates(self) -> Vec<&'static str> {
        match self {
            Kind::Sniffed(name) => vec![name],
            Kind::SniffedOrText(name) => vec![name, PLAIN_TEXT],
            Kind::Container(container, name) => std::iter::once(name).chain(container.types()).collect(),
            Kind::Text => vec![PLAIN_TEXT, OCTET_STREAM],
            Kind::Unknown => vec![OCTET_STREAM],
        }
    }

    /// The type as it is kept, once all bytes have been seen.
    ///
    /// # Errors
    /// Those of reading what is stored.
    pub async fn settle(self, text: &Text, probe: &mut Probe<'_>) -> Result<&'static str> {
        Ok(match self {
            Kind::Sniffed(name) => name,
            Kind::SniffedOrText(_) if text.is_whole() => PLAIN_TEXT,
            Kind::SniffedOrText(name) => name,
            Kind::Container(container, name) => container.judge(probe).await?.unwrap_or(name),
            Kind::Text if text.is_whole() => PLAIN_TEXT,
            Kind::Text | Kind::Unknown => OCTET_STREAM,
        })
    }

    /// Whether more than the first bytes are needed to tell.
    pub fn is_container(self) -> bool {
        matches!(self, Kind::Container(..))
    }

    /// Whether a small picture is made of it.
    pub fn is_picture(self) -> bool {
        let (Kind::Sniffed(name) | Kind::SniffedOrText(name)) = self else { return false };
        matches!(name, "image/jpeg" | "image/png" | "image/gif" | "image/webp")
    }
}

impl Container {
    fn of(head: &[u8]) -> Option<Self> {
        match head {
            // The second begins an empty archive, the third one that was cut into parts and came together again.
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, ..] => Some(Self::Archive),
            [b'P', b'K', b'0', b'0', b'P', b'K', 3, 4, ..] => Some(Self::Archive),
            [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => Some(Self::Compound),
            _ => Media::of(head).map(Self::Media),
        }
    }

    fn types(self) -> Box<dyn Iterator<Item = &'static str>> {
        match self {
            Self::Archive => Box::new(archive::types()),
            Self::Compound => Box::new(compound::types()),
            Self::Media(media) => Box::new(media.types()),
        }
    }

    /// What one is called that tells nothing more.
    fn name(self) -> &'static str {
        self.types().next().unwrap_or(OCTET_STREAM)
    }

    async fn judge(self, probe: &mut Probe<'_>) -> Result<Option<&'static str>> {
        let told = match self {
            Self::Archive => archive::judge(probe).await.map(Some),
            Self::Compound => compound::judge(probe).await.map(Some),
            Self::Media(media) => media.judge(probe).await,
        };
        match told {
            Ok(told) => Ok(told),
            Err(Untold::Malformed) => Ok(None),
            Err(Untold::Storage(error)) => Err(error),
        }
    }
}

/// Whether a file of this type can be made of text alone. Words that begin one may stand further behind in plain text.
fn is_written(name: &str, head: &[u8]) -> bool {
    match name {
        "application/pdf" => head.trim_ascii_start().starts_with(b"%PDF"),
        "application/rtf" | "application/postscript" | "application/x-x509-ca-cert" => true,
        name => family(name, "text"),
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
