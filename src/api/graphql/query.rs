//! The queries: a line a field, each one function of the chat.

use async_graphql::connection::{Connection, ConnectionNameType, Edge, EdgeNameType, EmptyFields};
use async_graphql::{Context, Object, OutputType, Result, SimpleObject};

use super::events::{self, EventPage};
use super::paging::{Paging, id_cursor};
use super::viewer::viewer;
use crate::chat::conversations::{self, Conversation, Listing, Unread};
use crate::chat::files::{self, File};
use crate::chat::messages::{self, Message};
use crate::chat::page;
use crate::chat::presence::{self, Presence};
use crate::chat::search::{self, Search};
use crate::chat::users::{self, User};
use crate::error::Error;
use crate::id::{ConversationId, FileId, MessageId, UserId};

pub struct Query;

type SearchConnection = Connection<String, Message, EmptyFields, Highlight, SearchNames, SearchNames>;

/// The names of what a search answers with, which has more to its edges than other lists of messages.
struct SearchNames;

impl ConnectionNameType for SearchNames {
    fn type_name<T: OutputType>() -> String {
        "MessageSearchConnection".to_owned()
    }
}

impl EdgeNameType for SearchNames {
    fn type_name<T: OutputType>() -> String {
        "MessageSearchEdge".to_owned()
    }
}

/// Where a message was found.
#[derive(SimpleObject)]
struct Highlight {
    /// The words around the first match as HTML: escaped, each match between `<mark>` and `</mark>`.
    snippet: String,
}

#[Object(name = "ChatQuery")]
impl Query {
    /// Whom the token speaks for.
    async fn me(&self, ctx: &Context<'_>) -> Result<User> {
        let cx = viewer(ctx)?;
        Ok(users::get(cx, cx.me()).await?)
    }

    async fn user(&self, ctx: &Context<'_>, id: UserId) -> Result<Option<User>> {
        Ok(Some(users::get(viewer(ctx)?, id).await?))
    }

    async fn conversation(&self, ctx: &Context<'_>, id: ConversationId) -> Result<Option<Conversation>> {
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
        archived: Option<bool>,
        pinned: Option<bool>,
        search: Option<String>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Connection<String, Conversation>> {
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

    async fn message(&self, ctx: &Context<'_>, id: MessageId) -> Result<Option<Message>> {
        Ok(Some(messages::get(viewer(ctx)?, id).await?))
    }

    /// Messages whose words begin with every word of the query, newest first; in one conversation, or in all of the
    /// viewer's.
    #[allow(clippy::too_many_arguments)]
    #[graphql(tag = "search")]
    async fn search_messages(
        &self,
        ctx: &Context<'_>,
        query: String,
        conversation_id: Option<ConversationId>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<SearchConnection> {
        let paging = Paging::of(first, after, last, before);
        let (window, limit) = paging.window_newest_first()?;
        let search = Search { query, conversation: conversation_id };
        let page = search::messages(viewer(ctx)?, search, window, limit).await?;
        let (previous, next) = paging.beyond(!window.is_forward(), page.has_more);
        let mut connection = Connection::new(previous, next);
        connection.edges.extend(page.items.into_iter().map(|found| {
            let cursor = id_cursor(found.message.id);
            Edge::with_additional_fields(cursor, found.message, Highlight { snippet: found.snippet })
        }));
        Ok(connection)
    }

    /// What is known of a file that the viewer may read.
    async fn file(&self, ctx: &Context<'_>, id: FileId) -> Result<Option<File>> {
        Ok(Some(files::get(viewer(ctx)?, id).await?))
    }

    /// What the viewer has not read yet, archived conversations included.
    #[graphql(tag = "search")]
    async fn unread(&self, ctx: &Context<'_>) -> Result<Unread> {
        Ok(conversations::unread(viewer(ctx)?).await?)
    }

    /// The presence of up to 500 users; those whom the viewer may not see are left out.
    async fn presence(&self, ctx: &Context<'_>, user_ids: Vec<UserId>) -> Result<Vec<Presence>> {
        Ok(presence::of_many(viewer(ctx)?, &user_ids).await?)
    }

    /// Who is online, of those whom the viewer may see; 100 at most.
    async fn online_users(&self, ctx: &Context<'_>) -> Result<Vec<Presence>> {
        Ok(presence::online(viewer(ctx)?, None, page::MAX_LIMIT).await?.items)
    }

    /// What happened after the cursor, as things stand now; without one, nothing but the present cursor.
    async fn sync(&self, ctx: &Context<'_>, after: Option<String>, first: Option<i32>) -> Result<EventPage> {
        let paging = Paging::of(first, after, None, None);
        Ok(events::events_after(viewer(ctx)?, paging.after.as_deref(), paging.limit()?.0).await?)
    }
}

/// Whether anything is asked of a conversation that does not stand in its own row.
fn is_gathered(ctx: &Context<'_>) -> bool {
    /// What [`conversations::outline`] leaves out.
    const GATHERED: [&str; 6] = ["name", "avatarUrl", "participants", "participantCount", "lastMessage", "unreadCount"];
    GATHERED.iter().any(|field| ctx.look_ahead().field(field).exists())
}
