//! The pages and their files. What a page has to know of the server stands in its head, in `<meta name="confab">`.

use std::sync::{Arc, LazyLock};

use axum::extract::{Path, Request, State};
use axum::http::header::VARY;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;
use serde::Serialize;

use crate::config::Config;
use crate::error::Error;
use crate::http::accept::accepts;
use crate::http::assets::{Asset, Assets, PICTURE, SCRIPT, STYLE, TEXT};
use crate::http::error::{error_response, nothing_here};

const FONT: &str = "font/woff2";

/// The files of the pages, under `/site/`: what `npm run build` makes of `web/src`, and the documents that `/docs` shows.
const FILES: [(&str, &str, &[u8]); 13] = [
    ("figtree.woff2", FONT, include_bytes!("../../web/dist/figtree.woff2")),
    ("figtree-ext.woff2", FONT, include_bytes!("../../web/dist/figtree-ext.woff2")),
    ("fraunces.woff2", FONT, include_bytes!("../../web/dist/fraunces.woff2")),
    ("icon.svg", PICTURE, include_bytes!("../../web/dist/icon.svg")),
    ("chat.css", STYLE, include_bytes!("../../web/dist/chat.css")),
    ("chat.js", SCRIPT, include_bytes!("../../web/dist/chat.js")),
    ("site.css", STYLE, include_bytes!("../../web/dist/site.css")),
    ("site.js", SCRIPT, include_bytes!("../../web/dist/site.js")),
    ("LICENSES.txt", TEXT, include_bytes!("../../web/dist/LICENSES.txt")),
    ("readme.md", TEXT, include_bytes!("../../README.md")),
    ("protocol.md", TEXT, include_bytes!("../../docs/protocol.md")),
    ("operations.md", TEXT, include_bytes!("../../docs/operations.md")),
    ("limits.md", TEXT, include_bytes!("../../docs/limits.md")),
];

static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets::new("site", &FILES));

/// The pages of this server.
pub(super) struct Site {
    front: Asset,
    chat: Asset,
    docs: Asset,
    policy: String,
}

/// What pages are told of the server.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct About {
    version: &'static str,
    /// Whether the page gets the tokens of the people of the demo.
    demo: bool,
    graphiql: bool,
}

impl Site {
    pub fn new(config: &Config) -> Self {
        let demo = !config.demo.is_empty();
        let about = About { version: env!("CARGO_PKG_VERSION"), demo, graphiql: config.graphql.graphiql };
        let about = serde_json::to_string(&about).unwrap_or_default().replace('&', "&amp;").replace('"', "&quot;");
        let page = |html: &str| ASSETS.page(&html.replace("{{about}}", &about));
        let chat = include_str!("../../web/dist/chat.html");
        let front = if demo { chat } else { include_str!("../../web/dist/landing.html") };
        let docs = include_str!("../../web/dist/docs.html");
        Self { front: page(front), chat: page(chat), docs: page(docs), policy: policy(config) }
    }
}

/// Scripts and styles of our own only, in nobody's frame. Files come from the address that links to them begin with; people's
/// pictures come from wherever their application keeps them.
fn policy(config: &Config) -> String {
    let public = config.server.public_url.as_deref().and_then(|url| {
        let (scheme, rest) = url.split_once("://")?;
        let host = rest.split('/').next().filter(|host| host.bytes().all(is_of_a_host))?;
        Some(format!(" {scheme}://{host}"))
    });
    let public = public.unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data: blob: \
         https:{public}; media-src 'self' blob:{public}; connect-src 'self'{public}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

fn is_of_a_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte)
}

/// The front door: a page for browsers. Whoever asks for anything else is told what was always told here.
pub(super) async fn front(State(site): State<Arc<Site>>, request: Request) -> Response {
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    let mut response = match reads && accepts(request.headers(), "text/html") {
        true => site.front.page(request.headers(), &site.policy),
        false => nothing_here(),
    };
    response.headers_mut().append(VARY, HeaderValue::from_static("Accept"));
    response
}

pub(super) async fn chat(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    site.chat.page(&headers, &site.policy)
}

pub(super) async fn docs(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    site.docs.page(&headers, &site.policy)
}

/// A file of the pages.
pub(super) async fn file(State(site): State<Arc<Site>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let missing = || error_response(&Error::not_found("There is no such file"));
    ASSETS.file(&name, &headers, &site.policy).unwrap_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy_of(url: &str) -> String {
        let mut config = Config::default();
        config.server.public_url = Some(url.to_owned());
        policy(&config)
    }

    #[test]
    fn the_policy_names_the_public_address_and_nothing_that_a_policy_could_be_bent_with() {
        assert!(
            policy_of("https://chat.example.org/prefix").contains("media-src 'self' blob: https://chat.example.org;")
        );
        for bent in ["https://a; script-src *", "https://a 'unsafe-inline'", "chat.example.org"] {
            assert_eq!(policy_of(bent), policy(&Config::default()), "{bent}");
        }
    }
}
