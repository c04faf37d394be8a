//! Frames that wait to be told: bounded, and the oldest go first where nobody takes them, since the log has what they said.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Frames that wait, and bytes of them, at most.
const MAX_FRAMES: usize = 4096;
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Where frames wait for one way to the other nodes.
#[derive(Default)]
pub(super) struct Outgoing {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Default)]
struct Waiting {
    frames: VecDeque<String>,
    bytes: usize,
}

impl Outgoing {
    /// Adds a frame; how many older ones had to go for it.
    pub fn push(&self, frame: String) -> usize {
        let mut dropped = 0;
        {
            let mut waiting = self.waiting.lock();
            waiting.bytes += frame.len();
            waiting.frames.push_back(frame);
            while waiting.frames.len() > MAX_FRAMES || waiting.bytes > MAX_BYTES {
                let Some(oldest) = waiting.frames.pop_front() else { break };
                waiting.bytes -= oldest.len();
                dropped += 1;
            }
        }
        self.arrived.notify_one();
        dropped
    }

    /// Waits for the next frame. There is one reader.
    pub async fn next(&self) -> String {
        loop {
            {
                let mut waiting = self.waiting.lock();
                if let Some(frame) = waiting.frames.pop_front() {
                    waiting.bytes -= frame.len();
                    return frame;
                }
            }
            self.arrived.notified().await;
        }
    }

    /// Forgets what waits.
    pub fn clear(&self) {
        *self.waiting.lock() = Waiting::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_frames_go_where_too_many_wait() {
        let outgoing = Outgoing::default();
        let dropped: usize = (0..MAX_FRAMES + 10).map(|number| outgoing.push(number.to_string())).sum();
        assert_eq!(dropped, 10);
        assert_eq!(outgoing.next().await, "10");
        outgoing.clear();
        let large = "x".repeat(MAX_BYTES / 2);
        assert_eq!((outgoing.push(large.clone()), outgoing.push(large.clone()), outgoing.push(large)), (0, 0, 1));
    }
}
