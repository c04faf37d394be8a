//! The small responses, and the headers for caches.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, EXPIRES};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The content type of plain text.
pub(super) const PLAIN: &str = "text/plain;charset=UTF-8";

/// A response without a body.
pub(super) fn empty(status: StatusCode) -> Response {
    with(status, Body::empty())
}

pub(super) fn not_found() -> Response {
    empty(StatusCode::NOT_FOUND)
}

/// A response with a plain text.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response {
    typed(status, PLAIN, Body::from(text))
}

/// A response with a body of this type.
pub(super) fn typed(status: StatusCode, content_type: &'static str, body: Body) -> Response {
    let mut response = with(status, body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The response to a method that the resource does not have.
pub(super) fn wrong_method(methods: &'static str) -> Response {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

/// Forbids caches to keep a response, and proxies to compress it, since that would hold back a stream.
pub(super) fn never_cache(headers: &mut HeaderMap) {
    let value = HeaderValue::from_static("no-store, no-cache, no-transform, must-revalidate, max-age=0");
    headers.insert(CACHE_CONTROL, value);
}

/// Lets every cache keep a response for a year.
pub(super) fn cache_for_a_year(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000"));
    let expires = httpdate::fmt_http_date(SystemTime::now() + YEAR);
    if let Ok(expires) = HeaderValue::try_from(expires) {
        headers.insert(EXPIRES, expires);
    }
}

fn with(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
