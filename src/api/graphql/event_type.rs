//! What events are called in GraphQL, whose names have no dots.

use async_graphql::Enum;

use crate::chat::event;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum EventType {
    /// A message was sent: `message.sent` at the other doors, and so on.
    MessageSent,
    /// A message was edited.
    MessageUpdated,
    /// A message was deleted: its tombstone is shown.
    MessageDeleted,
    /// Somebody reacted to a message.
    ReactionAdded,
    /// Somebody took a reaction back.
    ReactionRemoved,
    /// Somebody's read marker moved.
    ReceiptMoved,
    /// A conversation was created.
    ConversationCreated,
    /// The name, the picture, the description or the settings of a conversation changed.
    ConversationUpdated,
    /// A conversation was deleted.
    ConversationDeleted,
    /// Somebody was added.
    ParticipantAdded,
    /// Somebody was removed, or left.
    ParticipantRemoved,
    /// Somebody was given another role.
    ParticipantRoleChanged,
    /// The viewer muted, pinned or archived a conversation, or took that back.
    SettingsChanged,
}

impl EventType {
    /// That of an event of the log; none for what is not durable.
    pub fn of(kind: event::EventType) -> Option<Self> {
        Some(match kind {
            event::EventType::MessageSent => Self::MessageSent,
            event::EventType::MessageUpdated => Self::MessageUpdated,
            event::EventType::MessageDeleted => Self::MessageDeleted,
            event::EventType::ReactionAdded => Self::ReactionAdded,
            event::EventType::ReactionRemoved => Self::ReactionRemoved,
            event::EventType::ReceiptMoved => Self::ReceiptMoved,
            event::EventType::ConversationCreated => Self::ConversationCreated,
            event::EventType::ConversationUpdated => Self::ConversationUpdated,
            event::EventType::ConversationDeleted => Self::ConversationDeleted,
            event::EventType::ParticipantAdded => Self::ParticipantAdded,
            event::EventType::ParticipantRemoved => Self::ParticipantRemoved,
            event::EventType::ParticipantRoleChanged => Self::ParticipantRoleChanged,
            event::EventType::SettingsChanged => Self::SettingsChanged,
            event::EventType::Typing | event::EventType::Presence => return None,
        })
    }
}
