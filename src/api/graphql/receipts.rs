//! The faces of read receipts.

use async_graphql::{Context, Object, Result};

use super::loaders;
use crate::chat::conversations::Conversation;
use crate::chat::messages::Message;
use crate::chat::receipts::{ReadReceipt, ReadReceiptMove};
use crate::chat::users::User;
use crate::id::{ConversationId, MessageId, UserId};

type Time = chrono::DateTime<chrono::Utc>;

/// Somebody has read a message: `ReadReceiptResponse` over REST and STOMP.
#[Object]
impl ReadReceipt {
    async fn message_id(&self) -> MessageId {
        self.message_id
    }

    async fn user_id(&self) -> UserId {
        self.user_id
    }

    async fn user_name(&self) -> &str {
        &self.user_name
    }

    async fn read_at(&self) -> Time {
        self.read_at
    }

    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.user_id).await
    }
}

/// Somebody's marker moved: `ReadReceiptBroadcast` over REST and STOMP.
#[Object(name = "ReadReceiptBroadcast")]
impl ReadReceiptMove {
    async fn conversation_id(&self) -> ConversationId {
        self.conversation_id
    }

    async fn user_id(&self) -> UserId {
        self.user_id
    }

    async fn user_name(&self) -> &str {
        &self.user_name
    }

    async fn last_read_message_id(&self) -> MessageId {
        self.last_read_message_id
    }

    async fn read_at(&self) -> Time {
        self.read_at
    }

    #[graphql(tag = "own")]
    async fn conversation(&self, ctx: &Context<'_>) -> Result<Conversation> {
        loaders::conversation(ctx, self.conversation_id).await
    }

    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.user_id).await
    }

    #[graphql(tag = "own")]
    async fn last_read_message(&self, ctx: &Context<'_>) -> Result<Message> {
        loaders::message(ctx, self.last_read_message_id).await
    }
}
