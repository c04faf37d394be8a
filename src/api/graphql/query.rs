//! The queries: a line a field, each one function of the chat.

use async_graphql::{Context, ID, Object, Result};

use super::events::{self, EventPage, ReadAhead};
use super::node::{self, Node};
use super::paging::{Connection, Edge, PageInfo, Paging, id_cursor};
use super::viewer::viewer;
use crate::chat::conversations::{self, Conversation, Listing, Unread};
use crate::chat::directory;
use crate::chat::files::{self, File};
use crate::chat::log;
use crate::chat::messages::{self, Message};
use crate::chat::page;
use crate::chat::presence::{self, Presence};
use crate::chat::search::{self, Search};
use crate::chat::users::{self, User};
use crate::error::Error;
use crate::id::{ConversationId, FileId, MessageId, UserId};

pub struct Query;

/// A page of what a search has found.
struct MessageSearchConnection(Connection<Found>);

/// A message that was found, its place in the list, and where in it.
struct Found {
    message: Message,
    snippet: String,
}

/// A message that was found, and its place in the list.
struct MessageSearchEdge<'c>(&'c Edge<Found>);

/// A page of messages that a search has found.
#[Object]
impl MessageSearchConnection {
    /// The messages, each with its place in the list and where in it the words were found.
    async fn edges(&self) -> Vec<MessageSearchEdge<'_>> {
        self.0.edges.iter().map(MessageSearchEdge).collect()
    }

    /// The messages by themselves.
    async fn nodes(&self) -> Vec<&Message> {
        self.0.edges.iter().map(|edge| &edge.node.message).collect()
    }

    /// What is before and behind this page.
    async fn page_info(&self) -> PageInfo {
        self.0.info()
    }
}

/// A message that was found, its place in the list, and where in it.
#[Object]
impl MessageSearchEdge<'_> {
    /// The place of the message, for `after` and `before`.
    async fn cursor(&self) -> &str {
        &self.0.cursor
    }

    /// The message.
    async fn node(&self) -> &Message {
        &self.0.node.message
    }

    /// The words around the first match as HTML: escaped, each match between `<mark>` and `</mark>`.
    async fn snippet(&self) -> &str {
        &self.0.node.snippet
    }
}

#[Object(name = "ChatQuery")]
impl Query {
    /// Whom the token speaks for.
    async fn me(&self, ctx: &Context<'_>) -> Result<User> {
        let cx = viewer(ctx)?;
        Ok(users::get(cx, cx.me()).await?)
    }

    /// The user with this id.
    async fn user(&self, ctx: &Context<'_>, #[graphql(desc = "The user")] id: UserId) -> Result<Option<User>> {
        Ok(Some(users::get(viewer(ctx)?, id).await?))
    }

    /// People by name: those in whose names words begin with the words of the search, without it all whom the viewer may
    /// find. Whom that is, the setting `users.directory` says: people of the viewer's conversations, everybody or nobody.
    /// Administrators find everybody.
    #[graphql(tag = "own", tag = "search")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "1 to 200 characters: the beginnings of words of a name")] search: Option<String>,
        #[graphql(desc = "So many; 50 where nothing is said, 100 at most")] first: Option<i32>,
        #[graphql(desc = "A cursor: what is behind it")] after: Option<String>,
    ) -> Result<Connection<User>> {
        let paging = Paging::of(first, after, None, None);
        let ((limit, _), after) = (paging.limit()?, paging.after.as_deref());
        let page = directory::find(viewer(ctx)?, search.as_deref(), after, limit).await?;
        let edges = page.items.into_iter().map(|found| Edge { cursor: found.cursor, node: found.user });
        Ok(Connection::new(edges, (after.is_some(), page.has_more)))
    }

    /// A conversation that the viewer is in.
    async fn conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation")] id: ConversationId,
    ) -> Result<Option<Conversation>> {
        let cx = viewer(ctx)?;
        Ok(Some(if is_gathered(ctx) {
            conversations::get(cx, id).await?
        } else {
            conversations::outline(cx, id).await?
        }))
    }

    /// The viewer's own: pinned first, then latest activity first. `pinned` and `search` narrow the list; a search
    /// finds groups by name or description, archived ones included.
    #[allow(clippy::too_many_arguments)]
    async fn conversations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Those that are archived, or are not; those that are not where nothing narrows the list")]
        archived: Option<bool>,
        #[graphql(desc = "Those that are pinned, or are not")] pinned: Option<bool>,
        #[graphql(desc = "1 to 200 characters: the beginnings of words")] search: Option<String>,
        #[graphql(desc = "So many from the start, or behind `after`; 100 at most")] first: Option<i32>,
        #[graphql(desc = "A cursor: what is behind it")] after: Option<String>,
        #[graphql(desc = "So many from the end, or before `before`; 100 at most")] last: Option<i32>,
        #[graphql(desc = "A cursor: what is before it")] before: Option<String>,
    ) -> Result<Connection<Conversation>> {
        let paging = Paging::of(first, after, last, before);
        let (limit, forward) = paging.limit()?;
        let forward = forward.unwrap_or(paging.before.is_none());
        let (cursor, other) = if forward { (&paging.after, &paging.before) } else { (&paging.before, &paging.after) };
        if other.is_some() {
            return Err(Error::bad_request("This list is paged by first and after, or by last and before").into());
        }
        let cursor = cursor.clone();
        // Without any narrowing the list is what REST lists: what is not archived.
        let archived = archived.or((pinned.is_none() && search.is_none()).then_some(false));
        let listing = Listing { archived, pinned, search, cursor, backwards: !forward };
        let page = conversations::list(viewer(ctx)?, listing, limit).await?;
        Ok(paging.connection(page, forward, conversations::cursor))
    }

    /// A message of a conversation that the viewer is in.
    async fn message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message")] id: MessageId,
    ) -> Result<Option<Message>> {
        Ok(Some(messages::get(viewer(ctx)?, id).await?))
    }

    /// Messages whose words begin with every word of the query, newest first; in one conversation, or in all of the
    /// viewer's.
    #[allow(clippy::too_many_arguments)]
    #[graphql(tag = "search")]
    async fn search_messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "1 to 200 characters: the beginnings of words")] query: String,
        #[graphql(desc = "One conversation; without it, all of the viewer's")] conversation_id: Option<ConversationId>,
        #[graphql(desc = "So many from the start, or behind `after`; 100 at most")] first: Option<i32>,
        #[graphql(desc = "A cursor: what is behind it")] after: Option<String>,
        #[graphql(desc = "So many from the end, or before `before`; 100 at most")] last: Option<i32>,
        #[graphql(desc = "A cursor: what is before it")] before: Option<String>,
    ) -> Result<MessageSearchConnection> {
        let paging = Paging::of(first, after, last, before);
        let (window, limit) = paging.window_newest_first()?;
        let search = Search { query, conversation: conversation_id };
        let page = search::messages(viewer(ctx)?, search, window, limit).await?;
        let edges = page.items.into_iter().map(|found| {
            let cursor = id_cursor(found.message.id);
            Edge { cursor, node: Found { message: found.message, snippet: found.snippet } }
        });
        let beyond = paging.beyond(!window.is_forward(), page.has_more);
        Ok(MessageSearchConnection(Connection::new(edges, beyond)))
    }

    /// What is known of a file that the viewer may read.
    async fn file(&self, ctx: &Context<'_>, #[graphql(desc = "The file")] id: FileId) -> Result<Option<File>> {
        Ok(Some(files::get(viewer(ctx)?, id).await?))
    }

    /// What the viewer has not read yet, archived conversations included.
    #[graphql(tag = "search")]
    async fn unread(&self, ctx: &Context<'_>) -> Result<Unread> {
        Ok(conversations::unread(viewer(ctx)?).await?)
    }

    /// The presence of up to 500 users; those whom the viewer may not see are left out.
    async fn presence(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Their ids, 500 at most")] user_ids: Vec<UserId>,
    ) -> Result<Vec<Presence>> {
        Ok(presence::of_many(viewer(ctx)?, &user_ids).await?)
    }

    /// Who is online, of those whom the viewer may see; 100 at most.
    async fn online_users(&self, ctx: &Context<'_>) -> Result<Vec<Presence>> {
        Ok(presence::online(viewer(ctx)?, None, page::MAX_LIMIT).await?.items)
    }

    /// What happened after the cursor, as things stand now; without one, nothing but the present cursor. That is never
    /// younger than what stands beside it in a query: whoever goes on from it misses nothing.
    async fn sync(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A cursor that an event or `sync` came with")] after: Option<String>,
        #[graphql(desc = "So many; 50 where nothing is said, 100 at most")] first: Option<i32>,
    ) -> Result<EventPage> {
        let paging = Paging::of(first, after, None, None);
        let cx = viewer(ctx)?;
        let head = match ctx.data_opt::<ReadAhead>() {
            Some(ReadAhead(head)) => head,
            None => &log::head(cx).await?,
        };
        Ok(events::events_after(cx, head, paging.after.as_deref(), paging.limit()?.0).await?)
    }

    /// The object with this id among all objects.
    #[graphql(tag = "own")]
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "Its `nodeId`")] node_id: ID) -> Result<Option<Node>> {
        Ok(Some(node::node(ctx, &node_id).await?))
    }

    /// The objects with these ids among all objects, in their order; null beside an error for each that is not there, or
    /// not the viewer's to see.
    #[graphql(tag = "own")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Their `nodeId`s, 100 at most")] node_ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        node::nodes(ctx, &node_ids).await
    }
}

/// Whether anything is asked of a conversation that does not stand in its own row.
fn is_gathered(ctx: &Context<'_>) -> bool {
    /// What [`conversations::outline`] leaves out.
    const GATHERED: [&str; 7] =
        ["otherUser", "name", "avatarUrl", "participants", "participantCount", "lastMessage", "unreadCount"];
    GATHERED.iter().any(|field| ctx.look_ahead().field(field).exists())
}
