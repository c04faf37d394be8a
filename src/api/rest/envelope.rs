//! The envelope of what succeeded: `success`, `error`, `data`, and beside a list its `page` (protocol §2, §4). What a
//! handler answers with says its status and its shape, to clients and to the reference alike.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use super::described;
use super::refusals::{self, Answers};
use crate::chat::page::{Page, Window};
use crate::error::Error;
use crate::http::error;

/// What a handler comes to that answers with one thing: 200.
pub(super) type ApiResult<T> = Result<Success<T>, ApiError>;
/// With something that is new: 201.
pub(super) type CreatedResult<T> = Result<Created<T>, ApiError>;
/// With something that is new, 201, or was there already, 200.
pub(super) type CreatedOrFoundResult<T> = Result<CreatedOrFound<T>, ApiError>;
/// With a list: 200.
pub(super) type ListResult<T> = Result<Listed<T>, ApiError>;
/// With a page of a list: 200, and where to go on.
pub(super) type PageResult<T, P> = Result<Paged<T, P>, ApiError>;

pub(super) struct Success<T>(T);
pub(super) struct Created<T>(T);
pub(super) struct CreatedOrFound<T> {
    thing: T,
    is_new: bool,
}
pub(super) struct Listed<T>(Vec<T>);
pub(super) struct Paged<T, P> {
    things: Vec<T>,
    page: P,
}

/// What has nothing of its own to tell: null.
#[derive(Serialize, ToSchema)]
pub(super) struct Nothing;

/// Where to go on in a list that grows with its ids, in both directions.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PageByIdResponse)]
pub(super) struct ById {
    has_more: bool,
    /// What to pass as `before`; null where the page is empty.
    before: Option<i64>,
    /// What to pass as `after`; null where the page is empty.
    after: Option<i64>,
}

/// Where to go on in a list, with a cursor.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PageByCursorResponse)]
pub(super) struct ByCursor {
    has_more: bool,
    /// Null at the end of the list.
    next: Option<String>,
}

#[derive(Serialize)]
struct Envelope<T, P> {
    success: bool,
    error: (),
    data: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<P>,
}

/// 200 with `data`.
pub(super) fn ok<T>(data: T) -> ApiResult<T> {
    Ok(Success(data))
}

/// 200 with null, once it is done.
pub(super) fn done((): ()) -> ApiResult<Nothing> {
    ok(Nothing)
}

/// 201 with what was made.
pub(super) fn created<T>(thing: T) -> CreatedResult<T> {
    Ok(Created(thing))
}

/// 201 with what was made, or 200 where it was there already.
pub(super) fn created_or_found<T>(thing: T, is_new: bool) -> CreatedOrFoundResult<T> {
    Ok(CreatedOrFound { thing, is_new })
}

/// 200 with a list as a whole.
pub(super) fn list<T>(things: Vec<T>) -> ListResult<T> {
    Ok(Listed(things))
}

/// 200 with a list and where to go on.
pub(super) fn paged<T>(things: Vec<T>, has_more: bool, next: Option<String>) -> PageResult<T, ByCursor> {
    Ok(Paged { things, page: ByCursor { has_more, next } })
}

/// A list that grows with its ids, with what to pass next in either direction: an empty page hands the cursor back.
pub(super) fn paged_by_id<T>(page: Page<T>, window: Window, id: impl Fn(&T) -> i64) -> PageResult<T, ById> {
    let ids = || page.items.iter().map(&id);
    let (given_before, given_after) = match window {
        Window::Before(before) => (Some(before), None),
        Window::After(after) => (None, Some(after)),
        _ => (None, None),
    };
    let (before, after) = (ids().min().or(given_before), ids().max().or(given_after));
    let next = ById { has_more: page.has_more, before, after };
    Ok(Paged { things: page.items, page: next })
}

fn answer<T: Serialize, P: Serialize>(status: StatusCode, data: T, page: Option<P>) -> Response {
    (status, Json(Envelope { success: true, error: (), data, page })).into_response()
}

impl<T: Serialize> IntoResponse for Success<T> {
    fn into_response(self) -> Response {
        answer(StatusCode::OK, self.0, None::<()>)
    }
}

impl<T: ToSchema> IntoResponses for Success<T> {
    fn responses() -> Answers {
        described::one::<T>(&[StatusCode::OK])
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        answer(StatusCode::CREATED, self.0, None::<()>)
    }
}

impl<T: ToSchema> IntoResponses for Created<T> {
    fn responses() -> Answers {
        described::one::<T>(&[StatusCode::CREATED])
    }
}

impl<T: Serialize> IntoResponse for CreatedOrFound<T> {
    fn into_response(self) -> Response {
        let status = if self.is_new { StatusCode::CREATED } else { StatusCode::OK };
        answer(status, self.thing, None::<()>)
    }
}

impl<T: ToSchema> IntoResponses for CreatedOrFound<T> {
    fn responses() -> Answers {
        described::one::<T>(&[StatusCode::OK, StatusCode::CREATED])
    }
}

impl<T: Serialize> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        answer(StatusCode::OK, self.0, None::<()>)
    }
}

impl<T: ToSchema> IntoResponses for Listed<T> {
    fn responses() -> Answers {
        described::list::<T>()
    }
}

impl<T: Serialize, P: Serialize> IntoResponse for Paged<T, P> {
    fn into_response(self) -> Response {
        answer(StatusCode::OK, self.things, Some(self.page))
    }
}

impl<T: ToSchema, P: ToSchema> IntoResponses for Paged<T, P> {
    fn responses() -> Answers {
        described::page::<T, P>()
    }
}

/// A failure, in its envelope.
pub(super) struct ApiError(Error);

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        error::error_response(&self.0)
    }
}

/// Whatever is asked for; what only some endpoints refuse with, they name.
impl IntoResponses for ApiError {
    fn responses() -> Answers {
        refusals::refusals(&refusals::EVERYWHERE)
    }
}
