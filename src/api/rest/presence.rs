//! The endpoints of presence.

use serde::Deserialize;
use serde::de::value::StrDeserializer;

use super::envelope::{Answer, by_ids, ok};
use super::input::{Caller, MaybeBody, Names, Params, Unread};
use crate::chat::page::Window;
use crate::chat::presence::{self, Presence, SetPresence};
use crate::entity::presence::PresenceStatus;
use crate::error::{Error, Result};
use crate::http::body;
use crate::id::UserId;

pub(super) async fn online(Caller(cx): Caller, params: Params) -> Answer<Vec<Presence>> {
    let page = presence::online(&cx, params.id("after")?, params.limit()?).await?;
    by_ids(page, Window::Oldest, |presence| presence.user_id.get())
}

pub(super) async fn of_user(Caller(cx): Caller, names: Names) -> Answer<Presence> {
    ok(presence::of(&cx, names.id("userId")?).await?)
}

/// In the body, or, for the status alone, in the query string.
pub(super) async fn set(
    Caller(cx): Caller,
    params: Params,
    MaybeBody(body): MaybeBody<SetPresence>,
) -> Answer<Presence> {
    let mut input = body.unwrap_or_default();
    if let Some(status) = params.text("status")? {
        input.status = Some(status_named(status)?);
    }
    if input.status.is_none() && input.status_message.is_none() {
        return Err(Error::bad_request("Say a status or a statusMessage").into());
    }
    ok(presence::set(&cx, input).await?)
}

fn status_named(name: &str) -> Result<PresenceStatus> {
    let status = PresenceStatus::deserialize(StrDeserializer::<serde::de::value::Error>::new(name));
    status.map_err(|_| Error::bad_request("status must be ONLINE, AWAY, DND or OFFLINE"))
}

/// Whom to ask for; a bare list is taken too.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Users {
    user_ids: Vec<UserId>,
}

pub(super) async fn of_users(Caller(cx): Caller, Unread(json): Unread) -> Answer<Vec<Presence>> {
    let user_ids = match body::is_list(&json) {
        true => body::from_json(&json)?,
        false => body::object_from_json::<Users>(&json)?.user_ids,
    };
    ok(presence::of_many(&cx, &user_ids).await?)
}
