//! GraphiQL from inside the binary: no other host is ever asked. The page names its files by what is in them, so that a
//! browser keeps them for as long as they are the same.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::http::error::error_response;
use crate::http::etag;

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// The files of the page, under `/graphiql/`.
const FILES: [(&str, &str, &[u8]); 9] = [
    ("graphiql.min.css", STYLE, include_bytes!("graphiql.min.css")),
    ("graphiql.min.js", SCRIPT, include_bytes!("graphiql.min.js")),
    ("graphql-ws.min.js", SCRIPT, include_bytes!("graphql-ws.min.js")),
    ("icon.svg", "image/svg+xml", include_bytes!("icon.svg")),
    ("LICENSES.txt", "text/plain; charset=utf-8", include_bytes!("LICENSES.txt")),
    ("page.css", STYLE, include_bytes!("page.css")),
    ("page.js", SCRIPT, include_bytes!("page.js")),
    ("react.production.min.js", SCRIPT, include_bytes!("react.production.min.js")),
    ("react-dom.production.min.js", SCRIPT, include_bytes!("react-dom.production.min.js")),
];

/// Scripts of our own only, no other host, in nobody's frame. GraphiQL sets styles from its script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// What answers a request for the page or a file of it.
struct Asset {
    /// Of a file, with and without the digest of its bytes.
    names: [String; 2],
    kind: &'static str,
    bytes: Vec<u8>,
    /// The same whatever it is compressed with.
    etag: String,
}

impl Asset {
    fn new(name: &str, kind: &'static str, bytes: Vec<u8>) -> Self {
        let digest = hex::encode(&Sha256::digest(&bytes)[..8]);
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let names = [format!("{stem}.{digest}.{extension}"), name.to_owned()];
        Asset { names, kind, bytes, etag: format!("W/\"{digest}\"") }
    }
}

static ASSETS: LazyLock<Vec<Asset>> =
    LazyLock::new(|| FILES.iter().map(|(name, kind, bytes)| Asset::new(name, kind, bytes.to_vec())).collect());

/// The page, which names its files as they are now.
static PAGE: LazyLock<Asset> = LazyLock::new(|| {
    let html = ASSETS.iter().fold(include_str!("index.html").to_owned(), |html, asset| {
        let [lasting, plain] = asset.names.each_ref().map(|name| format!("\"graphiql/{name}\""));
        html.replace(&plain, &lasting)
    });
    Asset::new("index.html", "text/html; charset=utf-8", html.into_bytes())
});

/// The page itself.
pub(super) fn page(headers: &HeaderMap) -> Response {
    serve(&PAGE, headers, false)
}

/// One of its files.
pub(super) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match ASSETS.iter().find(|asset| asset.names.contains(&name)) {
        Some(asset) => serve(asset, &headers, asset.names[0] == name),
        None => error_response(&Error::not_found("There is no such file")),
    }
}

/// `lasts` where another content would have another name.
fn serve(asset: &'static Asset, asked: &HeaderMap, lasts: bool) -> Response {
    let caching = if lasts { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [
        (CACHE_CONTROL, caching),
        (ETAG, &asset.etag),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    if etag::is_held(asked, asset.etag.trim_start_matches("W/")) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(CONTENT_TYPE, asset.kind)], asset.bytes.as_slice()).into_response()
}
