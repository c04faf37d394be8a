//! The endpoints of messages and what was read.

use serde::Deserialize;

use super::envelope::{ApiResult, created, ok, paged_by_id};
use super::input::{AfterId, Body, Caller, MaybeBody, PathParam, QueryParams};
use crate::chat::messages::{self, Message, SendMessage};
use crate::chat::page::{self, Window};
use crate::chat::receipts::{self, ReadReceipt, ReadState};
use crate::chat::search::{self, Search};
use crate::error::Error;
use crate::id::{ConversationId, MessageId};

/// A page before or after a message, or of the newest ones.
#[derive(Deserialize)]
pub(super) struct PageQuery {
    before: Option<MessageId>,
    after: Option<AfterId>,
    limit: Option<i64>,
}

/// A page before a message, or of the newest ones.
#[derive(Deserialize)]
pub(super) struct BeforeQuery {
    before: Option<MessageId>,
    limit: Option<i64>,
}

/// A page after a message, or of the oldest ones.
#[derive(Deserialize)]
pub(super) struct AfterQuery {
    after: Option<AfterId>,
    limit: Option<i64>,
}

/// A page, before a message, of what a text finds.
#[derive(Deserialize)]
pub(super) struct SearchQuery {
    query: Option<String>,
    before: Option<MessageId>,
    limit: Option<i64>,
}

pub(super) async fn page(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    QueryParams(query): QueryParams<PageQuery>,
) -> ApiResult<Vec<Message>> {
    let window = match (query.before, query.after) {
        (Some(_), Some(_)) => return Err(Error::bad_request("before and after exclude each other").into()),
        (None, Some(after)) => Window::After(after.get()),
        (before, None) => newest_before(before),
    };
    let page = messages::page(&cx, id, window, page::limit(query.limit)?).await?;
    paged_by_id(page, window, |message| message.id.get())
}

/// Messages that have files, newest first.
pub(super) async fn with_files(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    QueryParams(query): QueryParams<BeforeQuery>,
) -> ApiResult<Vec<Message>> {
    let window = newest_before(query.before);
    let page = messages::with_files(&cx, id, window, page::limit(query.limit)?).await?;
    paged_by_id(page, window, |message| message.id.get())
}

fn newest_before(before: Option<MessageId>) -> Window {
    before.map_or(Window::Newest, |before| Window::Before(before.get()))
}

pub(super) async fn send(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    Body(input): Body<SendMessage>,
) -> ApiResult<Message> {
    let sent = messages::send(&cx, id, input).await?;
    created(sent.message, !sent.repeated)
}

pub(super) async fn search(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    QueryParams(query): QueryParams<SearchQuery>,
) -> ApiResult<Vec<Message>> {
    let window = newest_before(query.before);
    let search = Search { query: query.query.unwrap_or_default(), conversation: Some(id) };
    let page = search::messages(&cx, search, window, page::limit(query.limit)?).await?;
    let page = page.map(|found| found.into_iter().map(|found| found.message).collect());
    paged_by_id(page, window, |message: &Message| message.id.get())
}

pub(super) async fn thread(
    Caller(cx): Caller,
    PathParam(id): PathParam<MessageId>,
    QueryParams(query): QueryParams<AfterQuery>,
) -> ApiResult<Vec<Message>> {
    let window = query.after.map_or(Window::Oldest, |after| Window::After(after.get()));
    let page = messages::thread(&cx, id, window, page::limit(query.limit)?).await?;
    paged_by_id(page, window, |message| message.id.get())
}

/// The new content of a message.
#[derive(Deserialize)]
pub(super) struct Edit {
    content: String,
}

pub(super) async fn edit(
    Caller(cx): Caller,
    PathParam(id): PathParam<MessageId>,
    Body(edit): Body<Edit>,
) -> ApiResult<Message> {
    ok(messages::edit(&cx, id, edit.content).await?)
}

pub(super) async fn delete(Caller(cx): Caller, PathParam(id): PathParam<MessageId>) -> ApiResult<Message> {
    ok(messages::delete(&cx, id).await?)
}

/// Up to which message; the newest where nothing is said.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Read {
    #[serde(default)]
    last_read_message_id: Option<MessageId>,
}

pub(super) async fn mark_read(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    MaybeBody(read): MaybeBody<Read>,
) -> ApiResult<ReadState> {
    let up_to = read.unwrap_or_default().last_read_message_id;
    ok(receipts::mark_read(&cx, id, up_to).await?)
}

pub(super) async fn read_receipts(
    Caller(cx): Caller,
    PathParam(id): PathParam<MessageId>,
) -> ApiResult<Vec<ReadReceipt>> {
    ok(receipts::of_message(&cx, id).await?)
}
