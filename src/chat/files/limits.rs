//! What files are taken: by the server, and in a conversation where one is named, which can only narrow it.

use crate::config::Config;
use crate::entity::conversation;
use crate::error::{Error, Kind, Result};

/// What is taken: by the server, and in a conversation where one is named, which can only narrow it.
#[derive(Debug, Clone)]
pub struct FileLimits {
    pub megabytes: u64,
    /// Each list has to take a type; an empty one takes all.
    types: [Vec<String>; 2],
}

impl FileLimits {
    /// # Errors
    /// `Forbidden` where files are switched off in the conversation.
    pub fn of(config: &Config, conversation: Option<&conversation::Model>) -> Result<Self> {
        let server = config.chat.allowed_file_types.clone();
        let Some(conversation) = conversation else {
            return Ok(Self { megabytes: config.chat.max_file_size_mb, types: [server, Vec::new()] });
        };
        if !conversation.allow_file_uploads {
            return Err(Error::forbidden("Files are switched off in this conversation"));
        }
        let here = u64::try_from(conversation.max_file_size_mb).unwrap_or(0);
        Ok(Self { megabytes: here.min(config.chat.max_file_size_mb), types: [server, allowed_types(conversation)] })
    }

    /// # Errors
    /// `PayloadTooLarge` for more bytes than a file can have.
    pub fn must_hold(&self, bytes: u64) -> Result<()> {
        if bytes <= self.megabytes.saturating_mul(1_048_576) {
            return Ok(());
        }
        Err(Error::new(Kind::PayloadTooLarge, format!("A file can have at most {} MB here", self.megabytes)))
    }

    /// # Errors
    /// `UnsupportedMediaType`.
    pub fn must_take(&self, content_type: &str) -> Result<()> {
        self.must_take_one(&[content_type])
    }

    /// Refuses what can have none of the types that are taken.
    ///
    /// # Errors
    /// `UnsupportedMediaType`.
    pub fn must_take_one(&self, content_types: &[&str]) -> Result<()> {
        let is_taken = |kind: &&str| self.types.iter().all(|patterns| patterns.is_empty() || takes(patterns, kind));
        match content_types.iter().any(is_taken) {
            true => Ok(()),
            false => Err(Error::new(Kind::UnsupportedMediaType, "Files of this type are not taken here")),
        }
    }
}

/// The MIME patterns that a conversation takes; none are all.
pub(crate) fn allowed_types(conversation: &conversation::Model) -> Vec<String> {
    let patterns = conversation.allowed_file_types.as_ref().and_then(|types| types.as_array());
    patterns.into_iter().flatten().filter_map(|pattern| pattern.as_str().map(str::to_owned)).collect()
}

/// Whether one of the patterns (`image/png`, `image/*`, `*/*`) takes the type.
fn takes(patterns: &[String], content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some("*/") | Some("") => true,
        Some(prefix) => kind.len() > prefix.len() && kind[..prefix.len()].eq_ignore_ascii_case(prefix),
        None => kind.eq_ignore_ascii_case(pattern),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_whole_types_and_families() {
        let takes = |pattern: &str, kind: &str| takes(&[pattern.to_owned()], kind);
        assert!(takes("image/*", "image/png"));
        assert!(takes("image/png", "IMAGE/PNG"));
        assert!(takes("*/*", "text/plain"));
        assert!(takes("text/plain", "text/plain; charset=utf-8"));
        assert!(!takes("image/*", "text/plain"));
        assert!(!takes("image/*", "image/"));
        assert!(!takes("image/pn", "image/png"));
    }
}
