//! Buffers that a thread lends to the connection that reads or writes on it at the moment, so that connections which wait have
//! none.

use std::cell::Cell;

/// Bytes that are read at once.
pub(super) const READ_BYTES: usize = 16 * 1024;

/// What a thread keeps of a buffer to write from, at most.
const MAX_KEPT_BYTES: usize = 128 * 1024;

thread_local! {
    static TO_READ_INTO: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static TO_WRITE_FROM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lends a buffer of [`READ_BYTES`] for the time of a call. What is in it is of no meaning.
pub(super) fn read_with<T>(read: impl FnOnce(&mut [u8]) -> T) -> T {
    // A reader within a reader, or at the end of a thread, has a buffer of its own.
    let mut buffer = TO_READ_INTO.try_with(Cell::take).unwrap_or_default();
    buffer.resize(READ_BYTES, 0);
    let outcome = read(&mut buffer);
    give(&TO_READ_INTO, buffer);
    outcome
}

/// An empty buffer to write from.
pub(super) fn take() -> Vec<u8> {
    TO_WRITE_FROM.try_with(Cell::take).unwrap_or_default()
}

/// Takes back what [`take`] gave, on any thread.
pub(super) fn give_back(mut buffer: Vec<u8>) {
    if buffer.capacity() <= MAX_KEPT_BYTES {
        buffer.clear();
        give(&TO_WRITE_FROM, buffer);
    }
}

fn give(place: &'static std::thread::LocalKey<Cell<Vec<u8>>>, buffer: Vec<u8>) {
    let _the_thread_ends = place.try_with(|place| place.set(buffer));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_one_buffer_and_none_that_is_large() {
        let mut buffer = take();
        buffer.extend([1; 100]);
        let place = buffer.as_ptr();
        give_back(buffer);
        let buffer = take();
        assert_eq!((buffer.as_ptr(), buffer.len(), take().capacity()), (place, 0, 0));
        give_back(Vec::with_capacity(MAX_KEPT_BYTES + 1));
        assert_eq!(take().capacity(), 0);
        let place = read_with(|outer| {
            read_with(|inner| assert_ne!(inner.as_ptr(), outer.as_ptr()));
            outer.as_ptr()
        });
        read_with(|again| assert_eq!((again.as_ptr(), again.len()), (place, READ_BYTES)));
    }
}
