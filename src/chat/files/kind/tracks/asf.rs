//! ASF, the container of Windows Media: its header says of each stream what it is.

use super::super::probe::{Probe, Told, Untold, u64_le};
use super::seen_or_heard::{Tracks, Types};

pub(super) const TYPES: Types = Types { film: "video/x-ms-wmv", sound: "audio/x-ms-wma" };

/// The names of objects and of kinds of streams, as they stand in a file.
pub(super) const HEADER: [u8; 16] =
    [0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, 0xa6, 0xd9, 0x00, 0xaa, 0x00, 0x62, 0xce, 0x6c];
const STREAM: [u8; 16] =
    [0x91, 0x07, 0xdc, 0xb7, 0xb7, 0xa9, 0xcf, 0x11, 0x8e, 0xe6, 0x00, 0xc0, 0x0c, 0x20, 0x53, 0x65];
const SEEN: [u8; 16] = [0xc0, 0xef, 0x19, 0xbc, 0x4d, 0x5b, 0xcf, 0x11, 0xa8, 0xfd, 0x00, 0x80, 0x5f, 0x5c, 0x44, 0x2b];
const HEARD: [u8; 16] =
    [0x40, 0x9e, 0x69, 0xf8, 0x4d, 0x5b, 0xcf, 0x11, 0xa8, 0xfd, 0x00, 0x80, 0x5f, 0x5c, 0x44, 0x2b];
/// The name and the length of an object; the header has six bytes more before its first one.
const HEAD_BYTES: u64 = 24;
const MAX_OBJECTS: usize = 1_000;

pub(super) async fn tracks(probe: &mut Probe<'_>) -> Told<Tracks> {
    let head: [u8; HEAD_BYTES as usize] = probe.exactly(0).await?;
    let (mut tracks, mut at) = (Tracks::default(), HEAD_BYTES + 6);
    let end = u64_le(&head, 16)?.min(probe.size());
    for _ in 0..MAX_OBJECTS {
        if at.saturating_add(HEAD_BYTES + 16) > end {
            break;
        }
        let object: [u8; HEAD_BYTES as usize + 16] = probe.exactly(at).await?;
        if object.starts_with(&STREAM) {
            tracks.seen |= object.ends_with(&SEEN);
            tracks.heard |= object.ends_with(&HEARD);
        }
        let length = u64_le(&object, 16)?.max(HEAD_BYTES);
        at = at.checked_add(length).ok_or(Untold::Malformed)?;
    }
    Ok(tracks)
}
