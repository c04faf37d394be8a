//! Conversations: opening, listing, changing and leaving them. What a viewer sees of one is in
//! [`crate::chat::views::conversation`].

mod activity;
mod announce;
mod described;
pub(crate) mod list;
mod lookup;
mod membership;
mod participants;
mod settings;
mod start;
mod tidy;
mod walk;

pub(crate) use activity::carry;
pub use announce::{announcements, notice_for};
pub use list::{Listing, Unread, cursor, list, unread};
pub use lookup::{get, ids_of, many, must_be_in, outline};
pub use membership::{add_participants, delete, leave, remove_participant, set_role, transfer_ownership};
pub use participants::{participant, participants};
pub use settings::{Setting, UpdateConversation, set, update};
pub use start::{CreateGroup, create_first_group, create_group, open_direct};
pub(crate) use tidy::tidy;

pub use crate::chat::views::announcement::{Announcement, Change};
pub use crate::chat::views::conversation::Conversation;
pub use crate::chat::views::shared::ConversationNotice;
