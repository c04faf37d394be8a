//! Whom the server tells what happens: operators in its log, other programs by webhooks.

use serde::{Deserialize, Serialize};

use crate::telemetry::LogFormat;

/// The log of events that clients resume from, and the log that operators read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How long durable events can be replayed, in days.
    pub retention_days: u32,
    /// How lines are written for the operator.
    pub format: LogFormat,
    /// What is written for the operator: a level, or a filter such as `info,confab::stomp=debug`.
    pub level: String,
    /// Whether each request, and each session at its beginning and its end, gets a line of the log.
    pub access: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self { retention_days: 30, format: LogFormat::Text, level: "info".to_owned(), access: false }
    }
}

/// What webhooks may reach, how long they are tried, and the endpoints that need no administrator.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// Whether private and loopback addresses may be targets, by `http` and on any port.
    pub allow_private_targets: bool,
    /// The pauses before the second attempt, the third and so on; after the last one a delivery has failed.
    pub retry_seconds: Vec<u64>,
    /// Endpoints beside those that administrators create, in the settings file only.
    pub endpoints: Vec<WebhookEndpoint>,
}

impl Default for Webhooks {
    fn default() -> Self {
        let (minute, hour) = (60, 3_600);
        Self {
            allow_private_targets: false,
            retry_seconds: vec![
                5,
                5 * minute,
                30 * minute,
                2 * hour,
                5 * hour,
                10 * hour,
                14 * hour,
                20 * hour,
                24 * hour,
            ],
            endpoints: Vec::new(),
        }
    }
}

/// An endpoint of webhooks: `[[webhooks.endpoints]]`.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookEndpoint {
    pub url: String,
    /// The names of the events that it wants, such as `chat_message.sent`. Empty: all.
    pub events: Vec<String>,
    /// `whsec_` and the base64 of 24 to 64 bytes.
    pub secret: String,
}
