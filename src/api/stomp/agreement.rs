//! What a CONNECT settles: the version of STOMP, and who beats how often.

use std::time::Duration;

use tokio::time::Instant;

/// A peer that promised to beat is gone after three silent intervals.
const SILENT_INTERVALS: u32 = 3;
/// Longer than any connection lives.
pub(super) const FOREVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// Something that has to happen in every interval.
pub(super) struct Beat {
    every: Duration,
    pub last: Instant,
}

/// The highest version that both speak; 1.0 where the client names none.
pub(super) fn version(accepted: Option<&str>) -> Option<&'static str> {
    let Some(accepted) = accepted else { return Some("1.0") };
    let accepted: Vec<&str> = accepted.split(',').map(str::trim).collect();
    ["1.2", "1.1", "1.0"].into_iter().find(|version| accepted.contains(version))
}

/// What the client can and what it wants, in that order.
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
    /// The interval that both sides can keep; none where one of them does not want to.
    pub fn agree(own: Duration, others: Duration) -> Option<Self> {
        let agreed = !own.is_zero() && !others.is_zero();
        agreed.then(|| Self { every: own.max(others), last: Instant::now() })
    }

    pub fn due(&self) -> Instant {
        self.last + self.every
    }

    pub fn given_up(&self) -> Instant {
        self.last + self.every * SILENT_INTERVALS
    }
}
