//! The small answers: statuses, and what caches are told.

use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, EXPIRES};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use chrono::{TimeDelta, Utc};

pub(super) const PLAIN: &str = "text/plain;charset=UTF-8";

/// A status and nothing else.
pub(super) fn empty(status: StatusCode) -> Response {
    with(status, Body::empty())
}

pub(super) fn not_found() -> Response {
    empty(StatusCode::NOT_FOUND)
}

/// A text that says why.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response {
    typed(status, PLAIN, Body::from(text))
}

pub(super) fn typed(status: StatusCode, content_type: &'static str, body: Body) -> Response {
    let mut response = with(status, body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The method is none of those that the place knows.
pub(super) fn wrong_method(methods: &'static str) -> Response {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

/// Nobody may keep this answer, and no proxy may compress it, since that would hold back a stream.
pub(super) fn never_cache(headers: &mut HeaderMap) {
    let value = HeaderValue::from_static("no-store, no-cache, no-transform, must-revalidate, max-age=0");
    headers.insert(CACHE_CONTROL, value);
}

/// Everybody may keep this answer for a year.
pub(super) fn cache_for_a_year(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000"));
    let expires = (Utc::now() + TimeDelta::days(365)).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(expires) = HeaderValue::try_from(expires) {
        headers.insert(EXPIRES, expires);
    }
}

fn with(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
