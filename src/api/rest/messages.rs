//! The endpoints of messages and what was read.

use serde::Deserialize;

use super::envelope::{Answer, by_ids, created, ok};
use super::input::{Body, Caller, MaybeBody, Names, Params};
use crate::chat::messages::{self, Message, SendMessage};
use crate::chat::page::Window;
use crate::chat::receipts::{self, ReadReceipt, ReadState};
use crate::chat::search::{self, Search};
use crate::error::{Error, Result};
use crate::id::MessageId;

pub(super) async fn page(Caller(cx): Caller, names: Names, params: Params) -> Answer<Vec<Message>> {
    let window = window(&params)?;
    let page = messages::page(&cx, names.id("id")?, window, params.limit()?).await?;
    by_ids(page, window, |message| message.id.get())
}

/// Messages that have files, newest first.
pub(super) async fn with_files(Caller(cx): Caller, names: Names, params: Params) -> Answer<Vec<Message>> {
    let before = params.id::<crate::id::of::Message>("before")?;
    let window = before.map_or(Window::Newest, |before| Window::Before(before.get()));
    let page = messages::with_files(&cx, names.id("id")?, window, params.limit()?).await?;
    by_ids(page, window, |message| message.id.get())
}

/// Before or after a message, or the newest ones.
fn window(params: &Params) -> Result<Window> {
    match (params.id::<crate::id::of::Message>("before")?, params.id::<crate::id::of::Message>("after")?) {
        (Some(_), Some(_)) => Err(Error::bad_request("before and after exclude each other")),
        (Some(before), None) => Ok(Window::Before(before.get())),
        (None, Some(after)) => Ok(Window::After(after.get())),
        (None, None) => Ok(Window::Newest),
    }
}

pub(super) async fn send(Caller(cx): Caller, names: Names, Body(input): Body<SendMessage>) -> Answer<Message> {
    let sent = messages::send(&cx, names.id("id")?, input).await?;
    created(sent.message, !sent.repeated)
}

pub(super) async fn search(Caller(cx): Caller, names: Names, params: Params) -> Answer<Vec<Message>> {
    let before = params.id::<crate::id::of::Message>("before")?;
    let window = before.map_or(Window::Newest, |before| Window::Before(before.get()));
    let query = params.text("query")?.unwrap_or_default().to_owned();
    let search = Search { query, conversation: Some(names.id("id")?) };
    let page = search::messages(&cx, search, window, params.limit()?).await?;
    let page = page.map(|found| found.into_iter().map(|found| found.message).collect());
    by_ids(page, window, |message: &Message| message.id.get())
}

pub(super) async fn thread(Caller(cx): Caller, names: Names, params: Params) -> Answer<Vec<Message>> {
    let after = params.id::<crate::id::of::Message>("after")?;
    let window = after.map_or(Window::Oldest, |after| Window::After(after.get()));
    let page = messages::thread(&cx, names.id("id")?, window, params.limit()?).await?;
    by_ids(page, window, |message| message.id.get())
}

/// The new content of a message.
#[derive(Deserialize)]
pub(super) struct Edit {
    content: String,
}

pub(super) async fn edit(Caller(cx): Caller, names: Names, Body(edit): Body<Edit>) -> Answer<Message> {
    ok(messages::edit(&cx, names.id("id")?, edit.content).await?)
}

pub(super) async fn delete(Caller(cx): Caller, names: Names) -> Answer<Message> {
    ok(messages::delete(&cx, names.id("id")?).await?)
}

/// Up to which message; the newest where nothing is said.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Read {
    #[serde(default)]
    last_read_message_id: Option<MessageId>,
}

pub(super) async fn mark_read(Caller(cx): Caller, names: Names, MaybeBody(read): MaybeBody<Read>) -> Answer<ReadState> {
    let up_to = read.unwrap_or_default().last_read_message_id;
    ok(receipts::mark_read(&cx, names.id("id")?, up_to).await?)
}

pub(super) async fn read_receipts(Caller(cx): Caller, names: Names) -> Answer<Vec<ReadReceipt>> {
    ok(receipts::of_message(&cx, names.id("id")?).await?)
}
