//! MP4 and its kin, QuickTime among them: boxes in boxes. The box of the film, `moov`, which holds the tracks, may stand
//! before the data or behind it.

use super::super::probe::{Probe, Told, Untold};
use super::seen_or_heard::{Tracks, Types};

/// By the brands that a file may name first. A sound of QuickTime has no type of its own; whatever plays MP4 plays it.
pub(super) const TYPES: [Types; 5] = [MP4, QUICKTIME, M4V, MOBILE, MOBILE_2];
const MP4: Types = Types { film: "video/mp4", sound: "audio/mp4" };
const QUICKTIME: Types = Types { film: "video/quicktime", sound: "audio/mp4" };
const M4V: Types = Types { film: "video/x-m4v", sound: "audio/mp4" };
const MOBILE: Types = Types { film: "video/3gpp", sound: "audio/3gpp" };
const MOBILE_2: Types = Types { film: "video/3gpp2", sound: "audio/3gpp2" };

/// Boxes that are looked at in one other.
const MAX_BOXES: usize = 10_000;

/// What the file is; none where it has no tracks and names no brand of sounds.
pub(super) async fn judge(probe: &mut Probe<'_>) -> Told<Option<&'static str>> {
    let head = probe.up_to(0, 12).await?;
    let brand = head.get(4..).and_then(|head| head.strip_prefix(b"ftyp")).unwrap_or(b"qt  ");
    let types = types_of(brand);
    let told = tracks(probe).await.map(|tracks| types.of(tracks));
    match told {
        Ok(None) | Err(Untold::Malformed) => Ok(Some(if is_sound(brand) { types.sound } else { types.film })),
        told => told,
    }
}

/// The types of a file of this brand; what begins without one is QuickTime of before there were brands.
fn types_of(brand: &[u8]) -> Types {
    match brand {
        b"qt  " => QUICKTIME,
        [b'M', b'4', b'V', _] => M4V,
        [b'3', b'g', b'2', _] => MOBILE_2,
        [b'3', b'g', _, _] => MOBILE,
        _ => MP4,
    }
}

/// Whether a file of this brand is a picture, or several: cameras keep them in the same boxes, and with tracks.
pub(super) fn is_picture(brand: &[u8]) -> bool {
    const PICTURES: [&[u8]; 12] =
        [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1", b"avif", b"avis", b"crx "];
    PICTURES.contains(&brand)
}

fn is_sound(brand: &[u8]) -> bool {
    matches!(brand, b"M4A " | b"M4B " | b"M4P " | b"F4A " | b"F4B ")
}

async fn tracks(probe: &mut Probe<'_>) -> Told<Tracks> {
    let whole = Place { name: *b"file", start: 0, end: probe.size() };
    let film = whole.find(probe, b"moov").await?;
    let (mut tracks, mut boxes) = (Tracks::default(), film.children());
    while let Some(track) = boxes.next(probe).await? {
        if &track.name != b"trak" {
            continue;
        }
        let handler = track.find(probe, b"mdia").await?.find(probe, b"hdlr").await?;
        // Four bytes of version and flags, and four that say nothing, stand before the kind.
        match &probe.exactly(handler.start.saturating_add(8)).await? {
            b"vide" => tracks.seen = true,
            b"soun" => tracks.heard = true,
            _ => {}
        }
    }
    Ok(tracks)
}

/// A box: its name, and where its content stands.
struct Place {
    name: [u8; 4],
    start: u64,
    end: u64,
}

/// The boxes in another one, in their order.
struct Boxes {
    at: u64,
    end: u64,
    left: usize,
}

impl Place {
    fn children(&self) -> Boxes {
        Boxes { at: self.start, end: self.end, left: MAX_BOXES }
    }

    async fn find(&self, probe: &mut Probe<'_>, name: &[u8; 4]) -> Told<Place> {
        let mut boxes = self.children();
        while let Some(found) = boxes.next(probe).await? {
            if &found.name == name {
                return Ok(found);
            }
        }
        Err(Untold::Malformed)
    }
}

impl Boxes {
    async fn next(&mut self, probe: &mut Probe<'_>) -> Told<Option<Place>> {
        // QuickTime may end a list with four zeros.
        if self.at.saturating_add(8) > self.end {
            return Ok(None);
        }
        self.left = self.left.checked_sub(1).ok_or(Untold::Malformed)?;
        let [l0, l1, l2, l3, n0, n1, n2, n3] = probe.exactly(self.at).await?;
        let (length, head) = match u32::from_be_bytes([l0, l1, l2, l3]) {
            0 => (self.end - self.at, 8),
            1 => (u64::from_be_bytes(probe.exactly(self.at.saturating_add(8)).await?), 16),
            length => (length.into(), 8),
        };
        if length < head {
            return Err(Untold::Malformed);
        }
        let end = self.at.checked_add(length).ok_or(Untold::Malformed)?.min(self.end);
        let found = Place { name: [n0, n1, n2, n3], start: self.at + head, end };
        self.at = end;
        Ok(Some(found))
    }
}
