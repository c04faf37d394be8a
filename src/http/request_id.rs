//! The id of a request, which its answer carries in `x-request-id` and every line of the log names that it causes: the
//! caller's own where it is plain, or a new one. A long connection has the id of the request that opened it.

use axum::http::{Extensions, HeaderName, HeaderValue, Request};
use tower_http::request_id::{MakeRequestId, RequestId};
use tracing::Span;

/// Bytes of an id that a caller gives, at most.
const MAX_BYTES: usize = 64;

/// The header of requests and responses.
pub static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Makes ids for requests that bring none.
#[derive(Debug, Clone, Copy)]
pub struct NewId;

impl MakeRequestId for NewId {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        HeaderValue::from_str(&uuid::Uuid::now_v7().to_string()).ok().map(RequestId::new)
    }
}

/// Takes an id out of a request unless it is plain: it would stand in the log as it is.
pub fn remove_if_strange<B>(mut request: Request<B>) -> Request<B> {
    if request.headers().get(&X_REQUEST_ID).is_some_and(|id| !is_plain(id)) {
        request.headers_mut().remove(&X_REQUEST_ID);
    }
    request
}

fn is_plain(id: &HeaderValue) -> bool {
    let bytes = id.as_bytes();
    (1..=MAX_BYTES).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// The id of the request with these extensions; empty where it was given none.
pub fn of(extensions: &Extensions) -> &str {
    extensions.get::<RequestId>().and_then(|id| id.header_value().to_str().ok()).unwrap_or_default()
}

/// The span of the long connection that a request with these extensions opens. Its user is recorded when it is known.
pub fn connection_span(door: &'static str, extensions: &Extensions) -> Span {
    // At the level of errors, since a span below the level of the log would take the id from its lines.
    tracing::error_span!("connection", id = of(extensions), door, user = tracing::field::Empty)
}
