//! What an operator may move of the rules of chat, and how much of it somebody may do.

use serde::{Deserialize, Serialize};

/// The rules of chat that an operator may move.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chat {
    /// Longest message, in Unicode scalar values.
    pub max_message_length: usize,
    /// Largest file, in megabytes of 1,048,576 bytes; a conversation may set less.
    pub max_file_size_mb: u64,
    /// How long somebody counts as typing without saying so again.
    pub typing_indicator_ttl_seconds: u64,
    /// How long somebody without any sign of life stays online.
    pub presence_stale_threshold_minutes: u64,
    /// MIME patterns such as `image/*` of the files that may be sent. Empty: all types.
    pub allowed_file_types: Vec<String>,
    /// The largest group, in people, that still causes presence and typing events.
    pub quiet_group_size: usize,
}

impl Default for Chat {
    fn default() -> Self {
        Self {
            max_message_length: 10_000,
            max_file_size_mb: 25,
            typing_indicator_ttl_seconds: 5,
            presence_stale_threshold_minutes: 5,
            allowed_file_types: Vec::new(),
            quiet_group_size: 200,
        }
    }
}

impl Chat {
    /// The largest file in bytes.
    pub fn max_file_bytes(&self) -> u64 {
        self.max_file_size_mb.saturating_mul(1_048_576)
    }
}

/// What happens to files that nobody sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Files {
    /// How long an uploaded file may wait for its message before it is removed.
    pub unattached_hours: u32,
}

impl Default for Files {
    fn default() -> Self {
        Self { unattached_hours: 24 }
    }
}

/// How much one user may do, over all doors together, and how many may be here. 0 means no limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub messages_per_minute: u32,
    pub uploads_per_minute: u32,
    pub reactions_per_minute: u32,
    /// Groups created, direct conversations opened and calls that add people, together.
    pub creations_per_minute: u32,
    pub searches_per_minute: u32,
    /// Open TCP connections of this node.
    pub connections: u32,
    /// Open connections, and requests through a trusted proxy, of one public address; an IPv6 address counts by its /64.
    pub connections_per_address: u32,
    /// Live connections (sockets and streams) of one user on this node.
    pub connections_per_user: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            messages_per_minute: 30,
            uploads_per_minute: 10,
            reactions_per_minute: 60,
            creations_per_minute: 30,
            searches_per_minute: 60,
            connections: 20_000,
            connections_per_address: 1_000,
            connections_per_user: 100,
        }
    }
}

/// Who sees who is online.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Presence {
    pub visibility: Visibility,
}

impl Default for Presence {
    fn default() -> Self {
        Self { visibility: Visibility::Shared }
    }
}

/// Whose presence a user may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// That of people with whom the user shares a conversation.
    Shared,
    /// Everybody's.
    Everyone,
}

/// Who finds whom by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Users {
    pub directory: Directory,
}

impl Default for Users {
    fn default() -> Self {
        Self { directory: Directory::Shared }
    }
}

/// Whom a user finds who looks for people; administrators find everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Directory {
    /// People of the user's conversations.
    Shared,
    /// Everybody.
    Everyone,
    /// Nobody.
    None,
}
