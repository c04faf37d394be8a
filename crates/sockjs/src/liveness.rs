//! What a WebSocket and its application tell each other of heart-beats: when the client was last heard, and when it is to
//! be asked for a sign of life.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// However soon an application wants to know, clients are not pinged more often.
const MIN_PING_INTERVAL: Duration = Duration::from_millis(200);

pub(super) struct Liveness {
    /// Whether the heart-beat frames of SockJS are left out.
    heartbeat_is_off: AtomicBool,
    /// Milliseconds of silence after which the client is pinged.
    ping_after_ms: AtomicU64,
    began: Instant,
    /// Milliseconds from the beginning to when the client was last heard.
    heard_ms: AtomicU64,
}

impl Liveness {
    pub(super) fn new(ping_after: Duration, has_heartbeat: bool) -> Self {
        Self {
            heartbeat_is_off: AtomicBool::new(!has_heartbeat),
            ping_after_ms: AtomicU64::new(whole_ms(ping_after)),
            began: Instant::now(),
            heard_ms: AtomicU64::new(0),
        }
    }

    pub(super) fn stop_heartbeat(&self) {
        self.heartbeat_is_off.store(true, Ordering::Relaxed);
    }

    pub(super) fn heartbeat_is_off(&self) -> bool {
        self.heartbeat_is_off.load(Ordering::Relaxed)
    }

    /// Has the client pinged sooner than it would be. Later it never is.
    pub(super) fn ping_after(&self, silence: Duration) {
        self.ping_after_ms.fetch_min(whole_ms(silence.max(MIN_PING_INTERVAL)), Ordering::Relaxed);
    }

    pub(super) fn silence_before_ping(&self) -> Duration {
        Duration::from_millis(self.ping_after_ms.load(Ordering::Relaxed))
    }

    pub(super) fn hear(&self) {
        self.heard_ms.store(whole_ms(self.began.elapsed()), Ordering::Relaxed);
    }

    /// When the client last sent anything, pongs included, to the millisecond.
    pub(super) fn heard(&self) -> Instant {
        self.began + Duration::from_millis(self.heard_ms.load(Ordering::Relaxed))
    }
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
