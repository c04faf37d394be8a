//! The endpoints of messages and what was read.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::envelope::{
    ApiResult, ById, CreatedOrFoundResult, ListResult, PageResult, created_or_found, list, ok, paged_by_id,
};
use super::input::{AfterId, Body, Caller, Limit, MaybeBody, PathParam, QueryParams};
use super::refusals::{Conflicting, Inside};
use crate::chat::messages::{self, Message, SendMessage};
use crate::chat::page::Window;
use crate::chat::receipts::{self, ReadReceipt, ReadState};
use crate::chat::search::{self, Search};
use crate::error::Error;
use crate::id::{ConversationId, MessageId};

/// A page before or after a message, or of the newest ones.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// The messages nearest before this one; not together with `after`.
    before: Option<MessageId>,
    /// The messages nearest after this one, 0 for the first ones; not together with `before`.
    #[param(inline)]
    after: Option<AfterId>,
    #[param(inline)]
    limit: Option<Limit>,
}

/// A page before a message, or of the newest ones.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BeforeQuery {
    /// The messages nearest before this one.
    before: Option<MessageId>,
    #[param(inline)]
    limit: Option<Limit>,
}

/// A page after a message, or of the oldest ones.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AfterQuery {
    /// The messages nearest after this one, 0 for the first ones.
    #[param(inline)]
    after: Option<AfterId>,
    #[param(inline)]
    limit: Option<Limit>,
}

/// A page, before a message, of what a text finds.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchQuery {
    /// 1 to 200 characters after trimming. All of its words have to be there, each as the beginning of one.
    #[param(required, min_length = 1, max_length = 200, example = "team")]
    query: Option<String>,
    /// What is found nearest before this message.
    before: Option<MessageId>,
    #[param(inline)]
    limit: Option<Limit>,
}

/// Messages
///
/// The page nearest the cursor, always oldest first, replies among them. Without a cursor: the newest page.
#[utoipa::path(get, path = "/conversations/{id}/messages", operation_id = "listMessages", tag = "Messages",
    params(("id" = ConversationId, Path), PageQuery), responses(Inside))]
pub(super) async fn page(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    QueryParams(query): QueryParams<PageQuery>,
) -> PageResult<Message, ById> {
    let window = match (query.before, query.after) {
        (Some(_), Some(_)) => return Err(Error::bad_request("before and after exclude each other").into()),
        (None, Some(after)) => Window::After(after.get()),
        (before, None) => newest_before(before),
    };
    let page = messages::page(&cx, id, window, Limit::of(query.limit)?).await?;
    paged_by_id(page, window, |message| message.id.get())
}

/// Messages that have files
///
/// Newest first.
#[utoipa::path(get, path = "/conversations/{id}/attachments", operation_id = "listAttachments", tag = "Messages",
    params(("id" = ConversationId, Path), BeforeQuery), responses(Inside))]
pub(super) async fn with_files(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    QueryParams(query): QueryParams<BeforeQuery>,
) -> PageResult<Message, ById> {
    let window = newest_before(query.before);
    let page = messages::with_files(&cx, id, window, Limit::of(query.limit)?).await?;
    paged_by_id(page, window, |message| message.id.get())
}

fn newest_before(before: Option<MessageId>) -> Window {
    before.map_or(Window::Newest, |before| Window::Before(before.get()))
}

/// Send a message
///
/// To repeat a `tempId` within 24 hours answers with the first message again, 200, and sends nothing twice.
#[utoipa::path(post, path = "/conversations/{id}/messages", operation_id = "sendMessage", tag = "Messages",
    params(("id" = ConversationId, Path)), request_body = SendMessage, responses(Inside, Conflicting))]
pub(super) async fn send(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    Body(input): Body<SendMessage>,
) -> CreatedOrFoundResult<Message> {
    let sent = messages::send(&cx, id, input).await?;
    created_or_found(sent.message, !sent.repeated)
}

/// Find messages
///
/// Newest first, without regard to case or accents.
#[utoipa::path(get, path = "/conversations/{id}/messages/search", operation_id = "searchMessages", tag = "Messages",
    params(("id" = ConversationId, Path), SearchQuery), responses(Inside))]
pub(super) async fn search(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    QueryParams(query): QueryParams<SearchQuery>,
) -> PageResult<Message, ById> {
    let window = newest_before(query.before);
    let search = Search { query: query.query.unwrap_or_default(), conversation: Some(id) };
    let page = search::messages(&cx, search, window, Limit::of(query.limit)?).await?;
    let page = page.map(|found| found.into_iter().map(|found| found.message).collect());
    paged_by_id(page, window, |message: &Message| message.id.get())
}

/// The replies to a message
///
/// Oldest first.
#[utoipa::path(get, path = "/messages/{id}/thread", operation_id = "listThread", tag = "Messages",
    params(("id" = MessageId, Path), AfterQuery), responses(Inside))]
pub(super) async fn thread(
    Caller(cx): Caller,
    PathParam(id): PathParam<MessageId>,
    QueryParams(query): QueryParams<AfterQuery>,
) -> PageResult<Message, ById> {
    let window = query.after.map_or(Window::Oldest, |after| Window::After(after.get()));
    let page = messages::thread(&cx, id, window, Limit::of(query.limit)?).await?;
    paged_by_id(page, window, |message| message.id.get())
}

/// The new content of a message.
#[derive(Deserialize, ToSchema)]
#[schema(as = EditMessageRequest)]
pub(super) struct Edit {
    /// Up to 10,000 characters; may be empty where there are attachments.
    #[schema(max_length = 10_000, examples("Hello, everybody!"))]
    content: String,
}

/// Edit a message
///
/// One of your own.
#[utoipa::path(put, path = "/messages/{id}", operation_id = "editMessage", tag = "Messages",
    params(("id" = MessageId, Path)), request_body = Edit, responses(Inside, Conflicting))]
pub(super) async fn edit(
    Caller(cx): Caller,
    PathParam(id): PathParam<MessageId>,
    Body(edit): Body<Edit>,
) -> ApiResult<Message> {
    ok(messages::edit(&cx, id, edit.content).await?)
}

/// Delete a message
///
/// One of your own, or, for the OWNER and ADMINs of a group, any. Its tombstone stays. Repeating it changes nothing.
#[utoipa::path(delete, path = "/messages/{id}", operation_id = "deleteMessage", tag = "Messages",
    params(("id" = MessageId, Path)), responses(Inside))]
pub(super) async fn delete(Caller(cx): Caller, PathParam(id): PathParam<MessageId>) -> ApiResult<Message> {
    ok(messages::delete(&cx, id).await?)
}

/// Up to which message; the newest where nothing is said.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MarkReadRequest)]
pub(super) struct Read {
    #[serde(default)]
    last_read_message_id: Option<MessageId>,
}

/// Mark as read
///
/// The marker never moves back.
#[utoipa::path(post, path = "/conversations/{id}/read", operation_id = "markRead", tag = "Messages",
    params(("id" = ConversationId, Path)), request_body = Option<Read>, responses(Inside))]
pub(super) async fn mark_read(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    MaybeBody(read): MaybeBody<Read>,
) -> ApiResult<ReadState> {
    let up_to = read.unwrap_or_default().last_read_message_id;
    ok(receipts::mark_read(&cx, id, up_to).await?)
}

/// Who has read a message
///
/// Of those who are in the conversation, but its sender.
#[utoipa::path(get, path = "/messages/{id}/read-receipts", operation_id = "listReadReceipts", tag = "Messages",
    params(("id" = MessageId, Path)), responses(Inside))]
pub(super) async fn read_receipts(Caller(cx): Caller, PathParam(id): PathParam<MessageId>) -> ListResult<ReadReceipt> {
    list(receipts::of_message(&cx, id).await?)
}
