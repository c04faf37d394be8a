//! What a file is taken for, by tests: with as many of its first bytes at hand as they say, and the rest of it in a storage in
//! memory.

use bytes::Bytes;

use super::{Kind, Probe, SNIFFED_BYTES, Stored, Text};
use crate::store::blobs::Blobs;

/// What a file was taken for, and what was read for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub kind: &'static str,
    pub reads: u32,
    pub read_bytes: u64,
}

/// The type of a file of which the first `held` bytes are at hand.
pub(crate) async fn told(bytes: &[u8], held: usize, declared: Option<&str>) -> Told {
    let mut text = Text::default();
    text.take(bytes);
    let blobs = Blobs::in_memory();
    let (key, all) = ("file", Bytes::copy_from_slice(bytes));
    blobs.put(key, all.clone()).await.expect("memory takes what it is given");
    let stored = Stored { blobs: &blobs, key };
    let mut probe = Probe::new(all.slice(..held.min(all.len())), all.len() as u64, Some(stored));
    let kind = Kind::of(&all[..all.len().min(SNIFFED_BYTES)], declared);
    let settled = kind.settle(&text, &mut probe).await.expect("memory can be read");
    assert!(kind.candidates().contains(&settled), "{settled} is none of {:?}", kind.candidates());
    let (reads, read_bytes) = probe.read();
    Told { kind: settled, reads, read_bytes }
}
