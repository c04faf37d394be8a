//! Mounts the doors and serves them: the accept loop with its limits, request ids and logs, health, and shutdown.

mod linger;

use std::any::Any;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE, RETRY_AFTER,
};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::answer::refuse;
use crate::app::App;
use crate::config::Cors;
use crate::error::{Error, Kind};
use crate::{graphql, metrics, rest, stomp};
use linger::Connection;

/// How long a client may take for the head of a request, and the server for its last requests.
const HEADERS: Duration = Duration::from_secs(10);
const LAST_REQUESTS: Duration = Duration::from_secs(10);
/// Bytes of the head of a request, at most.
const LARGEST_HEAD: usize = 64 * 1024;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Everything that answers over HTTP.
pub fn router(app: &Arc<App>) -> Router {
    // What is refused here has to be within the layer, too: it is what answers a browser that asks before it calls.
    let doors = rest::router(app)
        .merge(graphql::router(app))
        .fallback(nothing_here)
        .method_not_allowed_fallback(another_method)
        .layer(cors(&app.config.cors));
    let health = Router::new()
        .route("/health/live", get(|| async { "ok" }))
        .route("/health/ready", get(ready))
        .route(
            "/metrics",
            get(|| async { ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics::render()) }),
        )
        .with_state(Arc::clone(app));
    Router::new()
        .merge(doors)
        .merge(stomp::router(app))
        .merge(health)
        .method_not_allowed_fallback(another_method)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(accompany))
}

async fn nothing_here() -> Response {
    refuse(&Error::not_found("There is nothing at this address"))
}

async fn another_method() -> Response {
    refuse(&Error::new(Kind::MethodNotAllowed, "This address does not take this method"))
}

/// Whether the server should be sent requests: its database answers and it is not stopping.
async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.stopping.is_cancelled() {
        return refuse(&Error::unavailable());
    }
    match app.chat.ready().await {
        Ok(()) => "ok".into_response(),
        Err(error) => refuse(&error),
    }
}

fn cors(settings: &Cors) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH, IF_RANGE, RANGE, REQUEST_ID.clone()])
        .expose_headers([CONTENT_DISPOSITION, CONTENT_RANGE, ETAG, RETRY_AFTER, REQUEST_ID.clone()])
        .max_age(Duration::from_secs(3600));
    if settings.any() {
        return layer.allow_origin(AllowOrigin::mirror_request());
    }
    let origins = settings.allowed_origins.iter().filter_map(|origin| origin.trim_end_matches('/').parse().ok());
    layer.allow_origin(AllowOrigin::list(origins.collect::<Vec<HeaderValue>>()))
}

/// A fault that nobody foresaw: the node stays up, the caller gets the fixed sentence.
fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let said = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let said = said.or_else(|| cause.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(cause = said, "a handler panicked");
    refuse(&Error::internal())
}

/// Gives every request an id, which its answer carries and its log line names. Queries are not logged: there may be
/// a token in them.
async fn accompany(request: Request, next: Next) -> Response {
    let given = request.headers().get(&REQUEST_ID).filter(|id| is_plain(id)).cloned();
    let id = given.unwrap_or_else(|| {
        HeaderValue::from_str(&uuid::Uuid::now_v7().to_string()).expect("a UUID is hexadecimal digits and dashes")
    });
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let (method, path, started) = (request.method().clone(), request.uri().path().to_owned(), Instant::now());
    let mut response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), started.elapsed());
    metrics::answered(route.as_deref().unwrap_or("none"), method.as_str(), status, took);
    let (request_id, milliseconds) = (id.to_str().unwrap_or_default(), took.as_millis());
    if response.status().is_server_error() {
        tracing::warn!(request_id, %method, path, status, milliseconds, "answered");
    } else {
        tracing::debug!(request_id, %method, path, status, milliseconds, "answered");
    }
    response.headers_mut().insert(REQUEST_ID.clone(), id);
    response
}

fn is_plain(id: &HeaderValue) -> bool {
    let bytes = id.as_bytes();
    (1..=64).contains(&bytes.len()) && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// Serves until the app is told to stop, then lets the last requests finish.
pub async fn serve(app: &Arc<App>, listener: TcpListener) {
    let router = router(app);
    let graceful = GracefulShutdown::new();
    let most = usize::try_from(app.config.limits.connections).unwrap_or(usize::MAX);
    let places =
        Arc::new(Semaphore::new(if most == 0 { Semaphore::MAX_PERMITS } else { most.min(Semaphore::MAX_PERMITS) }));
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS).max_buf_size(LARGEST_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .keep_alive_interval(Duration::from_secs(20))
        .max_header_list_size(LARGEST_HEAD as u32);
    while let Some(stream) = accept(&listener, &app.stopping).await {
        // Beyond the limit a connection is closed at once: a client that waits in vain is worse.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let service = router.clone();
        let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let service = service.clone();
            async move { Ok::<_, Infallible>(linger::answer(request, |request| answer(service, request)).await) }
        });
        let stream = TokioIo::new(Connection::new(stream, place));
        let connection = graceful.watch(builder.serve_connection_with_upgrades(stream, service).into_owned());
        tokio::spawn(async move {
            if let Err(cause) = connection.await {
                tracing::debug!(%cause, "a connection ended");
            }
        });
    }
    // Whoever comes now is refused, and goes to another node.
    drop(listener);
    if tokio::time::timeout(LAST_REQUESTS, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

async fn answer(router: Router, request: Request) -> Response {
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The next connection, without Nagle's delay: frames are gathered where they are written.
async fn accept(listener: &TcpListener, stopping: &CancellationToken) -> Option<TcpStream> {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.cancelled() => return None,
        };
        match accepted {
            Ok((stream, _)) => {
                let _slower = stream.set_nodelay(true);
                return Some(stream);
            }
            Err(cause) => {
                // Out of file handles, most likely: they come back.
                tracing::warn!(%cause, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
