//! The endpoints of conversations and their participants.

use serde::Deserialize;

use super::envelope::{Answer, created, ok, paged};
use super::input::{Body, Caller, Names, Params};
use crate::chat::Cx;
use crate::chat::conversations::{self, Conversation, CreateGroup, Listing, Setting, Unread, UpdateConversation};
use crate::error::Result;
use crate::id::UserId;

pub(super) async fn list(Caller(cx): Caller, params: Params) -> Answer<Vec<Conversation>> {
    let archived = Some(params.flag("archived", false)?);
    page(&cx, &params, Listing { archived, ..Listing::default() }).await
}

pub(super) async fn pinned(Caller(cx): Caller, params: Params) -> Answer<Vec<Conversation>> {
    page(&cx, &params, Listing { pinned: Some(true), ..Listing::default() }).await
}

pub(super) async fn search(Caller(cx): Caller, params: Params) -> Answer<Vec<Conversation>> {
    let search = Some(params.text("query")?.unwrap_or_default().to_owned());
    page(&cx, &params, Listing { search, ..Listing::default() }).await
}

/// A page of the caller's conversations, from the `cursor` on.
async fn page(cx: &Cx, params: &Params, narrowed: Listing) -> Answer<Vec<Conversation>> {
    let cursor = params.text("cursor")?.map(str::to_owned);
    let listed = conversations::list(cx, Listing { cursor, ..narrowed }, params.limit()?).await?;
    let next = listed.items.last().filter(|_| listed.has_more).map(conversations::cursor);
    paged(listed.items, listed.has_more, next)
}

pub(super) async fn unread(Caller(cx): Caller) -> Answer<Unread> {
    ok(conversations::unread(&cx).await?)
}

pub(super) async fn get(Caller(cx): Caller, names: Names) -> Answer<Conversation> {
    ok(conversations::get(&cx, names.id("id")?).await?)
}

pub(super) async fn create(Caller(cx): Caller, Body(input): Body<CreateGroup>) -> Answer<Conversation> {
    created(conversations::create_group(&cx, input).await?, true)
}

pub(super) async fn open_direct(Caller(cx): Caller, names: Names) -> Answer<Conversation> {
    let opened = conversations::open_direct(&cx, names.id("userId")?).await?;
    created(opened.conversation, opened.created)
}

pub(super) async fn update(
    Caller(cx): Caller,
    names: Names,
    Body(input): Body<UpdateConversation>,
) -> Answer<Conversation> {
    ok(conversations::update(&cx, names.id("id")?, input).await?)
}

pub(super) async fn leave(Caller(cx): Caller, names: Names) -> Answer<()> {
    ok(conversations::leave(&cx, names.id("id")?).await?)
}

/// Whom to add; both spellings are taken.
#[derive(Deserialize)]
pub(super) struct Users {
    #[serde(rename = "userIds", alias = "participantIds")]
    user_ids: Vec<UserId>,
}

pub(super) async fn add_participants(
    Caller(cx): Caller,
    names: Names,
    Body(users): Body<Users>,
) -> Answer<Conversation> {
    ok(conversations::add_participants(&cx, names.id("id")?, users.user_ids).await?)
}

pub(super) async fn remove_participant(Caller(cx): Caller, names: Names) -> Answer<()> {
    ok(conversations::remove_participant(&cx, names.id("id")?, names.id("userId")?).await?)
}

pub(super) async fn mute(caller: Caller, names: Names, params: Params) -> Answer<Conversation> {
    ok(set(caller, names, params.flag("muted", true), Setting::Muted).await?)
}

pub(super) async fn pin(caller: Caller, names: Names, params: Params) -> Answer<Conversation> {
    ok(set(caller, names, params.flag("pinned", true), Setting::Pinned).await?)
}

pub(super) async fn archive(caller: Caller, names: Names, params: Params) -> Answer<Conversation> {
    ok(set(caller, names, params.flag("archived", true), Setting::Archived).await?)
}

async fn set(Caller(cx): Caller, names: Names, on: Result<bool>, setting: Setting) -> Result<Conversation> {
    conversations::set(&cx, names.id("id")?, setting, on?).await
}
