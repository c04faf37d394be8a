//! The endpoints of presence.

use serde::Deserialize;
use serde::de::value::StrDeserializer;

use super::envelope::{ApiResult, ok, paged_by_id};
use super::input::{AfterId, Caller, MaybeBody, PathParam, QueryParams, RawBody};
use crate::chat::page::{self, Window};
use crate::chat::presence::{self, Presence, SetPresence};
use crate::entity::presence::PresenceStatus;
use crate::error::{Error, Result};
use crate::http::body;
use crate::id::UserId;

/// A page of the users after one.
#[derive(Deserialize)]
pub(super) struct AfterQuery {
    after: Option<AfterId>,
    limit: Option<i64>,
}

pub(super) async fn online(
    Caller(cx): Caller,
    QueryParams(query): QueryParams<AfterQuery>,
) -> ApiResult<Vec<Presence>> {
    let page = presence::online(&cx, query.after.and_then(|after| UserId::new(after.get())), page::limit(query.limit)?)
        .await?;
    paged_by_id(page, Window::Oldest, |presence| presence.user_id.get())
}

pub(super) async fn of_user(Caller(cx): Caller, PathParam(user): PathParam<UserId>) -> ApiResult<Presence> {
    ok(presence::of(&cx, user).await?)
}

/// The status, for callers that send no body.
#[derive(Deserialize)]
pub(super) struct StatusQuery {
    status: Option<String>,
}

/// In the body, or, for the status alone, in the query string.
pub(super) async fn set(
    Caller(cx): Caller,
    QueryParams(query): QueryParams<StatusQuery>,
    MaybeBody(body): MaybeBody<SetPresence>,
) -> ApiResult<Presence> {
    let mut input = body.unwrap_or_default();
    if let Some(status) = query.status {
        input.status = Some(status_named(&status)?);
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

pub(super) async fn of_users(Caller(cx): Caller, RawBody(json): RawBody) -> ApiResult<Vec<Presence>> {
    let user_ids = match body::is_list(&json) {
        true => body::from_json(&json)?,
        false => body::object_from_json::<Users>(&json)?.user_ids,
    };
    ok(presence::of_many(&cx, &user_ids).await?)
}
