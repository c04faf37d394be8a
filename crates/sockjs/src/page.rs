//! The responses that belong to no session: the greeting, the information, the iframe page.

use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use sha2::{Digest, Sha256};

use super::{Options, Origins, reply};

/// The response of the prefix itself.
pub(super) fn greeting() -> Response {
    reply::plain(StatusCode::OK, "Welcome to SockJS!\n")
}

/// What a client asks for before it chooses a transport. The entropy is for browsers without randomness of their own.
pub(super) fn info(options: &Options) -> Response {
    let entropy = u32::from_ne_bytes(random());
    let body = format!(
        r#"{{"entropy":{entropy},"origins":["*:*"],"cookie_needed":{},"websocket":{}}}"#,
        options.cookie_needed, options.websocket
    );
    let mut response = reply::typed(StatusCode::OK, "application/json;charset=UTF-8", Body::from(body));
    reply::never_cache(response.headers_mut());
    response
}

/// Random bytes of the operating system.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// The page that old browsers load from the server's origin, to send requests from there.
pub(super) struct Iframe {
    page: String,
    etag: HeaderValue,
    policy: Option<HeaderValue>,
}

impl Iframe {
    /// The page sends requests from the server's own origin for whichever page frames it, so only allowed origins may.
    pub(super) fn new(client_script: &str, origins: &Origins) -> Self {
        let script = client_script.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
        let page = format!("{HEAD}{script}{TAIL}");
        let digest: String = Sha256::digest(&page).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let etag = HeaderValue::try_from(format!("\"0{digest}\"")).unwrap_or(HeaderValue::from_static("\"0\""));
        let policy = origins.frame_policy().and_then(|policy| HeaderValue::try_from(policy).ok());
        Self { page, etag, policy }
    }

    pub(super) fn respond(&self, request: &HeaderMap) -> Response {
        let known_tags = request.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
        let mut response = if known_tags.flat_map(|line| line.split(',')).any(|tag| self.matches(tag.trim())) {
            reply::empty(StatusCode::NOT_MODIFIED)
        } else {
            reply::typed(StatusCode::OK, "text/html;charset=UTF-8", Body::from(self.page.clone()))
        };
        let headers = response.headers_mut();
        reply::cache_for_a_year(headers);
        headers.insert(ETAG, self.etag.clone());
        if let Some(policy) = &self.policy {
            headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
        }
        // The URL may carry a token.
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }

    fn matches(&self, tag: &str) -> bool {
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == self.etag.as_bytes()
    }
}

const HEAD: &str = r#"<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src=""#;

const TAIL: &str = r#""></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>"#;
