//! What a CONNECT negotiates: the version of STOMP, and the heart-beats of both sides.

use std::time::Duration;

use tokio::time::Instant;

/// A client that promised heart-beats is gone after three silent intervals.
const SILENT_INTERVALS: u32 = 3;
/// Longer than any connection lives.
pub(super) const FOREVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// The heart-beats of one side: one is due in every interval.
pub(super) struct Beat {
    interval: Duration,
    /// When that side last sent anything.
    pub last: Instant,
}

/// The highest version that both speak; 1.0 where the client names none.
pub(super) fn version(accepted: Option<&str>) -> Option<&'static str> {
    let Some(accepted) = accepted else { return Some("1.0") };
    let accepted: Vec<&str> = accepted.split(',').map(str::trim).collect();
    ["1.2", "1.1", "1.0"].into_iter().find(|version| accepted.contains(version))
}

/// The interval in which the client can send heart-beats, and the one in which it wants them.
///
/// # Errors
/// The sentence for a header that is malformed.
pub(super) fn heart_beat(header: Option<&str>) -> Result<(Duration, Duration), &'static str> {
    let Some((can, wants)) = header.unwrap_or_default().split_once(',') else {
        return Ok((Duration::ZERO, Duration::ZERO));
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // An interval of years is as good as none, but it is not malformed.
        digits.then(|| Duration::from_millis(text.parse::<u64>().unwrap_or(u64::MAX)).min(FOREVER))
    };
    number(can.trim()).zip(number(wants.trim())).ok_or("The header heart-beat is malformed")
}

impl Beat {
    /// Heart-beats in the interval that both sides can keep; none where one of them does not want to.
    pub fn agree(own: Duration, others: Duration) -> Option<Self> {
        let agreed = !own.is_zero() && !others.is_zero();
        agreed.then(|| Self { interval: own.max(others), last: Instant::now() })
    }

    /// When the next one has to be sent.
    pub fn due(&self) -> Instant {
        self.last + self.interval
    }

    /// When their sender counts as gone, who may have given another sign of life.
    pub fn gives_up(&self, other_sign: Option<Instant>) -> Instant {
        other_sign.map_or(self.last, |sign| sign.max(self.last)) + self.interval * SILENT_INTERVALS
    }

    /// After which silence their sender is asked for another sign of life: in time for it to count, and not beside each
    /// heart-beat.
    pub fn asks_after(&self) -> Duration {
        self.interval * SILENT_INTERVALS / 2
    }
}
