//! Which events webhooks tell of, and what they are called there (protocol §9).

use serde_json::Value as Json;

use crate::chat::event::EventType;

/// What an administrator sends to try an endpoint. No endpoint can ask for it.
pub(super) const TEST_EVENT: &str = "webhook.test";

const NAMES: [(EventType, &str); 6] = [
    (EventType::MessageSent, "chat_message.sent"),
    (EventType::MessageUpdated, "chat_message.updated"),
    (EventType::MessageDeleted, "chat_message.deleted"),
    (EventType::ConversationCreated, "chat_conversation.created"),
    (EventType::ParticipantAdded, "chat_participant.added"),
    (EventType::ParticipantRemoved, "chat_participant.removed"),
];

/// What webhooks call an event of the log; none for an event that they do not tell.
pub(super) fn event_name(kind: EventType) -> Option<&'static str> {
    NAMES.iter().find(|(known, _)| *known == kind).map(|(_, name)| *name)
}

/// Whether an endpoint can ask for the events of this name.
pub(super) fn is_event_name(text: &str) -> bool {
    NAMES.iter().any(|(_, name)| *name == text)
}

/// All names that an endpoint can ask for, for a sentence.
pub(super) fn all_event_names() -> String {
    NAMES.map(|(_, name)| name).join(", ")
}

/// The names in the column `events` of an endpoint; none stand for all events.
pub(super) fn stored_event_names(column: Json) -> Vec<String> {
    serde_json::from_value(column).unwrap_or_default()
}
