//! Looks at bytes anywhere in a file: the first ones are at hand, others are read from the storage, a window at a time and
//! within a budget, so that a file costs the same however it is made and whatever it says of itself. It knows no format.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;

use crate::error::Error;
use crate::store::blobs::Blobs;

/// Bytes that are read at a time, where a format does not ask for more.
const WINDOW_BYTES: u64 = 16 * 1024;
/// Windows that are kept, so that going to and fro between a table and what it names reads each of them once.
const MAX_WINDOWS: usize = 4;
/// What judging one file may read: far more than any file of the common programs takes.
const MAX_READS: u32 = 128;
const MAX_READ_BYTES: u64 = 4 * 1024 * 1024;

/// Why a file's inside does not tell what it is.
#[derive(Debug)]
pub(super) enum Untold {
    /// It is not made as its format says, or it would take more than the budget to follow it.
    Malformed,
    /// The storage could not be read.
    Storage(Error),
}

/// What a format finds, or why it finds nothing.
pub(super) type Told<T> = Result<T, Untold>;

/// Where the bytes of a file lie.
pub(in crate::chat::files) struct Stored<'s> {
    pub blobs: &'s Blobs,
    pub key: &'s str,
}

/// A file that is looked at.
pub(in crate::chat::files) struct Probe<'s> {
    head: Bytes,
    stored: Option<Stored<'s>>,
    size: u64,
    windows: VecDeque<(u64, Bytes)>,
    reads_left: u32,
    bytes_left: u64,
}

impl<'s> Probe<'s> {
    /// A file of `size` bytes that begins with `head`; what lies behind that is read from `stored`, which may be none where
    /// nothing does.
    pub fn new(head: Bytes, size: u64, stored: Option<Stored<'s>>) -> Self {
        Self { head, stored, size, windows: VecDeque::new(), reads_left: MAX_READS, bytes_left: MAX_READ_BYTES }
    }

    /// How often something was read from the storage, and how many bytes.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn read(&self) -> (u32, u64) {
        (MAX_READS - self.reads_left, MAX_READ_BYTES - self.bytes_left)
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The bytes from `at` on: `length` of them, or as many as there are before the end of the file.
    ///
    /// # Errors
    /// `Malformed` beyond the end and beyond the budget, `Storage`.
    pub(super) async fn up_to(&mut self, at: u64, length: u64) -> Told<Bytes> {
        let end = at.checked_add(length).ok_or(Untold::Malformed)?.min(self.size);
        if at >= end {
            return Err(Untold::Malformed);
        }
        if let Some(held) = slice(0, &self.head, at, end) {
            return Ok(held);
        }
        let known = self.windows.iter().find_map(|(start, window)| slice(*start, window, at, end));
        match known {
            Some(held) => Ok(held),
            None => self.fetch(at, end).await,
        }
    }

    /// Exactly `N` bytes from `at` on.
    ///
    /// # Errors
    /// As [`Probe::up_to`], and `Malformed` where the file ends before.
    pub(super) async fn exactly<const N: usize>(&mut self, at: u64) -> Told<[u8; N]> {
        let bytes = self.up_to(at, N as u64).await?;
        bytes.first_chunk().copied().ok_or(Untold::Malformed)
    }

    async fn fetch(&mut self, at: u64, end: u64) -> Told<Bytes> {
        let until = end.max(at.saturating_add(WINDOW_BYTES)).min(self.size);
        self.reads_left = self.reads_left.checked_sub(1).ok_or(Untold::Malformed)?;
        self.bytes_left = self.bytes_left.checked_sub(until - at).ok_or(Untold::Malformed)?;
        let stored = self.stored.as_ref().ok_or(Untold::Malformed)?;
        let stream = stored.blobs.read(stored.key, at..until).await.map_err(Untold::Storage)?;
        let window: BytesMut = stream.try_collect().await.map_err(Untold::Storage)?;
        let window = window.freeze();
        self.windows.truncate(MAX_WINDOWS - 1);
        self.windows.push_front((at, window.clone()));
        slice(at, &window, at, end).ok_or(Untold::Malformed)
    }
}

/// The bytes of `from..to` out of a piece that begins at `start`, if it holds all of them.
fn slice(start: u64, piece: &Bytes, from: u64, to: u64) -> Option<Bytes> {
    let first = usize::try_from(from.checked_sub(start)?).ok()?;
    let last = usize::try_from(to.checked_sub(start)?).ok()?;
    (last <= piece.len()).then(|| piece.slice(first..last))
}

/// Numbers out of pieces that may be too short for them.
pub(super) fn u16_le(bytes: &[u8], at: usize) -> Told<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

pub(super) fn u32_le(bytes: &[u8], at: usize) -> Told<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

pub(super) fn u64_le(bytes: &[u8], at: usize) -> Told<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Told<[u8; N]> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().ok_or(Untold::Malformed)
}
