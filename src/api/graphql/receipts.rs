//! What only GraphQL has of read receipts: their links.

use async_graphql::{ComplexObject, Context, Result};

use super::loaders;
use crate::chat::conversations::Conversation;
use crate::chat::messages::Message;
use crate::chat::receipts::{ReadReceipt, ReadReceiptMove, ReadState};
use crate::chat::users::User;

#[ComplexObject]
impl ReadReceipt {
    /// Who has read.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.user_id).await
    }
}

#[ComplexObject]
impl ReadReceiptMove {
    /// Where the marker moved.
    #[graphql(tag = "own")]
    async fn conversation(&self, ctx: &Context<'_>) -> Result<Conversation> {
        loaders::conversation(ctx, self.conversation_id).await
    }

    /// Who has read.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.user_id).await
    }

    /// The message that the marker stands at.
    #[graphql(tag = "own")]
    async fn last_read_message(&self, ctx: &Context<'_>) -> Result<Message> {
        loaders::message(ctx, self.last_read_message_id).await
    }
}

#[ComplexObject]
impl ReadState {
    /// The conversation, as it is with that.
    #[graphql(tag = "own")]
    async fn conversation(&self, ctx: &Context<'_>) -> Result<Conversation> {
        loaders::conversation(ctx, self.conversation_id).await
    }
}
