//! The access log of requests: one line for each, once its answer begins. Routes stand there as patterns and without a query,
//! so that neither a token nor the id of a session does.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;

use crate::http::access::{self, TARGET};
use crate::http::request_id;
use crate::id::UserId;
use crate::telemetry;

/// Answers a request and writes its line.
pub(super) async fn log(request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    let route = extensions.get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let (request_id, address) = (request_id::of(extensions).to_owned(), access::address(extensions));
    let method = telemetry::known_method(request.method().as_str());
    let started = Instant::now();
    let (response, notes) = access::noting(next.run(request)).await;
    tracing::info!(
        target: TARGET,
        method,
        route = route.as_deref().unwrap_or("none"),
        status = response.status().as_u16(),
        milliseconds = started.elapsed().as_micros() as f64 / 1_000.0,
        user = notes.user.map(UserId::get),
        operation = notes.operations,
        address = address.map(tracing::field::display),
        request_id,
        "request"
    );
    response
}
