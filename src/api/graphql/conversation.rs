//! What only GraphQL has of a conversation and its participants: their links, and their lists in pages.

use async_graphql::{ComplexObject, Context, ID, Result};

use super::loaders::{self, First};
use super::message::MessageConnection;
use super::node::NodeKey;
use super::paging::{Connection, Edge, Paging, id_cursor};
use super::viewer::viewer;
use crate::chat::conversations::{self, Conversation};
use crate::chat::messages;
use crate::chat::page::Window;
use crate::chat::typing::TypingIndicator;
use crate::chat::users::User;
use crate::chat::views::participant::Participant;
use crate::chat::views::permissions::Permissions;

#[ComplexObject]
impl Conversation {
    /// Its id among all objects, for clients that keep all of them in one place.
    pub async fn node_id(&self) -> ID {
        NodeKey::Conversation(self.id).into()
    }

    /// The other user of a direct conversation; null of a group, and once the viewer is not in it any more.
    #[graphql(tag = "own")]
    async fn other_user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        match self.other(viewer(ctx)?.me()) {
            Some(other) => Ok(Some(loaders::user(ctx, other.user_id).await?)),
            None => Ok(None),
        }
    }

    /// What the viewer may do in it as things stand.
    #[graphql(tag = "own")]
    async fn viewer_permissions(&self, ctx: &Context<'_>) -> Result<Permissions> {
        viewer(ctx)?;
        Ok(Permissions::in_conversation(self))
    }

    /// Which of the others type at this moment, first beginners first; nobody in a group that is too large for it to be told.
    #[graphql(tag = "own")]
    async fn typing(&self, ctx: &Context<'_>) -> Result<Vec<TypingIndicator>> {
        Ok(loaders::own(ctx)?.typing.load_one(self.id).await?.unwrap_or_default())
    }

    /// Who made it.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.created_by_id).await
    }

    /// Oldest first, replies included; where nothing is said, the newest 50.
    #[graphql(tag = "own")]
    async fn messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, or behind `after`; 100 at most")] first: Option<i32>,
        #[graphql(desc = "A cursor: what is behind it")] after: Option<String>,
        #[graphql(desc = "So many from the end, or before `before`; 100 at most")] last: Option<i32>,
        #[graphql(desc = "A cursor: what is before it")] before: Option<String>,
    ) -> Result<MessageConnection> {
        let paging = Paging::of(first, after, last, before);
        let (window, limit) = paging.window(true)?;
        let page = match window {
            Window::Newest => {
                let newest = First { of: self.id, limit };
                loaders::own(ctx)?.latest.load_one(newest).await?.unwrap_or_default()
            }
            _ => messages::page(viewer(ctx)?, self.id, window, limit).await?,
        };
        let page = paging.connection(page, window.is_forward(), |message| id_cursor(message.id));
        Ok(MessageConnection { page, total_count: Some(self.message_count) })
    }

    /// Everybody who is in it, longest-serving first; with a search, those in whose names words begin with its words.
    #[graphql(tag = "own")]
    async fn participants_page(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many; 50 where nothing is said, 100 at most")] first: Option<i32>,
        #[graphql(desc = "A cursor: what is behind it")] after: Option<String>,
        #[graphql(desc = "1 to 200 characters: the beginnings of words of a name")] search: Option<String>,
    ) -> Result<Connection<Participant>> {
        let paging = Paging::of(first, after, None, None);
        let ((limit, _), after) = (paging.limit()?, paging.after.as_deref());
        let page = conversations::participants(viewer(ctx)?, self.id, after, search.as_deref(), limit).await?;
        let edges = page.items.into_iter().map(|listed| Edge { cursor: listed.cursor, node: listed.participant });
        Ok(Connection::new(edges, (after.is_some(), page.has_more)))
    }

    /// The messages that have files, newest first.
    #[graphql(tag = "own")]
    async fn attachments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, or behind `after`; 100 at most")] first: Option<i32>,
        #[graphql(desc = "A cursor: what is behind it")] after: Option<String>,
        #[graphql(desc = "So many from the end, or before `before`; 100 at most")] last: Option<i32>,
        #[graphql(desc = "A cursor: what is before it")] before: Option<String>,
    ) -> Result<MessageConnection> {
        let paging = Paging::of(first, after, last, before);
        let (window, limit) = paging.window_newest_first()?;
        let page = messages::with_files(viewer(ctx)?, self.id, window, limit).await?;
        let page = paging.connection(page, !window.is_forward(), |message| id_cursor(message.id));
        Ok(MessageConnection { page, total_count: None })
    }
}

#[ComplexObject]
impl Participant {
    /// The conversation and the user: `conversation:user`.
    async fn id(&self) -> ID {
        format!("{}:{}", self.conversation_id, self.user_id).into()
    }

    /// Its id among all objects, for clients that keep all of them in one place.
    pub async fn node_id(&self) -> ID {
        NodeKey::Participant(self.conversation_id, self.user_id).into()
    }

    /// Who it is.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.user_id).await
    }
}
