//! GraphiQL from inside the binary: no other host is ever asked.

use axum::extract::Path;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};

use crate::error::Error;
use crate::http::error::error_response;

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

/// The page itself.
pub(super) fn page() -> Response {
    serve("text/html; charset=utf-8", include_bytes!("index.html"))
}

/// One of its files.
pub(super) async fn file(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, _, _)| *known == name) {
        Some((_, kind, bytes)) => serve(kind, bytes),
        None => error_response(&Error::not_found("There is no such file")),
    }
}

fn serve(kind: &'static str, bytes: &'static [u8]) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, bytes).into_response()
}
