//! The endpoints of conversations and their participants.

use serde::Deserialize;

use super::envelope::{ApiResult, created, ok, paged};
use super::input::{Body, Caller, PathParam, PathParams, QueryParams};
use crate::chat::Cx;
use crate::chat::conversations::{self, Conversation, CreateGroup, Listing, Setting, Unread, UpdateConversation};
use crate::chat::page;
use crate::chat::views::participant::Participant;
use crate::id::{ConversationId, UserId};

/// Where a page begins, and how many there are on it.
#[derive(Deserialize)]
pub(super) struct PageQuery {
    cursor: Option<String>,
    limit: Option<i64>,
}

/// A page of the conversations that are archived, or of those that are not.
#[derive(Deserialize)]
pub(super) struct ListQuery {
    archived: Option<bool>,
    cursor: Option<String>,
    limit: Option<i64>,
}

/// A page of the conversations that a text finds.
#[derive(Deserialize)]
pub(super) struct SearchQuery {
    query: Option<String>,
    cursor: Option<String>,
    limit: Option<i64>,
}

pub(super) async fn list(
    Caller(cx): Caller,
    QueryParams(query): QueryParams<ListQuery>,
) -> ApiResult<Vec<Conversation>> {
    let archived = Some(query.archived.unwrap_or(false));
    page(&cx, Listing { archived, cursor: query.cursor, ..Listing::default() }, query.limit).await
}

pub(super) async fn pinned(
    Caller(cx): Caller,
    QueryParams(query): QueryParams<PageQuery>,
) -> ApiResult<Vec<Conversation>> {
    page(&cx, Listing { pinned: Some(true), cursor: query.cursor, ..Listing::default() }, query.limit).await
}

pub(super) async fn search(
    Caller(cx): Caller,
    QueryParams(query): QueryParams<SearchQuery>,
) -> ApiResult<Vec<Conversation>> {
    let search = Some(query.query.unwrap_or_default());
    page(&cx, Listing { search, cursor: query.cursor, ..Listing::default() }, query.limit).await
}

async fn page(cx: &Cx, listing: Listing, limit: Option<i64>) -> ApiResult<Vec<Conversation>> {
    let listed = conversations::list(cx, listing, page::limit(limit)?).await?;
    let next = listed.items.last().filter(|_| listed.has_more).map(conversations::cursor);
    paged(listed.items, listed.has_more, next)
}

pub(super) async fn unread(Caller(cx): Caller) -> ApiResult<Unread> {
    ok(conversations::unread(&cx).await?)
}

pub(super) async fn get(Caller(cx): Caller, PathParam(id): PathParam<ConversationId>) -> ApiResult<Conversation> {
    ok(conversations::get(&cx, id).await?)
}

pub(super) async fn create(Caller(cx): Caller, Body(input): Body<CreateGroup>) -> ApiResult<Conversation> {
    created(conversations::create_group(&cx, input).await?, true)
}

pub(super) async fn open_direct(Caller(cx): Caller, PathParam(user): PathParam<UserId>) -> ApiResult<Conversation> {
    let opened = conversations::open_direct(&cx, user).await?;
    created(opened.conversation, opened.created)
}

pub(super) async fn update(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    Body(input): Body<UpdateConversation>,
) -> ApiResult<Conversation> {
    ok(conversations::update(&cx, id, input).await?)
}

pub(super) async fn leave(Caller(cx): Caller, PathParam(id): PathParam<ConversationId>) -> ApiResult<()> {
    ok(conversations::leave(&cx, id).await?)
}

/// Whom to add; both spellings are taken.
#[derive(Deserialize)]
pub(super) struct Users {
    #[serde(rename = "userIds", alias = "participantIds")]
    user_ids: Vec<UserId>,
}

pub(super) async fn add(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    Body(users): Body<Users>,
) -> ApiResult<Conversation> {
    ok(conversations::add_participants(&cx, id, users.user_ids).await?)
}

pub(super) async fn participants(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    QueryParams(query): QueryParams<PageQuery>,
) -> ApiResult<Vec<Participant>> {
    let limit = page::limit(query.limit)?;
    let page = conversations::participants(&cx, id, query.cursor.as_deref(), None, limit).await?;
    let next = page.items.last().filter(|_| page.has_more).map(|last| last.cursor.clone());
    paged(page.items.into_iter().map(|listed| listed.participant).collect(), page.has_more, next)
}

pub(super) async fn remove_participant(
    Caller(cx): Caller,
    PathParams(id, user): PathParams<ConversationId, UserId>,
) -> ApiResult<()> {
    ok(conversations::remove_participant(&cx, id, user).await?)
}

/// Whether to mute; yes where nothing is said.
#[derive(Deserialize)]
pub(super) struct MuteQuery {
    muted: Option<bool>,
}

/// Whether to pin; yes where nothing is said.
#[derive(Deserialize)]
pub(super) struct PinQuery {
    pinned: Option<bool>,
}

/// Whether to archive; yes where nothing is said.
#[derive(Deserialize)]
pub(super) struct ArchiveQuery {
    archived: Option<bool>,
}

pub(super) async fn mute(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    QueryParams(query): QueryParams<MuteQuery>,
) -> ApiResult<Conversation> {
    ok(conversations::set(&cx, id, Setting::Muted, query.muted.unwrap_or(true)).await?)
}

pub(super) async fn pin(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    QueryParams(query): QueryParams<PinQuery>,
) -> ApiResult<Conversation> {
    ok(conversations::set(&cx, id, Setting::Pinned, query.pinned.unwrap_or(true)).await?)
}

pub(super) async fn archive(
    Caller(cx): Caller,
    PathParam(id): PathParam<ConversationId>,
    QueryParams(query): QueryParams<ArchiveQuery>,
) -> ApiResult<Conversation> {
    ok(conversations::set(&cx, id, Setting::Archived, query.archived.unwrap_or(true)).await?)
}
