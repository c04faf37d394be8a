//! The faces of what passes: who is here, and who is typing.

use async_graphql::{Context, Object, Result};

use super::loaders;
use crate::chat::conversations::Conversation;
use crate::chat::presence::Presence;
use crate::chat::typing::TypingIndicator;
use crate::chat::users::User;
use crate::entity::presence::PresenceStatus;
use crate::id::{ConversationId, UserId};

type Time = chrono::DateTime<chrono::Utc>;

/// How somebody is, as others see them: `PresenceResponse` over REST and STOMP.
#[Object]
impl Presence {
    async fn user_id(&self) -> UserId {
        self.user_id
    }

    async fn user_name(&self) -> &str {
        &self.user_name
    }

    async fn status(&self) -> PresenceStatus {
        self.status
    }

    async fn online(&self) -> bool {
        self.online
    }

    async fn status_message(&self) -> Option<&str> {
        self.status_message.as_deref()
    }

    async fn device_type(&self) -> Option<&str> {
        self.device_type.as_deref()
    }

    async fn last_seen_at(&self) -> Option<Time> {
        self.last_seen_at
    }

    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.user_id).await
    }
}

/// Somebody types, or has stopped: `TypingIndicatorResponse` over REST and STOMP.
#[Object]
impl TypingIndicator {
    async fn conversation_id(&self) -> ConversationId {
        self.conversation_id
    }

    async fn user_id(&self) -> UserId {
        self.user_id
    }

    async fn user_name(&self) -> &str {
        &self.user_name
    }

    async fn typing(&self) -> bool {
        self.typing
    }

    /// When it ends by itself; null once it has ended.
    async fn expires_at(&self) -> Option<Time> {
        self.expires_at
    }

    #[graphql(tag = "own")]
    async fn conversation(&self, ctx: &Context<'_>) -> Result<Conversation> {
        loaders::conversation(ctx, self.conversation_id).await
    }

    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.user_id).await
    }
}
