//! What browsers are told about pages of other origins, what they may keep, and how small answers are made (protocol §13).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, ETAG, ORIGIN, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use moka::sync::Cache;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::app::App;
use crate::config::Config;
use crate::http::origin;
use crate::http::request_id::X_REQUEST_ID;

/// Answers smaller than this are sent as they are.
const MIN_COMPRESSED_BYTES: u64 = 1024;
/// How hard all three encodings try: more takes several times as long for a few percent.
const COMPRESSION: CompressionLevel = CompressionLevel::Precise(4);
/// How often the same refused origin stands in the log, and how many of them are remembered for that.
const REFUSAL_PAUSE: Duration = Duration::from_secs(60);
const MAX_REFUSED_ORIGINS: u64 = 256;
/// Bytes of an origin that are logged.
const MAX_LOGGED_BYTES: usize = 200;

/// Lets pages of allowed origins call with credentials and with whatever headers they ask for: what is allowed is said by
/// the token, and not by the headers beside it.
pub(super) fn cors(settings: &Config) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .allow_credentials(true)
        .expose_headers([CONTENT_DISPOSITION, CONTENT_RANGE, ETAG, RETRY_AFTER, X_REQUEST_ID.clone()])
        .max_age(Duration::from_secs(3600));
    if settings.cors.any() {
        return layer.allow_origin(AllowOrigin::mirror_request());
    }
    let origins = origin::allowed(settings);
    let is_named = move |origin: &HeaderValue, _: &Parts| origin.to_str().is_ok_and(|origin| origins.names(origin));
    layer.allow_origin(AllowOrigin::predicate(is_named))
}

/// Compresses answers of 1 KiB and more by gzip, Brotli or Zstandard where the client takes it. Files, which are small
/// already or read in parts, and streams of events are left as they are.
pub(super) fn compression() -> CompressionLayer<impl Predicate> {
    let is_worth_it = SizeAbove::new(MIN_COMPRESSED_BYTES)
        .and(NotForContentType::SSE)
        .and(NotForContentType::IMAGES)
        .and(NotForContentType::const_new("font/"))
        .and(|_, _, headers: &HeaderMap, _: &_| !headers.contains_key(CONTENT_DISPOSITION));
    CompressionLayer::new().quality(COMPRESSION).compress_when(is_worth_it)
}

/// What an answer says of itself where its door says nothing else: nobody keeps it, and it is what it says it is.
pub(super) async fn add_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    response
}

/// The origins that were refused a short while ago.
#[derive(Clone)]
pub(super) struct Refusals {
    app: Arc<App>,
    logged: Cache<String, ()>,
}

impl Refusals {
    pub fn new(app: &Arc<App>) -> Self {
        let logged = Cache::builder().max_capacity(MAX_REFUSED_ORIGINS).time_to_live(REFUSAL_PAUSE).build();
        Self { app: Arc::clone(app), logged }
    }
}

/// Tells the operator of a page whose calls its browser, or a door, refuses: once a minute for each origin.
pub(super) async fn log_refused_origin(State(refusals): State<Refusals>, request: Request, next: Next) -> Response {
    if request.headers().contains_key(ORIGIN) {
        let (parts, body) = request.into_parts();
        let settings = &refusals.app.config;
        if !origin::is_allowed(settings, &parts) {
            let origin = parts.headers.get(ORIGIN).map(HeaderValue::as_bytes).unwrap_or_default();
            let origin = String::from_utf8_lossy(&origin[..origin.len().min(MAX_LOGGED_BYTES)]).into_owned();
            refusals.logged.entry(origin.clone()).or_insert_with(|| {
                tracing::warn!(
                    ?origin,
                    "pages of this origin are refused; cors.allowed_origins names those that are not"
                );
            });
        }
        return next.run(Request::from_parts(parts, body)).await;
    }
    next.run(request).await
}
