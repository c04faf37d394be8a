//! How far the words of before are written anew, as this process knows it.

use std::sync::atomic::{AtomicI64, Ordering};

/// Below which id messages may have words of before. It only falls; 0 is the end.
pub struct OldWords(AtomicI64);

impl Default for OldWords {
    /// Until somebody has looked, all messages may have them.
    fn default() -> Self {
        Self(AtomicI64::new(i64::MAX))
    }
}

impl OldWords {
    pub(super) fn below(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn fall_to(&self, below: i64) {
        self.0.store(below, Ordering::Relaxed);
    }
}
