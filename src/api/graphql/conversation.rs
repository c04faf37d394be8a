//! The faces of a conversation and its participants, as their viewer sees them.

use async_graphql::connection::Connection;
use async_graphql::{Context, Object, Result};

use super::loaders::{self, First};
use super::paging::{Paging, id_cursor};
use super::viewer::viewer;
use crate::chat::conversations::{Announcement, Change, Conversation};
use crate::chat::messages::{self, Message};
use crate::chat::page::Window;
use crate::chat::users::User;
use crate::chat::views::participant::Participant;
use crate::entity::conversation::ConversationType;
use crate::entity::participant::Role;
use crate::id::{ConversationId, MessageId, UserId};

type Time = chrono::DateTime<chrono::Utc>;

/// A conversation as its viewer sees it.
#[Object]
impl Conversation {
    async fn id(&self) -> ConversationId {
        self.id
    }

    #[graphql(name = "type")]
    async fn kind(&self) -> ConversationType {
        self.kind
    }

    /// Of a direct conversation, the other user's name.
    async fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    async fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    async fn avatar_url(&self) -> Option<&str> {
        self.avatar_url.as_deref()
    }

    async fn created_by_id(&self) -> UserId {
        self.created_by_id
    }

    async fn created_by(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.created_by_id).await
    }

    /// Longest-serving first.
    async fn participants(&self) -> &[Participant] {
        &self.participants
    }

    async fn participant_count(&self) -> i32 {
        self.participant_count
    }

    async fn last_message(&self) -> Option<&Message> {
        self.last_message.as_ref()
    }

    /// Newer than the viewer's marker, not the viewer's own, not deleted.
    #[graphql(tag = "own")]
    async fn unread_count(&self) -> i64 {
        self.unread_count
    }

    #[graphql(tag = "own")]
    async fn muted(&self) -> bool {
        self.muted
    }

    #[graphql(tag = "own")]
    async fn pinned(&self) -> bool {
        self.pinned
    }

    #[graphql(tag = "own")]
    async fn archived(&self) -> bool {
        self.archived
    }

    async fn allow_reactions(&self) -> bool {
        self.allow_reactions
    }

    async fn allow_replies(&self) -> bool {
        self.allow_replies
    }

    async fn allow_file_uploads(&self) -> bool {
        self.allow_file_uploads
    }

    /// Megabytes of 1,048,576 bytes.
    async fn max_file_size_mb(&self) -> i32 {
        self.max_file_size_mb
    }

    /// MIME patterns; null for all types.
    async fn allowed_file_types(&self) -> Option<&[String]> {
        self.allowed_file_types.as_deref()
    }

    async fn last_message_at(&self) -> Option<Time> {
        self.last_message_at
    }

    async fn created_at(&self) -> Time {
        self.created_at
    }

    async fn updated_at(&self) -> Time {
        self.updated_at
    }

    /// Oldest first, replies included; where nothing is said, the newest 50.
    #[graphql(tag = "own")]
    async fn messages(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Connection<String, Message>> {
        let paging = Paging { first, after, last, before };
        let (window, limit) = paging.window(true)?;
        let page = match window {
            Window::Newest => {
                let newest = First { of: self.id, limit };
                loaders::own(ctx)?.latest.load_one(newest).await?.unwrap_or_default()
            }
            _ => messages::page(viewer(ctx)?, self.id, window, limit).await?,
        };
        Ok(paging.connection(page, window.is_forward(), |message| id_cursor(message.id)))
    }

    /// The messages that have files, newest first.
    #[graphql(tag = "own")]
    async fn attachments(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Connection<String, Message>> {
        let paging = Paging { first, after, last, before };
        let (window, limit) = paging.window_newest_first()?;
        let page = messages::with_files(viewer(ctx)?, self.id, window, limit).await?;
        Ok(paging.connection(page, !window.is_forward(), |message| id_cursor(message.id)))
    }
}

/// Somebody in a conversation.
#[Object]
impl Participant {
    async fn user_id(&self) -> UserId {
        self.user_id
    }

    async fn user_name(&self) -> &str {
        &self.user_name
    }

    async fn avatar_url(&self) -> Option<&str> {
        self.avatar_url.as_deref()
    }

    async fn role(&self) -> Role {
        self.role
    }

    async fn joined_at(&self) -> Time {
        self.joined_at
    }

    /// The read marker.
    async fn last_read_message_id(&self) -> Option<MessageId> {
        self.last_read_message_id
    }

    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.user_id).await
    }
}

/// What became of a conversation, from where its viewer stands.
#[Object(name = "ConversationChange")]
impl Announcement {
    async fn event(&self) -> Change {
        self.change
    }

    async fn conversation(&self) -> &Conversation {
        &self.conversation
    }
}
