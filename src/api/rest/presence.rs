//! The endpoints of presence.

use serde::Deserialize;
use serde::de::value::StrDeserializer;
use utoipa::{IntoParams, ToSchema};

use super::envelope::{ApiResult, ById, ListResult, PageResult, list, ok, paged_by_id};
use super::input::{AfterId, Caller, Limit, MaybeBody, PathParam, QueryParams, RawBody};
use super::refusals::MustBeThere;
use crate::chat::page::Window;
use crate::chat::presence::{self, Presence, SetPresence};
use crate::entity::presence::PresenceStatus;
use crate::error::{Error, Result};
use crate::http::body;
use crate::id::UserId;

/// A page of the users after one.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AfterQuery {
    /// The users after this one, 0 for the first ones.
    #[param(inline)]
    after: Option<AfterId>,
    #[param(inline)]
    limit: Option<Limit>,
}

/// Who is online
///
/// Of those whose presence you may see, by their ids.
#[utoipa::path(get, path = "/presence", operation_id = "listOnline", tag = "Presence", params(AfterQuery))]
pub(super) async fn online(
    Caller(cx): Caller,
    QueryParams(query): QueryParams<AfterQuery>,
) -> PageResult<Presence, ById> {
    let after = query.after.and_then(|after| UserId::new(after.get()));
    let page = presence::online(&cx, after, Limit::of(query.limit)?).await?;
    paged_by_id(page, Window::Oldest, |presence| presence.user_id.get())
}

/// How somebody is
#[utoipa::path(get, path = "/presence/{userId}", operation_id = "getPresence", tag = "Presence",
    params(("userId" = UserId, Path)), responses(MustBeThere))]
pub(super) async fn of_user(Caller(cx): Caller, PathParam(user): PathParam<UserId>) -> ApiResult<Presence> {
    ok(presence::of(&cx, user).await?)
}

/// The status, for callers that send no body.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StatusQuery {
    /// In place of that of the body.
    #[param(value_type = Option<PresenceStatus>)]
    status: Option<String>,
}

/// Say how you are
///
/// In the body, or, for the status alone, in the query string.
#[utoipa::path(put, path = "/presence/status", operation_id = "setPresence", tag = "Presence",
    params(StatusQuery), request_body = Option<SetPresence>)]
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

/// Whom to ask for; a bare list is taken, too.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = PresenceUsersRequest)]
pub(super) enum Asked {
    Named(Users),
    Bare(Vec<UserId>),
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserIdsRequest)]
pub(super) struct Users {
    #[schema(max_items = 500, examples(json!([2, 3])))]
    user_ids: Vec<UserId>,
}

/// How several people are
///
/// Those whose presence you may not see are left out. A bare list of ids is taken, too.
#[utoipa::path(post, path = "/presence/users", operation_id = "queryPresence", tag = "Presence", request_body = Asked)]
pub(super) async fn of_users(Caller(cx): Caller, RawBody(json): RawBody) -> ListResult<Presence> {
    let asked = match body::is_list(&json) {
        true => Asked::Bare(body::from_json(&json)?),
        false => Asked::Named(body::object_from_json(&json)?),
    };
    let (Asked::Named(Users { user_ids }) | Asked::Bare(user_ids)) = asked;
    list(presence::of_many(&cx, &user_ids).await?)
}
