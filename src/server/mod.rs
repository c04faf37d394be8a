//! Mounts the doors: request ids and logs, health, what browsers are told, and what is answered where there is no door.
//! They are served in `serve`.

mod access;
mod connection;
pub mod handles;
mod heads;
mod health;
mod holding;
pub mod journal;
mod linger;
mod listen;
mod listeners;
mod pages;
mod proxies;
pub mod reference;
mod serve;
pub mod service_manager;
mod slots;
mod socket;
mod streams;
mod tls;

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;
use tracing::Span;
use tracing::field::Empty;

use crate::api::{graphql, rest, stomp};
use crate::app::App;
use crate::error::{Error, Kind};
use crate::http::error::{error_response, nothing_here};
use crate::http::request_id;
use crate::site;
use crate::telemetry;
use pages::Refusals;

pub use listeners::Listeners;
pub use serve::serve;

/// Everything that answers over HTTP.
pub fn router(app: &Arc<App>) -> Router {
    // What is refused here has to be within the layer, too: it is what answers a browser that asks before it calls.
    let doors = Router::from(rest::router())
        .with_state(Arc::clone(app))
        .merge(graphql::router(app))
        .merge(site::router(app))
        .merge(reference::router(app))
        .fallback(async || nothing_here())
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn(pages::add_headers))
        .layer(pages::compression())
        .layer(pages::cors(&app.config));
    let router = Router::new()
        .merge(doors)
        .merge(stomp::router(app))
        .merge(Router::from(health::router(&app.config.server)).with_state(Arc::clone(app)))
        .method_not_allowed_fallback(no_such_method)
        .layer(CatchPanicLayer::custom(on_panic))
        .layer(middleware::from_fn_with_state(Refusals::new(app), pages::log_refused_origin))
        .layer(middleware::from_fn(count))
        .layer(TraceLayer::new_for_http().make_span_with(span).on_request(()).on_response(log_answer).on_failure(()));
    match app.config.log.access {
        // Around the span, whose path would stand in each line.
        true => router.layer(middleware::from_fn(access::log)),
        false => router,
    }
}

async fn no_such_method() -> Response {
    error_response(&Error::new(Kind::MethodNotAllowed, "This address does not take this method"))
}

/// A fault that nobody foresaw: the node stays up, the caller gets the fixed sentence.
fn on_panic(cause: Box<dyn Any + Send>) -> Response {
    let said = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let said = said.or_else(|| cause.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(cause = said, "a handler panicked");
    error_response(&Error::internal())
}

/// Counts every request, by its route, method and status.
async fn count(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let (method, started) = (request.method().clone(), Instant::now());
    let response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), started.elapsed());
    telemetry::answered(route.as_deref().unwrap_or("none"), method.as_str(), status, took);
    response
}

/// The span of a request: every line of the log that it causes names its id. Its user is recorded when it is known.
fn span<B>(request: &axum::http::Request<B>) -> Span {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    // The query is left out, since there may be a token in it. At the level of errors, since a span below the level of the
    // log would take the id from its lines.
    tracing::error_span!(
        "request",
        id = request_id::of(request.extensions()),
        method = %request.method(),
        route,
        path = request.uri().path(),
        user = Empty,
    )
}

fn log_answer<B>(response: &axum::http::Response<B>, took: Duration, _: &Span) {
    let (status, milliseconds) = (response.status().as_u16(), took.as_millis());
    if response.status().is_server_error() {
        tracing::warn!(status, milliseconds, "answered");
    } else {
        tracing::debug!(status, milliseconds, "answered");
    }
}
