//! Why a server does not start.

use std::fmt;

/// Why the server does not start: one sentence that names the setting and, where it is known, its source.
/// It never shows the value of a setting that may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The setting that is at fault, such as `chat.max_message_length`; empty when it is the file as a whole.
    pub key: String,
    sentence: String,
    origin: Option<String>,
}

impl ConfigError {
    /// Says of a setting what is wrong with it.
    pub fn new(key: &str, sentence: String) -> Self {
        Self { key: key.to_owned(), sentence, origin: None }
    }

    pub(super) fn at(self, origin: &str) -> Self {
        Self { origin: Some(origin.to_owned()), ..self }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.sentence)?;
        self.origin.as_ref().map_or(Ok(()), |origin| write!(out, " (from {origin})"))
    }
}

impl std::error::Error for ConfigError {}

/// Says what a setting must be.
pub(super) fn must(key: &str, expected: &str) -> ConfigError {
    ConfigError::new(key, format!("{key} must be {expected}"))
}
