//! Films and sounds by their tracks: the four containers of what people record and send, each of which says of a track
//! whether it is seen or heard. What has no track to be seen is a sound.

mod asf;
mod matroska;
mod mp4;
mod ogg;
mod seen_or_heard;

use super::probe::{Probe, Told};
use seen_or_heard::Types;

/// A container of films and sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::chat::files) enum Media {
    Asf,
    Matroska,
    Mp4,
    Ogg,
}

impl Media {
    /// The container that a file begins like.
    pub fn of(head: &[u8]) -> Option<Self> {
        let boxes: [&[u8]; 7] = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"];
        match head {
            [b'O', b'g', b'g', b'S', ..] => Some(Self::Ogg),
            [0x1a, 0x45, 0xdf, 0xa3, ..] => Some(Self::Matroska),
            _ if head.starts_with(&asf::HEADER) => Some(Self::Asf),
            _ if head.get(4..8) == Some(b"ftyp") && head.get(8..12).is_some_and(mp4::is_picture) => None,
            // The length of the first box is short, or those of the data.
            [0 | 1, _, _, _, ..] if head.get(4..8).is_some_and(|name| boxes.contains(&name)) => Some(Self::Mp4),
            _ if head.get(4..8) == Some(b"mdat") => Some(Self::Mp4),
            _ => None,
        }
    }

    /// All types that such a file can turn out to have; first what it is that tells nothing of its tracks.
    pub fn types(self) -> impl Iterator<Item = &'static str> {
        let types: &[Types] = match self {
            Self::Asf => &[asf::TYPES],
            Self::Matroska => &[matroska::MATROSKA, matroska::WEBM],
            Self::Mp4 => &mp4::TYPES,
            Self::Ogg => &[ogg::TYPES],
        };
        let sound_first = self == Self::Ogg;
        types
            .iter()
            .flat_map(move |types| if sound_first { [types.sound, types.film] } else { [types.film, types.sound] })
    }

    /// What the file is; none where it tells nothing of its tracks.
    pub(super) async fn judge(self, probe: &mut Probe<'_>) -> Told<Option<&'static str>> {
        match self {
            Self::Asf => Ok(asf::TYPES.of(asf::tracks(probe).await?)),
            Self::Matroska => matroska::judge(probe).await,
            Self::Mp4 => mp4::judge(probe).await,
            Self::Ogg => ogg::judge(probe).await.map(Some),
        }
    }
}
