//! The body of a webhook (Standard Webhooks; protocol §9): what it is, when it happened, and the payload of the event.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::event_names::event_name;
use crate::chat::event::Event;
use crate::chat::payload;
use crate::chat::views::conversation::Conversation;
use crate::chat::views::message::Message;
use crate::chat::views::participant::Participant;
use crate::entity::conversation::ConversationType;
use crate::id::{ConversationId, UserId};
use crate::timestamp::Timestamp;

#[derive(Serialize)]
struct Body<'b, D> {
    #[serde(rename = "type")]
    kind: &'b str,
    timestamp: Timestamp,
    data: D,
}

/// The body around `data`; none where that cannot be written as JSON.
pub(super) fn around(kind: &str, at: DateTime<Utc>, data: impl Serialize) -> Option<String> {
    serde_json::to_string(&Body { kind, timestamp: at.into(), data }).ok()
}

/// The body that tells an event; `created` holds the conversations that the transaction made.
pub(super) fn of(event: &Event, created: &HashMap<ConversationId, Conversation>) -> Option<String> {
    let kind = event_name(event.kind)?;
    match payload::payload(event, None) {
        Some(payload) => around(kind, event.at, payload),
        None => around(kind, event.at, NeutralConversation::of(created.get(&event.conversation?)?)),
    }
}

/// A conversation as nobody in particular sees it. A direct one has no name, since each of the two sees the other's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NeutralConversation<'c> {
    id: ConversationId,
    #[serde(rename = "type")]
    kind: ConversationType,
    name: Option<&'c str>,
    description: Option<&'c str>,
    avatar_url: Option<&'c str>,
    created_by_id: UserId,
    participants: &'c [Participant],
    participant_count: i32,
    last_message: Option<Message>,
    allow_reactions: bool,
    allow_replies: bool,
    allow_file_uploads: bool,
    max_file_size_mb: i32,
    allowed_file_types: Option<&'c [String]>,
    last_message_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'c> NeutralConversation<'c> {
    fn of(seen: &'c Conversation) -> Self {
        let is_group = seen.kind == ConversationType::Group;
        Self {
            id: seen.id,
            kind: seen.kind,
            name: seen.name.as_deref().filter(|_| is_group),
            description: seen.description.as_deref(),
            avatar_url: seen.avatar_url.as_deref().filter(|_| is_group),
            created_by_id: seen.created_by_id,
            participants: &seen.participants,
            participant_count: seen.participant_count,
            last_message: seen.last_message.clone().map(|message| Message { temp_id: None, ..message }),
            allow_reactions: seen.allow_reactions,
            allow_replies: seen.allow_replies,
            allow_file_uploads: seen.allow_file_uploads,
            max_file_size_mb: seen.max_file_size_mb,
            allowed_file_types: seen.allowed_file_types.as_deref(),
            last_message_at: seen.last_message_at,
            created_at: seen.created_at,
            updated_at: seen.updated_at,
        }
    }
}
