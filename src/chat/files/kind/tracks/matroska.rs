//! Matroska and WebM: elements in elements. The list of tracks stands before the data, whose length a recorder that runs
//! does not know.

use super::super::probe::{Probe, Told, Untold};
use super::seen_or_heard::{Tracks, Types};

pub(super) const MATROSKA: Types = Types { film: "video/x-matroska", sound: "audio/x-matroska" };
pub(super) const WEBM: Types = Types { film: "video/webm", sound: "audio/webm" };

/// Names of elements.
const EBML: u32 = 0x1a45_dfa3;
const DOC_TYPE: u32 = 0x4282;
const SEGMENT: u32 = 0x1853_8067;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK_ENTRY: u32 = 0xae;
const TRACK_TYPE: u32 = 0x83;
/// The longest name of an element with the longest length.
const MAX_HEAD_BYTES: u64 = 12;
/// Elements that are looked at in one other.
const MAX_ELEMENTS: usize = 10_000;

/// What the file is; none where it is none of the two.
pub(super) async fn judge(probe: &mut Probe<'_>) -> Told<Option<&'static str>> {
    let whole = Element { name: 0, start: 0, end: Some(probe.size()) };
    let ebml = find(probe, &whole, EBML).await?;
    let doc_type = find(probe, &ebml, DOC_TYPE).await?;
    let length = doc_type.end.map_or(0, |end| end - doc_type.start);
    // Zeros may fill the word up.
    let said = probe.up_to(doc_type.start, length.min(16)).await?;
    let types = match said.split(|byte| *byte == 0).next() {
        Some(b"webm") => WEBM,
        Some(b"matroska") => MATROSKA,
        _ => return Ok(None),
    };
    match tracks(probe, &whole).await {
        Err(Untold::Malformed) => Ok(Some(types.film)),
        tracks => Ok(Some(types.of(tracks?).unwrap_or(types.film))),
    }
}

async fn tracks(probe: &mut Probe<'_>, whole: &Element) -> Told<Tracks> {
    let segment = find(probe, whole, SEGMENT).await?;
    let list = find(probe, &segment, TRACKS).await?;
    let mut tracks = Tracks::default();
    let mut entries = list.children(probe);
    while let Some(entry) = entries.next(probe).await? {
        if entry.name != TRACK_ENTRY {
            continue;
        }
        let kind = find(probe, &entry, TRACK_TYPE).await?;
        // 3 is both in one.
        match probe.exactly(kind.end.unwrap_or(0).saturating_sub(1)).await? {
            [1] | [3] => tracks.seen = true,
            [2] => tracks.heard = true,
            _ => {}
        }
    }
    Ok(tracks)
}

/// An element: its name, and where its content stands.
struct Element {
    name: u32,
    start: u64,
    /// None where its length was not known when it was written: it goes on to the end of what holds it.
    end: Option<u64>,
}

/// The elements in another one, in their order.
struct Children {
    at: Option<u64>,
    end: u64,
    left: usize,
}

impl Element {
    fn children(&self, probe: &Probe<'_>) -> Children {
        let end = self.end.unwrap_or(u64::MAX).min(probe.size());
        Children { at: Some(self.start), end, left: MAX_ELEMENTS }
    }
}

impl Children {
    async fn next(&mut self, probe: &mut Probe<'_>) -> Told<Option<Element>> {
        let Some(at) = self.at.filter(|at| *at < self.end) else { return Ok(None) };
        self.left = self.left.checked_sub(1).ok_or(Untold::Malformed)?;
        let head = probe.up_to(at, MAX_HEAD_BYTES).await?;
        let (name, name_length) = name(&head)?;
        let (length, length_length) = length(&head[name_length..])?;
        let start = at + (name_length + length_length) as u64;
        let end = length.map(|length| start.checked_add(length).ok_or(Untold::Malformed)).transpose()?;
        self.at = end;
        Ok(Some(Element { name, start, end }))
    }
}

async fn find(probe: &mut Probe<'_>, parent: &Element, name: u32) -> Told<Element> {
    let mut children = parent.children(probe);
    while let Some(child) = children.next(probe).await? {
        if child.name == name {
            return Ok(child);
        }
    }
    Err(Untold::Malformed)
}

/// The name of an element with its marker, and how many bytes it has: as many as zeros stand before the first one.
fn name(head: &[u8]) -> Told<(u32, usize)> {
    let length = head.first().ok_or(Untold::Malformed)?.leading_zeros() as usize + 1;
    let bytes = head.get(..length).filter(|_| length <= 4).ok_or(Untold::Malformed)?;
    Ok((bytes.iter().fold(0, |name, byte| name << 8 | u32::from(*byte)), length))
}

/// The length of an element, none for one that is not known, and how many bytes that takes.
fn length(head: &[u8]) -> Told<(Option<u64>, usize)> {
    let first = *head.first().ok_or(Untold::Malformed)?;
    let bytes = first.leading_zeros() as usize + 1;
    let rest = head.get(1..bytes).filter(|_| bytes <= 8).ok_or(Untold::Malformed)?;
    let marker = 0x80_u8 >> (bytes - 1);
    let value = rest.iter().fold(u64::from(first & !marker), |value, byte| value << 8 | u64::from(*byte));
    let unknown = (1_u64 << (7 * bytes)) - 1;
    Ok(((value != unknown).then_some(value), bytes))
}
