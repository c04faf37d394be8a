//! The page that shows both references to people. It is a client like any other: it reads the documents that programs read,
//! and knows no endpoint.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::error::Error;
use crate::http::assets::{Asset, Assets, PICTURE, SCRIPT, STYLE};
use crate::http::error::error_response;

/// The files of the page, under `/api/docs/`.
const FILES: [(&str, &str, &[u8]); 4] = [
    ("icon.svg", PICTURE, include_bytes!("page/icon.svg")),
    ("page.css", STYLE, include_bytes!("page/page.css")),
    ("schema.js", SCRIPT, include_bytes!("page/schema.js")),
    ("page.js", SCRIPT, include_bytes!("page/page.js")),
];

/// Scripts and styles of our own only, no other host, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets::new("docs", &FILES));

/// The page, which names its files as they are now.
static PAGE: LazyLock<Asset> = LazyLock::new(|| ASSETS.page(include_str!("page/index.html")));

pub(super) async fn page(headers: HeaderMap) -> Response {
    PAGE.page(&headers, POLICY)
}

/// One of its files.
pub(super) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let missing = || error_response(&Error::not_found("There is no such file"));
    ASSETS.file(&name, &headers, POLICY).unwrap_or_else(missing)
}
