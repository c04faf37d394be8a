//! The requests that receive: a poll, or a streaming response that ends when it is long enough.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::Response;
use futures_util::stream::unfold;
use percent_encoding::percent_decode_str;

use super::endpoint::Endpoint;
use super::http_session::{HttpSession, Output, Receiver};
use super::registry::Found;
use super::{Opening, Session, Transport, cookie, frame, reply};

/// The longest name of a callback.
const MAX_CALLBACK_BYTES: usize = 128;

/// How often it is asked where a session is that somebody else may be beginning at this moment.
const SETTLE_ATTEMPTS: usize = 2;

/// What a second receiving request is told.
const BUSY_FRAME: &str = r#"c[2010,"Another connection still open"]"#;

/// Responds with what waits for the client, and begins the session if there is none of that id.
pub(super) async fn receive(endpoint: &Arc<Endpoint>, request: Parts, id: &str, transport: Transport) -> Response {
    let callback = if transport == Transport::HtmlFile {
        match callback(request.uri.query().unwrap_or_default()) {
            Ok(callback) => callback,
            Err(why) => return reply::plain(StatusCode::INTERNAL_SERVER_ERROR, why),
        }
    } else {
        String::new()
    };
    let cookie_request = endpoint.options.set_cookie.then(|| request.headers.clone());
    let (request, found) = match find(endpoint, request, id, transport).await {
        Ok(found) => found,
        Err(response) => return response,
    };
    let session = match found {
        Found::Known(session) if session.transport != transport || !endpoint.owns(&session, &request).await => {
            return reply::not_found();
        }
        Found::Known(session) => session,
        Found::New(session, inbox) => {
            let opening = Opening { transport, id: id.to_owned(), request };
            tokio::spawn((endpoint.handler)(opening, Session::over_http(session.clone(), inbox)));
            watch(endpoint.clone(), id.to_owned(), session.clone());
            session
        }
    };
    let receiver = session.receiver().await;
    let body = if transport.is_polling() {
        Body::from(poll(receiver, transport).await)
    } else {
        stream(receiver, transport, &callback, endpoint.options.stream_limit)
    };
    let mut response = reply::typed(StatusCode::OK, transport.content_type(), body);
    let headers = response.headers_mut();
    reply::never_cache(headers);
    if !transport.is_polling() {
        // A proxy that gathers output before it passes it on would hold back the stream.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    }
    if let Some(sent) = cookie_request {
        cookie::set(&sent, headers);
    }
    response
}

/// The session of that id, or a new one, if it is neither here nor elsewhere.
async fn find(
    endpoint: &Arc<Endpoint>,
    mut request: Parts,
    id: &str,
    transport: Transport,
) -> Result<(Parts, Found), Response> {
    let (sessions, options) = (&endpoint.sessions, &endpoint.options);
    if let Some(session) = sessions.get(id) {
        return Ok((request, Found::Known(session)));
    }
    let refused = |_| reply::empty(StatusCode::SERVICE_UNAVAILABLE);
    let Some(elsewhere) = &options.elsewhere else {
        let admissions = sessions.admit(options, &request).map_err(refused)?;
        let found = sessions.get_or_begin(id, transport, options, admissions).map_err(refused)?;
        return Ok((request, found));
    };
    for _ in 0..SETTLE_ATTEMPTS {
        request = match (elsewhere.ask)(id.to_owned(), Request::from_parts(request, Body::empty())).await {
            Ok(response) => return Err(response),
            Err(request) => request.into_parts().0,
        };
        let mut admissions = sessions.admit(options, &request).map_err(refused)?;
        if let Some(place) = (elsewhere.settle)(id.to_owned()).await {
            admissions.push(place);
            let found = sessions.get_or_begin(id, transport, options, admissions).map_err(refused)?;
            return Ok((request, found));
        }
    }
    Err(reply::empty(StatusCode::SERVICE_UNAVAILABLE))
}

fn watch(endpoint: Arc<Endpoint>, id: String, session: Arc<HttpSession>) {
    tokio::spawn(async move { endpoint.sessions.watch(&id, &session).await });
}

async fn poll(receiver: Option<Receiver>, transport: Transport) -> String {
    let Some(mut receiver) = receiver else { return transport.wrap(BUSY_FRAME) };
    let (frame, _) = encode(receiver.next(true).await);
    receiver.release();
    transport.wrap(&frame)
}

/// The frame of an output, and whether it is the last of the session.
fn encode(output: Output) -> (String, bool) {
    match output {
        Output::Open => (frame::OPEN.to_owned(), false),
        Output::Heartbeat => (frame::HEARTBEAT.to_owned(), false),
        Output::Messages(quoted) => (frame::messages(&quoted), false),
        Output::Closed(frame) => (frame, true),
    }
}

/// What a streaming response writes next.
enum Step {
    Prelude(Bytes, Option<Receiver>),
    Frames(Receiver),
    Busy,
    End,
}

fn stream(receiver: Option<Receiver>, transport: Transport, callback: &str, limit: usize) -> Body {
    let prelude = transport.prelude(callback).into();
    let first = (Step::Prelude(prelude, receiver), 0);
    Body::from_stream(unfold(first, move |(step, sent)| async move {
        let (bytes, step, sent) = match step {
            Step::Prelude(prelude, receiver) => (prelude, receiver.map_or(Step::Busy, Step::Frames), sent),
            Step::Busy => (Bytes::from(transport.wrap(BUSY_FRAME)), Step::End, sent),
            Step::Frames(mut receiver) => {
                let (frame, is_last) = encode(receiver.next(false).await);
                let bytes = Bytes::from(transport.wrap(&frame));
                let sent = sent + bytes.len();
                if is_last || sent >= limit {
                    // The next request may come before this response is seen to have ended.
                    receiver.release();
                    (bytes, Step::End, sent)
                } else {
                    (bytes, Step::Frames(receiver), sent)
                }
            }
            Step::End => return None,
        };
        Some((Ok::<_, std::convert::Infallible>(bytes), (step, sent)))
    }))
}

/// The name of the function in the parent page, as the query gives it.
fn callback(query: &str) -> Result<String, &'static str> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("c=").or_else(|| pair.strip_prefix("callback=")));
    let value = value.filter(|value| !value.is_empty()).ok_or("\"callback\" parameter required\n")?;
    let name = percent_decode_str(value).decode_utf8_lossy().into_owned();
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.len() <= MAX_CALLBACK_BYTES && name.bytes().all(known) {
        Ok(name)
    } else {
        Err("invalid \"callback\" parameter\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_a_plain_name() {
        assert_eq!(callback("t=1&c=%63all.b_a-ck"), Ok("call.b_a-ck".to_owned()));
        for query in ["", "c=", "cc=a", "t=1"] {
            assert!(callback(query).unwrap_err().contains("required"), "{query}");
        }
        for query in ["c=%20", "c=*", "c=abc(", "c=abc%28", "c=a+b", "c=%ff"] {
            assert!(callback(query).unwrap_err().contains("invalid"), "{query}");
        }
    }
}
