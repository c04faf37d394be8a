//! GraphiQL from inside the binary: no other host is ever asked.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::error::Error;
use crate::http::assets::{Asset, Assets, PICTURE, SCRIPT, STYLE, TEXT};
use crate::http::error::error_response;

/// The files of the page, under `/graphiql/`.
const FILES: [(&str, &str, &[u8]); 9] = [
    ("graphiql.min.css", STYLE, include_bytes!("graphiql.min.css")),
    ("graphiql.min.js", SCRIPT, include_bytes!("graphiql.min.js")),
    ("graphql-ws.min.js", SCRIPT, include_bytes!("graphql-ws.min.js")),
    ("icon.svg", PICTURE, include_bytes!("icon.svg")),
    ("LICENSES.txt", TEXT, include_bytes!("LICENSES.txt")),
    ("page.css", STYLE, include_bytes!("page.css")),
    ("page.js", SCRIPT, include_bytes!("page.js")),
    ("react.production.min.js", SCRIPT, include_bytes!("react.production.min.js")),
    ("react-dom.production.min.js", SCRIPT, include_bytes!("react-dom.production.min.js")),
];

/// Scripts of our own only, no other host, in nobody's frame. GraphiQL sets styles from its script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets::new("graphiql", &FILES));

/// The page, which names its files as they are now.
static PAGE: LazyLock<Asset> = LazyLock::new(|| ASSETS.page(include_str!("index.html")));

/// The page itself.
pub(super) fn page(headers: &HeaderMap) -> Response {
    PAGE.page(headers, POLICY)
}

/// One of its files.
pub(super) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let missing = || error_response(&Error::not_found("There is no such file"));
    ASSETS.file(&name, &headers, POLICY).unwrap_or_else(missing)
}
