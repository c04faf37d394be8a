//! What only GraphQL has of a message: its links, and its lists in pages.

use async_graphql::{ComplexObject, Context, ID, Object, Result};

use super::json::Json;
use super::loaders::{self, First};
use super::node::NodeKey;
use super::paging::{Connection, Edge, PageInfo, Paging, id_cursor};
use super::reactions::ReactionCount;
use super::viewer::viewer;
use crate::chat::conversations::Conversation;
use crate::chat::messages::{self, Message};
use crate::chat::page::Window;
use crate::chat::reactions::Reaction;
use crate::chat::receipts::ReadReceipt;
use crate::chat::users::User;

/// A page of messages.
pub(crate) struct MessageConnection {
    pub page: Connection<Message>,
    /// Where it is kept.
    pub total_count: Option<i64>,
}

/// A page of messages.
#[Object]
impl MessageConnection {
    /// The messages, each with its place in the list.
    async fn edges(&self) -> &[Edge<Message>] {
        &self.page.edges
    }

    /// The messages without their places.
    async fn nodes(&self) -> Vec<&Message> {
        self.page.entries()
    }

    /// What is before and behind this page.
    async fn page_info(&self) -> PageInfo {
        self.page.info()
    }

    /// How many messages the conversation has, deleted ones included, in the list of all of them; null in other lists,
    /// where they would have to be counted.
    async fn total_count(&self) -> Option<i64> {
        self.total_count
    }
}

#[ComplexObject]
impl Message {
    /// Its id among all objects, for clients that keep all of them in one place.
    pub async fn node_id(&self) -> ID {
        NodeKey::Message(self.id).into()
    }

    /// Each emoji in the order of its first reaction.
    #[graphql(tag = "up-to-50")]
    async fn reaction_summary(&self) -> Vec<ReactionCount> {
        ReactionCount::all(self.id, &self.reaction_summary)
    }

    /// What the sender's program said beside it: an object of up to 8 KiB.
    async fn metadata(&self) -> Option<Json> {
        self.metadata.clone().map(Json)
    }

    /// Who sent it.
    async fn sender(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.sender_id).await
    }

    /// Where it was sent.
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
        #[graphql(desc = "So many from the start, or behind `after`; 100 at most")] first: Option<i32>,
        #[graphql(desc = "A cursor: what is behind it")] after: Option<String>,
        #[graphql(desc = "So many from the end, or before `before`; 100 at most")] last: Option<i32>,
        #[graphql(desc = "A cursor: what is before it")] before: Option<String>,
    ) -> Result<MessageConnection> {
        let paging = Paging::of(first, after, last, before);
        let (window, limit) = paging.window(false)?;
        let page = match window {
            Window::Oldest => {
                let first = First { of: self.id, limit };
                loaders::own(ctx)?.replies.load_one(first).await?.unwrap_or_default()
            }
            _ => messages::thread(viewer(ctx)?, self.id, window, limit).await?,
        };
        let page = paging.connection(page, window.is_forward(), |message| id_cursor(message.id));
        Ok(MessageConnection { page, total_count: None })
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
