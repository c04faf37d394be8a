//! Times as they are told: one form at every door (protocol §1). It knows no clock.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

/// A moment as clients and webhooks are told it: RFC 3339 in UTC with `Z` and three digits of a second, whatever they
/// are, so that every time has the same length. What is finer than a millisecond is cut off. One that is read may have
/// any number of digits and any offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(
    value_type = String,
    format = DateTime,
    description = "In UTC, with three digits of a second",
    examples("2026-11-27T10:30:00.000Z")
)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// The moment itself, to compare and to count with.
    pub fn get(self) -> DateTime<Utc> {
        self.0
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_three_digits_of_a_second_whatever_they_are() {
        for (read, told) in [
            ("2026-11-27T10:30:48Z", "2026-11-27T10:30:48.000Z"),
            ("2026-11-27T10:30:48.1Z", "2026-11-27T10:30:48.100Z"),
            ("2026-11-27T10:30:48.120Z", "2026-11-27T10:30:48.120Z"),
            ("2026-11-27T10:30:48.123999Z", "2026-11-27T10:30:48.123Z"),
            ("2026-11-27T11:30:48+01:00", "2026-11-27T10:30:48.000Z"),
        ] {
            let time: Timestamp = serde_json::from_value(read.into()).unwrap();
            assert_eq!(serde_json::to_value(time).unwrap(), told, "{read}");
        }
    }
}
