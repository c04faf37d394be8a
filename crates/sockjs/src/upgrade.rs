//! Requests that become WebSockets: of a SockJS session, or without any framing.

use std::future::ready;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{CONNECTION, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use axum::response::{IntoResponse, Response};

use super::endpoint::Endpoint;
use super::handshake::has_lost_upgrade;
use super::websocket::WebSocket;
use super::{Opening, Options, Session, Transport, WebSocketUpgrade, page, reply};

/// Accepts a WebSocket that the application serves at a path of its own, as a session without SockJS framing. It has
/// the same limits, pings and close codes as those of [`router`](super::router). Of the options, `heartbeat`,
/// `websocket_stall_timeout` and `message_limit` are used; sub-protocols and origins are the application's affair.
pub fn accept<H, F>(upgrade: WebSocketUpgrade, options: &Options, handler: H) -> Response
where
    H: FnOnce(Session) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let limits = options.into();
    upgrade.on_upgrade(move |connection| {
        tokio::spawn(handler(Session::over_websocket(WebSocket::new(connection, false, limits))));
        ready(())
    })
}

/// Whether the request wants to become a WebSocket.
pub(super) fn is_asked_for(request: &Parts) -> bool {
    request.method == Method::CONNECT || lists(&request.headers, UPGRADE, "websocket") || has_lost_upgrade(request)
}

/// Begins a session on a WebSocket: with SockJS framing where it has an id, without where it has none. The id is not
/// looked up, since every WebSocket is a session of its own.
pub(super) async fn connect(endpoint: &Arc<Endpoint>, mut request: Parts, id: Option<&str>) -> Response {
    if let Some(refusal) = refuse(&request) {
        return refusal;
    }
    let mut upgrade = match WebSocketUpgrade::from_request_parts(&mut request, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let framed = id.is_some();
    if !framed && let Some(protocol) = choose(&request.headers, &endpoint.options.protocols) {
        upgrade.set_selected_protocol(protocol);
    }
    let transport = if framed { Transport::WebSocket } else { Transport::RawWebSocket };
    let id = id.map_or_else(|| page::random::<16>().iter().map(|byte| format!("{byte:02x}")).collect(), str::to_owned);
    let opening = Opening { transport, id, request };
    let endpoint = endpoint.clone();
    upgrade.on_upgrade(move |connection| async move {
        let mut socket = WebSocket::new(connection, framed, (&endpoint.options).into());
        if socket.open().await.is_ok() {
            tokio::spawn((endpoint.handler)(opening, Session::over_websocket(socket)));
        }
    })
}

/// What is wrong with a request that should become a WebSocket over HTTP/1.1.
fn refuse(request: &Parts) -> Option<Response> {
    if request.version > Version::HTTP_11 || has_lost_upgrade(request) {
        return None;
    }
    if !lists(&request.headers, UPGRADE, "websocket") {
        return Some(reply::plain(StatusCode::BAD_REQUEST, "Can \"Upgrade\" only to \"WebSocket\"."));
    }
    if !lists(&request.headers, CONNECTION, "upgrade") {
        return Some(reply::plain(StatusCode::BAD_REQUEST, "\"Connection\" must be \"Upgrade\"."));
    }
    let version = request.headers.get(SEC_WEBSOCKET_VERSION)?;
    (version != "13").then(|| {
        let mut refusal = reply::empty(StatusCode::UPGRADE_REQUIRED);
        refusal.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        refusal
    })
}

/// Whether a header, which is a list, holds a word.
fn lists(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    words(headers, name).any(|one| one.eq_ignore_ascii_case(word))
}

fn words(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
}

/// The first sub-protocol of the client's list that is known, as the client wrote it.
fn choose(headers: &HeaderMap, known: &[String]) -> Option<HeaderValue> {
    words(headers, SEC_WEBSOCKET_PROTOCOL)
        .find(|asked| known.iter().any(|one| one.eq_ignore_ascii_case(asked)))
        .and_then(|chosen| HeaderValue::from_str(chosen).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_protocol_of_the_client_is_chosen_as_it_wrote_it() {
        let known = ["v10.stomp", "v11.stomp", "v12.stomp"].map(str::to_owned);
        for (asked, chosen) in [
            ("v12.stomp, v11.stomp", Some("v12.stomp")),
            ("v10.stomp,v12.stomp", Some("v10.stomp")),
            ("x,V11.STOMP", Some("V11.STOMP")),
            ("x", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(asked));
            assert_eq!(choose(&headers, &known).as_ref().map(|one| one.to_str().unwrap()), chosen);
        }
        assert_eq!(choose(&HeaderMap::new(), &known), None);
    }
}
