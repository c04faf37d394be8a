//! The handshake of a WebSocket (RFC 6455, 4.2; over HTTP/2, RFC 8441): whether a request is one, how it is answered, and what
//! becomes of its connection.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::upgrade::{OnUpgrade, Upgraded};
use sha1::{Digest, Sha1};

/// What the specification has appended to every key.
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a client is told whose handshake came without what makes it one.
const LOST_UPGRADE: &str = "The headers Upgrade and Connection of this WebSocket handshake did not arrive: a proxy in front \
                            of the server must pass them on";

/// A handshake that can be accepted, by [`accept`](super::accept).
#[derive(Debug)]
#[must_use = "the client waits for an answer"]
pub struct WebSocketUpgrade {
    on_upgrade: OnUpgrade,
    /// None over HTTP/2, where a handshake has no key.
    accept: Option<HeaderValue>,
    /// The sub-protocols that the client has asked for.
    asked: Vec<HeaderValue>,
    selected: Option<HeaderValue>,
}

impl WebSocketUpgrade {
    /// Selects the first of these sub-protocols that the client has asked for, in the same letters.
    pub fn protocols(mut self, known: impl IntoIterator<Item = &'static str>) -> Self {
        let mut known = known.into_iter();
        self.selected = known.find(|known| self.asked.iter().any(|asked| asked == known)).map(HeaderValue::from_static);
        self
    }

    /// Selects a sub-protocol. A browser takes none that it has not asked for.
    pub fn set_selected_protocol(&mut self, protocol: HeaderValue) {
        self.selected = Some(protocol);
    }

    /// The sub-protocol that is selected.
    pub fn selected_protocol(&self) -> Option<&HeaderValue> {
        self.selected.as_ref()
    }

    /// The answer that makes the connection a WebSocket, which is handed to `handler` then, on a task that should end soon:
    /// with all that a handshake needs it is much larger than what it leads to, which lasts.
    pub(super) fn on_upgrade<H, F>(self, handler: H) -> Response
    where
        H: FnOnce(Upgraded) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let on_upgrade = self.on_upgrade;
        tokio::spawn(async move {
            // Where it fails, the client has gone away meanwhile.
            if let Ok(connection) = on_upgrade.await {
                handler(connection).await;
            }
        });
        let mut response = Response::new(Body::empty());
        if let Some(accept) = self.accept {
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(selected) = self.selected {
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, selected);
        }
        response
    }
}

/// Why a request is no handshake. As a response it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebSocketUpgradeRejection {
    status: StatusCode,
    sentence: &'static str,
}

impl WebSocketUpgradeRejection {
    /// 426 where a proxy has taken from the handshake what makes it one.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// For people: what is wrong.
    pub fn sentence(&self) -> &'static str {
        self.sentence
    }
}

impl IntoResponse for WebSocketUpgradeRejection {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.sentence).into_response();
        if self.status == StatusCode::UPGRADE_REQUIRED {
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
        response
    }
}

/// Whether a request has the key of a handshake and not the headers that ask for one, which go from hop to hop: a proxy
/// that does not know them does not pass them on. No other request has such a key.
pub(super) fn has_lost_upgrade(request: &Parts) -> bool {
    let headers = &request.headers;
    let is_asked_for = mentions(headers, UPGRADE, b"websocket") && mentions(headers, CONNECTION, b"upgrade");
    request.method == Method::GET && headers.contains_key(SEC_WEBSOCKET_KEY) && !is_asked_for
}

impl<S: Send + Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = WebSocketUpgradeRejection;

    async fn from_request_parts(request: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let refuse = |status, sentence| Err(WebSocketUpgradeRejection { status, sentence });
        if has_lost_upgrade(request) {
            return refuse(StatusCode::UPGRADE_REQUIRED, LOST_UPGRADE);
        }
        let headers = &request.headers;
        let has_key = request.version <= Version::HTTP_11;
        if has_key && request.method != Method::GET {
            return refuse(StatusCode::METHOD_NOT_ALLOWED, "Request method must be `GET`");
        }
        if has_key && !mentions(headers, CONNECTION, b"upgrade") {
            return refuse(StatusCode::BAD_REQUEST, "Connection header did not include 'upgrade'");
        }
        if has_key && !is(headers, UPGRADE, b"websocket") {
            return refuse(StatusCode::BAD_REQUEST, "`Upgrade` header did not include 'websocket'");
        }
        let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| has_key);
        if has_key && key.is_none() {
            return refuse(StatusCode::BAD_REQUEST, "`Sec-WebSocket-Key` header missing");
        }
        if !has_key && request.method != Method::CONNECT {
            return refuse(StatusCode::METHOD_NOT_ALLOWED, "Request method must be `CONNECT`");
        }
        let protocol = request.extensions.get::<hyper::ext::Protocol>();
        if !has_key && protocol.is_none_or(|protocol| protocol.as_str() != "websocket") {
            return refuse(StatusCode::BAD_REQUEST, "`:protocol` pseudo-header did not include 'websocket'");
        }
        if !is(headers, SEC_WEBSOCKET_VERSION, b"13") {
            return refuse(StatusCode::BAD_REQUEST, "`Sec-WebSocket-Version` header did not include '13'");
        }
        let accept = key.and_then(accept);
        let asked =
            headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().flat_map(|line| line.as_bytes().split(|b| *b == b','));
        let asked = asked.filter_map(|one| HeaderValue::from_bytes(one.trim_ascii()).ok()).collect();
        match request.extensions.remove::<OnUpgrade>() {
            Some(on_upgrade) => Ok(Self { on_upgrade, accept, asked, selected: None }),
            None => refuse(
                StatusCode::UPGRADE_REQUIRED,
                "WebSocket request couldn't be upgraded since no upgrade state was present",
            ),
        }
    }
}

fn is(headers: &HeaderMap, name: HeaderName, value: &[u8]) -> bool {
    headers.get(name).is_some_and(|line| line.as_bytes().eq_ignore_ascii_case(value))
}

/// Whether a header has a word in it, wherever.
fn mentions(headers: &HeaderMap, name: HeaderName, word: &[u8]) -> bool {
    let mentions = |line: &HeaderValue| line.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    headers.get(name).is_some_and(mentions)
}

/// What shows a client that its key was understood.
fn accept(key: &HeaderValue) -> Option<HeaderValue> {
    let hash = Sha1::new().chain_update(key.as_bytes()).chain_update(KEY_SUFFIX).finalize();
    HeaderValue::try_from(STANDARD.encode(hash)).ok()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::http::Request;

    use super::*;

    const HANDSHAKE: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    async fn refusal(method: &str, version: Version, left_out: &str) -> (u16, String) {
        let headers = HANDSHAKE.into_iter().filter(|(name, _)| *name != left_out);
        let request = headers.fold(Request::builder().method(method).version(version), |request, (name, value)| {
            request.header(name, value)
        });
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let refusal = WebSocketUpgrade::from_request_parts(&mut parts, &()).await.unwrap_err().into_response();
        let status = refusal.status().as_u16();
        let body = to_bytes(refusal.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn what_is_no_handshake_is_told_what_it_lacks() {
        for (method, version, left_out, expected) in [
            ("POST", Version::HTTP_11, "", (405, "Request method must be `GET`")),
            ("GET", Version::HTTP_11, "connection", (426, LOST_UPGRADE)),
            ("GET", Version::HTTP_11, "upgrade", (426, LOST_UPGRADE)),
            ("GET", Version::HTTP_11, "sec-websocket-key", (400, "`Sec-WebSocket-Key` header missing")),
            (
                "GET",
                Version::HTTP_11,
                "sec-websocket-version",
                (400, "`Sec-WebSocket-Version` header did not include '13'"),
            ),
            (
                "GET",
                Version::HTTP_11,
                "",
                (426, "WebSocket request couldn't be upgraded since no upgrade state was present"),
            ),
            ("GET", Version::HTTP_2, "", (405, "Request method must be `CONNECT`")),
            ("CONNECT", Version::HTTP_2, "", (400, "`:protocol` pseudo-header did not include 'websocket'")),
        ] {
            let (status, sentence) = refusal(method, version, left_out).await;
            assert_eq!((status, sentence.as_str()), expected);
        }
    }

    #[test]
    fn a_key_is_answered_as_in_the_example_of_the_specification() {
        let answer = accept(&HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        assert_eq!(answer.unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
