//! What only GraphQL has of a message: its links, and its lists in pages.

use async_graphql::connection::Connection;
use async_graphql::{ComplexObject, Context, Json, Result};

use super::loaders::{self, First};
use super::paging::{Paging, id_cursor};
use super::reactions::ReactionCount;
use super::viewer::viewer;
use crate::chat::conversations::Conversation;
use crate::chat::messages::{self, Message};
use crate::chat::page::Window;
use crate::chat::reactions::Reaction;
use crate::chat::receipts::ReadReceipt;
use crate::chat::users::User;

#[ComplexObject]
impl Message {
    /// Each emoji in the order of its first reaction.
    #[graphql(tag = "up-to-50")]
    async fn reaction_summary(&self) -> Vec<ReactionCount> {
        ReactionCount::all(self.id, &self.reaction_summary)
    }

    async fn metadata(&self) -> Option<Json<serde_json::Value>> {
        self.metadata.clone().map(Json)
    }

    async fn sender(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.sender_id).await
    }

    #[graphql(tag = "own")]
    async fn conversation(&self, ctx: &Context<'_>) -> Result<Conversation> {
        loaders::conversation(ctx, self.conversation_id).await
    }

    /// The message that this one replies to.
    #[graphql(tag = "own")]
    async fn parent(&self, ctx: &Context<'_>) -> Result<Option<Message>> {
        match self.parent_message_id {
            Some(parent) => Ok(loaders::own(ctx)?.messages.load_one(parent).await?),
            None => Ok(None),
        }
    }

    /// The direct replies, oldest first.
    #[graphql(tag = "own")]
    async fn replies(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Connection<String, Message>> {
        let paging = Paging::of(first, after, last, before);
        let (window, limit) = paging.window(false)?;
        let page = match window {
            Window::Oldest => {
                let first = First { of: self.id, limit };
                loaders::own(ctx)?.replies.load_one(first).await?.unwrap_or_default()
            }
            _ => messages::thread(viewer(ctx)?, self.id, window, limit).await?,
        };
        Ok(paging.connection(page, window.is_forward(), |message| id_cursor(message.id)))
    }

    /// Who reacted with what, oldest first.
    #[graphql(tag = "own")]
    async fn reactions(&self, ctx: &Context<'_>) -> Result<Vec<Reaction>> {
        Ok(loaders::own(ctx)?.reactions.load_one(self.id).await?.unwrap_or_default())
    }

    /// Who of those present has read it, without its sender.
    #[graphql(tag = "own")]
    async fn read_receipts(&self, ctx: &Context<'_>) -> Result<Vec<ReadReceipt>> {
        Ok(loaders::own(ctx)?.receipts.load_one(self.id).await?.unwrap_or_default())
    }
}
