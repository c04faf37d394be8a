//! What is told of a conversation that has changed: the conversation, and what became of it from where the viewer stands.

use serde::Serialize;

use super::conversation::Conversation;
use crate::chat::event::{Event, EventType};
use crate::id::UserId;

/// What became of a conversation, from where its viewer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, async_graphql::Enum, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[graphql(name = "ConversationChangeType")]
#[schema(as = ConversationChangeType)]
pub enum Change {
    /// It is new to the viewer: it was made, or the viewer was added.
    Created,
    /// It has changed, or who is in it, or the viewer's own settings of it.
    Updated,
    /// The viewer is not in it any more.
    Left,
    /// It was deleted for everybody.
    Deleted,
}

/// What became of a conversation, from where its viewer stands.
#[derive(Debug, Clone, Serialize, async_graphql::SimpleObject, utoipa::ToSchema)]
#[graphql(complex, name = "ConversationChange")]
#[schema(as = ConversationChange)]
pub struct Announcement {
    /// The conversation as it is now; to somebody who is not in it any more, that it was there.
    #[serde(flatten)]
    pub conversation: Conversation,
    /// What became of it.
    #[serde(rename = "event")]
    #[graphql(name = "event")]
    pub change: Change,
}

/// What the event is to somebody on the conversations queue; `None` for events of another queue.
pub fn change(event: &Event, me: UserId) -> Option<Change> {
    let mine = event.subject == Some(me);
    Some(match event.kind {
        EventType::ConversationCreated => Change::Created,
        EventType::ParticipantAdded if mine => Change::Created,
        EventType::ParticipantRemoved if mine => Change::Left,
        EventType::ConversationDeleted => Change::Deleted,
        EventType::ConversationUpdated
        | EventType::ParticipantAdded
        | EventType::ParticipantRemoved
        | EventType::ParticipantRoleChanged
        | EventType::SettingsChanged => Change::Updated,
        _ => return None,
    })
}
