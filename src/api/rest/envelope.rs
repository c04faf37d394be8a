//! The envelope of what succeeded: `success`, `error`, `data`, and beside a list its `page` (protocol §2, §4).

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::chat::page::{Page, Window};
use crate::error::Error;
use crate::http::error;

/// What a handler comes to.
pub(super) type ApiResult<T> = Result<Success<T>, ApiError>;

/// A success with its data.
pub(super) struct Success<T> {
    status: StatusCode,
    data: T,
    page: Option<Cursors>,
}

/// Where to go on from a list: after messages in both directions, elsewhere with one cursor.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Cursors {
    #[serde(rename_all = "camelCase")]
    Ids { has_more: bool, before: Option<i64>, after: Option<i64> },
    #[serde(rename_all = "camelCase")]
    Cursor { has_more: bool, next: Option<String> },
}

#[derive(Serialize)]
struct Envelope<T> {
    success: bool,
    error: (),
    data: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<Cursors>,
}

/// 200 with `data`.
pub(super) fn ok<T>(data: T) -> ApiResult<T> {
    Ok(Success { status: StatusCode::OK, data, page: None })
}

/// 201 with what was made, or 200 where it was there already.
pub(super) fn created<T>(data: T, is_new: bool) -> ApiResult<T> {
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(Success { status, data, page: None })
}

/// 200 with a list and where to go on.
pub(super) fn paged<T>(data: T, has_more: bool, next: Option<String>) -> ApiResult<T> {
    Ok(Success { status: StatusCode::OK, data, page: Some(Cursors::Cursor { has_more, next }) })
}

/// A list that grows with its ids, with what to pass next in either direction: an empty page hands the cursor back.
pub(super) fn paged_by_id<T>(page: Page<T>, window: Window, id: impl Fn(&T) -> i64) -> ApiResult<Vec<T>> {
    let ids = || page.items.iter().map(&id);
    let (given_before, given_after) = match window {
        Window::Before(before) => (Some(before), None),
        Window::After(after) => (None, Some(after)),
        _ => (None, None),
    };
    let (before, after) = (ids().min().or(given_before), ids().max().or(given_after));
    let next = Cursors::Ids { has_more: page.has_more, before, after };
    Ok(Success { status: StatusCode::OK, data: page.items, page: Some(next) })
}

impl<T: Serialize> IntoResponse for Success<T> {
    fn into_response(self) -> Response {
        let envelope = Envelope { success: true, error: (), data: self.data, page: self.page };
        (self.status, Json(envelope)).into_response()
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
