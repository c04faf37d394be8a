//! What the viewer of a conversation may do in it, by the one table of rights and the settings of the conversation.

use super::conversation::Conversation;
use crate::chat::access::Action;
use crate::entity::conversation::ConversationType;

/// What the viewer may do in a conversation as things stand; what is done is judged when it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, async_graphql::SimpleObject)]
#[graphql(name = "ViewerPermissions")]
pub struct Permissions {
    /// Send messages.
    pub can_send: bool,
    /// Reply to messages.
    pub can_reply: bool,
    /// React to messages.
    pub can_react: bool,
    /// Send files.
    pub can_upload: bool,
    /// Change its name, picture, description and settings.
    pub can_edit: bool,
    /// Add people.
    pub can_add_participants: bool,
    /// Remove members; only the owner removes administrators, and nobody the owner.
    pub can_remove_participants: bool,
    /// Delete it for everybody.
    pub can_delete: bool,
    /// Make somebody else its owner.
    pub can_transfer: bool,
}

impl Permissions {
    /// Those of the viewer of this conversation; none for somebody who is not in it any more.
    pub fn in_conversation(seen: &Conversation) -> Self {
        let is_in = seen.viewer_role.is_some();
        let is_group = seen.kind == ConversationType::Group;
        let may = |action: Action| is_group && seen.viewer_role.is_some_and(|role| action.allowed_to(role));
        Self {
            can_send: is_in,
            can_reply: is_in && seen.allow_replies,
            can_react: is_in && seen.allow_reactions,
            can_upload: is_in && seen.allow_file_uploads,
            can_edit: may(Action::EditSettings),
            can_add_participants: may(Action::AddParticipants),
            can_remove_participants: may(Action::RemoveMember),
            can_delete: may(Action::DeleteConversation),
            can_transfer: may(Action::TransferOwnership),
        }
    }
}
