//! The request that sends: its body is an array of messages for a session.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use http_body_util::LengthLimitError;
use tokio::time::timeout;

use super::endpoint::Endpoint;
use super::message_array::MessageArray;
use super::{cookie, reply};

/// Hands the messages of a body to the session, once the session has room for them. The body is read as JSON whatever
/// type it has: to send JSON under its own type, a browser would have to ask first.
pub(super) async fn send(endpoint: &Arc<Endpoint>, request: Parts, body: Body, id: &str) -> Response {
    let Some(session) = endpoint.sessions.get(id) else {
        let Some(elsewhere) = &endpoint.options.elsewhere else { return reply::not_found() };
        let asked = (elsewhere.ask)(id.to_owned(), Request::from_parts(request, body)).await;
        return asked.unwrap_or_else(|_| reply::not_found());
    };
    if !endpoint.owns(&session, &request).await {
        return reply::not_found();
    }
    let options = &endpoint.options;
    let limit = if session.owner().is_some() { options.message_limit } else { options.unclaimed_body_limit() };
    let body = match read(&request.headers, body, limit, options.body_timeout).await {
        Ok(body) => body,
        Err(status) => return reply::empty(status),
    };
    if body.is_empty() {
        return reply::plain(StatusCode::INTERNAL_SERVER_ERROR, "Payload expected.\n");
    }
    let bytes = body.len();
    let Some(messages) = String::from_utf8(body.into()).ok().and_then(|text| MessageArray::new(text).ok()) else {
        return reply::plain(StatusCode::INTERNAL_SERVER_ERROR, "Broken JSON encoding.\n");
    };
    if session.deliver(messages, bytes).await.is_err() {
        return reply::not_found();
    }
    // A status without a body has a type all the same, since some browsers take it for XML otherwise.
    let mut response = reply::typed(StatusCode::NO_CONTENT, reply::PLAIN, Body::empty());
    reply::never_cache(response.headers_mut());
    if endpoint.options.set_cookie {
        cookie::set(&request.headers, response.headers_mut());
    }
    response
}

/// The whole body, or the status for one that is compressed, larger than `limit` bytes or slower than `body_timeout`.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    body_timeout: Duration,
) -> Result<Bytes, StatusCode> {
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    match timeout(body_timeout, axum::body::to_bytes(body, limit)).await {
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if error.source().is_some_and(|source| source.is::<LengthLimitError>()) => {
            Err(StatusCode::PAYLOAD_TOO_LARGE)
        }
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
    }
}
