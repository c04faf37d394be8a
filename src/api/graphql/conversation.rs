//! What only GraphQL has of a conversation and its participants: their links, and their lists in pages.

use async_graphql::connection::{Connection, Edge};
use async_graphql::{ComplexObject, Context, Result};

use super::loaders::{self, First};
use super::paging::{Paging, id_cursor};
use super::viewer::viewer;
use crate::chat::conversations::{self, Conversation};
use crate::chat::messages::{self, Message};
use crate::chat::page::Window;
use crate::chat::users::User;
use crate::chat::views::participant::Participant;

#[ComplexObject]
impl Conversation {
    async fn created_by(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.created_by_id).await
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
        let paging = Paging::of(first, after, last, before);
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

    /// Everybody who is in it, longest-serving first; with a search, those in whose names words begin with its words.
    #[graphql(tag = "own")]
    async fn participants_page(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        search: Option<String>,
    ) -> Result<Connection<String, Participant>> {
        let paging = Paging::of(first, after, None, None);
        let ((limit, _), after) = (paging.limit()?, paging.after.as_deref());
        let page = conversations::participants(viewer(ctx)?, self.id, after, search.as_deref(), limit).await?;
        let mut connection = Connection::new(after.is_some(), page.has_more);
        connection.edges.extend(page.items.into_iter().map(|listed| Edge::new(listed.cursor, listed.participant)));
        Ok(connection)
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
        let paging = Paging::of(first, after, last, before);
        let (window, limit) = paging.window_newest_first()?;
        let page = messages::with_files(viewer(ctx)?, self.id, window, limit).await?;
        Ok(paging.connection(page, !window.is_forward(), |message| id_cursor(message.id)))
    }
}

#[ComplexObject]
impl Participant {
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.user_id).await
    }
}
