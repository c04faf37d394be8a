//! What only GraphQL has of somebody who is here, and of somebody who types: their links.

use async_graphql::{ComplexObject, Context, Result};

use super::loaders;
use crate::chat::conversations::Conversation;
use crate::chat::presence::Presence;
use crate::chat::typing::TypingIndicator;
use crate::chat::users::User;

#[ComplexObject]
impl Presence {
    /// Who it is.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.user_id).await
    }
}

#[ComplexObject]
impl TypingIndicator {
    /// Where they type.
    #[graphql(tag = "own")]
    async fn conversation(&self, ctx: &Context<'_>) -> Result<Conversation> {
        loaders::conversation(ctx, self.conversation_id).await
    }

    /// Who types.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.user_id).await
    }
}
