//! Ogg: every stream begins with a page of its own, and all of these stand before anything else.

use super::super::probe::{Probe, Told, Untold};
use super::seen_or_heard::Types;

pub(super) const TYPES: Types = Types { film: "video/ogg", sound: "audio/ogg" };

/// How the first packets of streams begin that are seen: Theora, Dirac, VP8, Daala, and those of OGM.
const SEEN: [&[u8]; 5] = [b"\x80theora", b"BBCD\0", b"OVP80", b"\x80daala", b"\x01video\0\0\0"];
/// A page before the lengths of its pieces, and how many streams are looked at.
const HEAD_BYTES: u64 = 27;
const MAX_STREAMS: usize = 64;
const BEGINS_STREAM: u8 = 2;

/// What the file is: a sound, unless one of its streams is seen.
pub(super) async fn judge(probe: &mut Probe<'_>) -> Told<&'static str> {
    let mut at = 0;
    for _ in 0..MAX_STREAMS {
        let page = match probe.up_to(at, HEAD_BYTES + 255 + 16).await {
            Err(Untold::Malformed) => break,
            page => page?,
        };
        let [b'O', b'g', b'g', b'S', _, flags, ..] = page[..] else { break };
        let pieces = page.get(26).copied().map_or(0, usize::from);
        let rest = page.get(HEAD_BYTES as usize..).and_then(|rest| rest.split_at_checked(pieces));
        let Some((lengths, packet)) = rest.filter(|_| flags & BEGINS_STREAM != 0) else { break };
        if SEEN.iter().any(|begin| packet.starts_with(begin)) {
            return Ok(TYPES.film);
        }
        at += HEAD_BYTES + pieces as u64 + lengths.iter().map(|length| u64::from(*length)).sum::<u64>();
    }
    Ok(TYPES.sound)
}
