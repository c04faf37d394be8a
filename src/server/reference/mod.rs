//! The references of REST and STOMP for programs and people, from inside the binary: `/api/openapi.json`,
//! `/api/asyncapi.json`, and a page that shows both at `/api/docs`. It describes no endpoint: they describe themselves.

mod openapi;
mod page;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use utoipa::Number;
use utoipa::openapi::schema::{Object, Schema};
use utoipa::openapi::{OpenApi, RefOr};

use crate::api::stomp;
use crate::api::stomp::described::AsyncApi;
use crate::app::App;
use crate::config::Config;
use crate::http::assets::Asset;

/// The documents of this server, made when somebody asks for the first time.
#[derive(Default)]
struct Documents {
    openapi: OnceLock<Asset>,
    asyncapi: OnceLock<Asset>,
}

/// Without a token; nothing where it is switched off.
pub fn router(app: &Arc<App>) -> Router {
    if !app.config.server.reference {
        return Router::new();
    }
    Router::new()
        .route("/api/openapi.json", get(openapi_document))
        .route("/api/asyncapi.json", get(asyncapi_document))
        .route("/api/docs", get(page::page))
        .route("/api/docs/{file}", get(page::file))
        .with_state((Arc::clone(app), Arc::<Documents>::default()))
}

type Held = State<(Arc<App>, Arc<Documents>)>;

async fn openapi_document(State((app, documents)): Held, asked: HeaderMap) -> Response {
    documents.openapi.get_or_init(|| document("openapi.json", &openapi(&app.config))).page(&asked, NOTHING)
}

async fn asyncapi_document(State((app, documents)): Held, asked: HeaderMap) -> Response {
    documents.asyncapi.get_or_init(|| document("asyncapi.json", &asyncapi(&app.config))).page(&asked, NOTHING)
}

/// What a browser may do with a document: show it.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

fn document(name: &str, document: &impl Serialize) -> Asset {
    Asset::new(name, "application/json", serde_json::to_vec(document).unwrap_or_default())
}

/// The reference of REST with default settings, as OpenAPI 3.1.
pub fn openapi_text() -> String {
    print(&openapi(&Config::default()))
}

/// The reference of STOMP with default settings, as AsyncAPI 3.
pub fn asyncapi_text() -> String {
    print(&asyncapi(&Config::default()))
}

/// Not by way of a tree of values, which would not keep the order of fields.
fn print(document: &impl Serialize) -> String {
    format!("{}\n", serde_json::to_string_pretty(document).unwrap_or_default())
}

fn openapi(config: &Config) -> OpenApi {
    let mut document = openapi::openapi(config);
    document.components.iter_mut().for_each(|components| fit(&mut components.schemas, config));
    document
}

fn asyncapi(config: &Config) -> AsyncApi {
    let own = if config.server.tls_cert.is_some() { "https" } else { "http" };
    let url =
        config.server.public_url.clone().unwrap_or_else(|| format!("{own}://{}", config.server.bind.local_address()));
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", &url));
    let (host, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_end_matches('/');
    let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
    let mut document = stomp::described::asyncapi(host, &prefix, scheme == "https");
    fit(&mut document.components.schemas, config);
    document
}

/// Puts the limits that are settings into schemas, which have the default ones.
fn fit(schemas: &mut BTreeMap<String, RefOr<Schema>>, config: &Config) {
    let longest = config.chat.max_message_length;
    for name in ["SendMessageRequest", "EditMessageRequest"] {
        on_field(schemas, name, "content", |content| content.max_length = Some(longest));
    }
    let largest = usize::try_from(config.chat.max_file_size_mb).unwrap_or(usize::MAX);
    for name in ["CreateConversationRequest", "UpdateConversationRequest"] {
        on_field(schemas, name, "maxFileSizeMb", |size| size.maximum = Some(Number::UInt(largest)));
    }
}

fn on_field(schemas: &mut BTreeMap<String, RefOr<Schema>>, name: &str, field: &str, set: impl FnOnce(&mut Object)) {
    if let Some(RefOr::T(Schema::Object(object))) = schemas.get_mut(name)
        && let Some(RefOr::T(Schema::Object(field))) = object.properties.get_mut(field)
    {
        set(field);
    }
}
