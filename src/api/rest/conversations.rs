//! The endpoints of conversations and their participants.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::envelope::{
    ApiResult, ByCursor, CreatedOrFoundResult, CreatedResult, Nothing, PageResult, created, created_or_found, done, ok,
    paged,
};
use super::input::{Body, Caller, Limit, PathParam, PathParams, QueryParams};
use super::refusals::{Inside, MustBeThere};
use crate::chat::conversations::{self, Conversation, CreateGroup, Listing, Setting, Unread, UpdateConversation};
use crate::chat::views::participant::Participant;
use crate::chat::{Cx, users};
use crate::error::Error;
use crate::id::{ConversationId, UserId};

/// Where a page begins, and how many there are on it.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// `page.next` of the page before.
    cursor: Option<String>,
    #[param(inline)]
    limit: Option<Limit>,
}

/// A page of the conversations that are archived, or of those that are not.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Those that are archived, or those that are not.
    #[param(default = false)]
    archived: Option<bool>,
    /// `page.next` of the page before.
    cursor: Option<String>,
    #[param(inline)]
    limit: Option<Limit>,
}

/// A page of the conversations that a text finds.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchQuery {
    /// 1 to 200 characters after trimming.
    #[param(required, min_length = 1, max_length = 200, example = "project")]
    query: Option<String>,
    /// `page.next` of the page before.
    cursor: Option<String>,
    #[param(inline)]
    limit: Option<Limit>,
}

/// Your conversations
///
/// Pinned ones first, then latest activity first.
#[utoipa::path(
    get,
    path = "/conversations",
    operation_id = "listConversations",
    tag = "Conversations",
    params(ListQuery)
)]
pub(super) async fn list(
    Caller(cx): Caller,
    QueryParams(query): QueryParams<ListQuery>,
) -> PageResult<Conversation, ByCursor> {
    let archived = Some(query.archived.unwrap_or(false));
    page(&cx, Listing { archived, cursor: query.cursor, ..Listing::default() }, query.limit).await
}

/// Your pinned conversations
#[utoipa::path(
    get,
    path = "/conversations/pinned",
    operation_id = "listPinnedConversations",
    tag = "Conversations",
    params(PageQuery)
)]
pub(super) async fn pinned(
    Caller(cx): Caller,
    QueryParams(query): QueryParams<PageQuery>,
) -> PageResult<Conversation, ByCursor> {
    page(&cx, Listing { pinned: Some(true), cursor: query.cursor, ..Listing::default() }, query.limit).await
}

/// Find groups
///
/// Your groups whose name or description holds a text.
#[utoipa::path(
    get,
    path = "/conversations/search",
    operation_id = "searchConversations",
    tag = "Conversations",
    params(SearchQuery)
)]
pub(super) async fn search(
    Caller(cx): Caller,
    QueryParams(query): QueryParams<SearchQuery>,
) -> PageResult<Conversation, ByCursor> {
    let search = Some(query.query.unwrap_or_default());
    page(&cx, Listing { search, cursor: query.cursor, ..Listing::default() }, query.limit).await
}

async fn page(cx: &Cx, listing: Listing, limit: Option<Limit>) -> PageResult<Conversation, ByCursor> {
    let listed = conversations::list(cx, listing, Limit::of(limit)?).await?;
    let next = listed.items.last().filter(|_| listed.has_more).map(conversations::cursor);
    paged(listed.items, listed.has_more, next)
}

/// What is unread
///
/// Archived conversations included; those without anything unread are left out.
#[utoipa::path(get, path = "/conversations/unread", operation_id = "getUnread", tag = "Conversations")]
pub(super) async fn unread(Caller(cx): Caller) -> ApiResult<Unread> {
    ok(conversations::unread(&cx).await?)
}

/// A conversation
#[utoipa::path(get, path = "/conversations/{id}", operation_id = "getConversation", tag = "Conversations",
    params(("id" = ConversationId, Path)), responses(Inside))]
pub(super) async fn get(Caller(cx): Caller, PathParam(id): PathParam<ConversationId>) -> ApiResult<Conversation> {
    ok(conversations::get(&cx, id).await?)
}

/// Create a group
///
/// You become its OWNER.
#[utoipa::path(post, path = "/conversations", operation_id = "createConversation", tag = "Conversations",
    request_body = CreateGroup, responses(MustBeThere))]
pub(super) async fn create(Caller(cx): Caller, Body(input): Body<CreateGroup>) -> CreatedResult<Conversation> {
    created(conversations::create_group(&cx, input).await?)
}

/// Open a direct conversation
///
/// The one that there is with this user, or a new one.
#[utoipa::path(post, path = "/conversations/direct/{userId}", operation_id = "openDirectConversation",
    tag = "Conversations", params(("userId" = UserId, Path)), responses(MustBeThere))]
pub(super) async fn open_direct(
    Caller(cx): Caller,
    PathParam(user): PathParam<UserId>,
) -> CreatedOrFoundResult<Conversation> {
    let opened = conversations::open_direct(&cx, user).await?;
    created_or_found(opened.conversation, opened.created)
}

/// With whom to open a conversation.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OpenDirectRequest)]
pub(super) struct Somebody {
    /// The text by which the host application knows them, where users have texts (`auth.user_ids`).
    #[schema(min_length = 1, max_length = 255, examples("auth0|64f1c0"))]
    external_id: String,
}

/// Open a direct conversation by an external id
///
/// The one that there is with this user, or a new one.
#[utoipa::path(post, path = "/conversations/direct", operation_id = "openDirectConversationByExternalId",
    tag = "Conversations", request_body = Somebody, responses(MustBeThere))]
pub(super) async fn open_direct_by_external_id(
    Caller(cx): Caller,
    Body(somebody): Body<Somebody>,
) -> CreatedOrFoundResult<Conversation> {
    let named = users::named(&cx, Vec::new(), vec![somebody.external_id]).await?;
    let user = named.first().copied().ok_or_else(Error::internal)?;
    let opened = conversations::open_direct(&cx, user).await?;
    created_or_found(opened.conversation, opened.created)
}

/// Change a group
///
/// What is left out or null stays. For its OWNER and ADMINs.
#[utoipa::path(put, path = "/conversations/{id}", operation_id = "updateConversation", tag = "Conversations",
    params(("id" = ConversationId, Path)), request_body = UpdateConversation, responses(Inside))]
pub(super) async fn update(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    Body(input): Body<UpdateConversation>,
) -> ApiResult<Conversation> {
    ok(conversations::update(&cx, id, input).await?)
}

/// Leave a group
#[utoipa::path(delete, path = "/conversations/{id}", operation_id = "leaveConversation", tag = "Conversations",
    params(("id" = ConversationId, Path)), responses(Inside))]
pub(super) async fn leave(Caller(cx): Caller, PathParam(id): PathParam<ConversationId>) -> ApiResult<Nothing> {
    done(conversations::leave(&cx, id).await?)
}

/// Whom to add; both spellings are taken.
#[derive(Deserialize, ToSchema)]
#[schema(as = AddParticipantsRequest)]
pub(super) struct Users {
    /// `participantIds` is taken, too.
    #[serde(default, rename = "userIds", alias = "participantIds")]
    #[schema(max_items = 256, examples(json!([4])))]
    user_ids: Option<Vec<UserId>>,
    /// The same by the texts by which the host application knows them, where users have texts.
    #[serde(default, rename = "externalIds")]
    #[schema(max_items = 256)]
    external_ids: Option<Vec<String>>,
}

/// Add participants
///
/// For the OWNER and ADMINs. Whoever is in already stays as they are.
#[utoipa::path(post, path = "/conversations/{id}/participants", operation_id = "addParticipants", tag = "Participants",
    params(("id" = ConversationId, Path)), request_body = Users, responses(Inside))]
pub(super) async fn add(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    Body(people): Body<Users>,
) -> ApiResult<Conversation> {
    let (ids, texts) = (people.user_ids.unwrap_or_default(), people.external_ids.unwrap_or_default());
    ok(conversations::add_participants(&cx, id, users::named(&cx, ids, texts).await?).await?)
}

/// Participants
///
/// All of them, longest-serving first.
#[utoipa::path(get, path = "/conversations/{id}/participants", operation_id = "listParticipants", tag = "Participants",
    params(("id" = ConversationId, Path), PageQuery), responses(Inside))]
pub(super) async fn participants(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    QueryParams(query): QueryParams<PageQuery>,
) -> PageResult<Participant, ByCursor> {
    let limit = Limit::of(query.limit)?;
    let page = conversations::participants(&cx, id, query.cursor.as_deref(), None, limit).await?;
    let next = page.items.last().filter(|_| page.has_more).map(|last| last.cursor.clone());
    paged(page.items.into_iter().map(|listed| listed.participant).collect(), page.has_more, next)
}

/// Remove a participant
///
/// ADMINs remove MEMBERs, the OWNER anybody. Oneself: see leaving.
#[utoipa::path(delete, path = "/conversations/{id}/participants/{userId}", operation_id = "removeParticipant",
    tag = "Participants", params(("id" = ConversationId, Path), ("userId" = UserId, Path)), responses(Inside))]
pub(super) async fn remove_participant(
    Caller(cx): Caller,
    PathParams(id, user): PathParams<ConversationId, UserId>,
) -> ApiResult<Nothing> {
    done(conversations::remove_participant(&cx, id, user).await?)
}

/// Whether to mute; yes where nothing is said.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MuteQuery {
    #[param(default = true)]
    muted: Option<bool>,
}

/// Whether to pin; yes where nothing is said.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PinQuery {
    #[param(default = true)]
    pinned: Option<bool>,
}

/// Whether to archive; yes where nothing is said.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ArchiveQuery {
    #[param(default = true)]
    archived: Option<bool>,
}

/// Mute or unmute a conversation for yourself
#[utoipa::path(put, path = "/conversations/{id}/mute", operation_id = "muteConversation", tag = "Conversations",
    params(("id" = ConversationId, Path), MuteQuery), responses(Inside))]
pub(super) async fn mute(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    QueryParams(query): QueryParams<MuteQuery>,
) -> ApiResult<Conversation> {
    ok(conversations::set(&cx, id, Setting::Muted, query.muted.unwrap_or(true)).await?)
}

/// Pin or unpin a conversation for yourself
#[utoipa::path(put, path = "/conversations/{id}/pin", operation_id = "pinConversation", tag = "Conversations",
    params(("id" = ConversationId, Path), PinQuery), responses(Inside))]
pub(super) async fn pin(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    QueryParams(query): QueryParams<PinQuery>,
) -> ApiResult<Conversation> {
    ok(conversations::set(&cx, id, Setting::Pinned, query.pinned.unwrap_or(true)).await?)
}

/// Archive a conversation for yourself, or take it back
#[utoipa::path(put, path = "/conversations/{id}/archive", operation_id = "archiveConversation", tag = "Conversations",
    params(("id" = ConversationId, Path), ArchiveQuery), responses(Inside))]
pub(super) async fn archive(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    QueryParams(query): QueryParams<ArchiveQuery>,
) -> ApiResult<Conversation> {
    ok(conversations::set(&cx, id, Setting::Archived, query.archived.unwrap_or(true)).await?)
}
