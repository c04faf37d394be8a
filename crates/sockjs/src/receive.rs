//! The requests that receive: a poll, or a response that goes on until it is long enough.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use futures_util::stream;
use percent_encoding::percent_decode_str;

use super::pipe::{Pipe, Reader, Taken};
use super::pipes::Found;
use super::route::Endpoint;
use super::{Opening, Session, Transport, cookie, frame, reply};

/// Longest name of a callback, in bytes.
const LONGEST: usize = 128;

const BUSY: &str = r#"c[2010,"Another connection still open"]"#;

/// Answers with what the session has to say, and begins the session if there is none of that name.
pub(super) async fn receive(endpoint: &Arc<Endpoint>, request: Parts, id: &str, transport: Transport) -> Response {
    let callback = if transport == Transport::HtmlFile {
        match callback(request.uri.query().unwrap_or_default()) {
            Ok(callback) => callback,
            Err(why) => return reply::plain(StatusCode::INTERNAL_SERVER_ERROR, why),
        }
    } else {
        String::new()
    };
    let cookies = endpoint.options.set_cookie.then(|| request.headers.clone());
    let pipe = match endpoint.pipes.find(id, transport, &endpoint.options, &request) {
        Found::Full => return reply::empty(StatusCode::SERVICE_UNAVAILABLE),
        Found::Known(pipe) if pipe.transport != transport || !endpoint.owns(&pipe, &request).await => {
            return reply::not_found();
        }
        Found::Known(pipe) => pipe,
        Found::New(pipe, inbox) => {
            let opening = Opening { transport, id: id.to_owned(), request };
            tokio::spawn((endpoint.handler)(opening, Session::over_http(pipe.clone(), inbox)));
            keep(endpoint.clone(), id.to_owned(), pipe.clone());
            pipe
        }
    };
    let reader = pipe.read().await;
    let body = if transport.polls() {
        Body::from(poll(reader, transport).await)
    } else {
        stream_of(reader, transport, &callback, endpoint.options.stream_limit)
    };
    let mut response = reply::typed(StatusCode::OK, transport.content_type(), body);
    let headers = response.headers_mut();
    reply::never_cache(headers);
    if !transport.polls() {
        // A proxy that gathers output before it passes it on would hold back the stream.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    }
    if let Some(sent) = cookies {
        cookie::set(&sent, headers);
    }
    response
}

fn keep(endpoint: Arc<Endpoint>, id: String, pipe: Arc<Pipe>) {
    tokio::spawn(async move { endpoint.pipes.keep(&id, &pipe).await });
}

async fn poll(reader: Option<Reader>, transport: Transport) -> String {
    let Some(mut reader) = reader else { return transport.wrap(BUSY) };
    let (frame, _) = show(reader.next(true).await);
    reader.release();
    transport.wrap(&frame)
}

/// A frame for what was taken, and whether it is the last of the session.
fn show(taken: Taken) -> (String, bool) {
    match taken {
        Taken::Open => (frame::OPEN.to_owned(), false),
        Taken::Heartbeat => (frame::HEARTBEAT.to_owned(), false),
        Taken::Messages(quoted) => (frame::messages(&quoted), false),
        Taken::Closed(frame) => (frame, true),
    }
}

enum Next {
    Prelude(Bytes, Option<Reader>),
    Frames(Reader),
    Busy,
    End,
}

fn stream_of(reader: Option<Reader>, transport: Transport, callback: &str, limit: usize) -> Body {
    let prelude = transport.prelude(callback).into();
    let first = (Next::Prelude(prelude, reader), 0);
    Body::from_stream(stream::unfold(first, move |(next, sent)| async move {
        let (bytes, next, sent) = match next {
            Next::Prelude(prelude, reader) => (prelude, reader.map_or(Next::Busy, Next::Frames), sent),
            Next::Busy => (Bytes::from(transport.wrap(BUSY)), Next::End, sent),
            Next::Frames(mut reader) => {
                let (frame, last) = show(reader.next(false).await);
                let bytes = Bytes::from(transport.wrap(&frame));
                let sent = sent + bytes.len();
                if last || sent >= limit {
                    // The next request may come before this response is seen to have ended.
                    reader.release();
                    (bytes, Next::End, sent)
                } else {
                    (bytes, Next::Frames(reader), sent)
                }
            }
            Next::End => return None,
        };
        Some((Ok::<_, std::convert::Infallible>(bytes), (next, sent)))
    }))
}

/// The name of the function in the parent page, as the query gives it.
fn callback(query: &str) -> Result<String, &'static str> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("c=").or_else(|| pair.strip_prefix("callback=")));
    let value = value.filter(|value| !value.is_empty()).ok_or("\"callback\" parameter required\n")?;
    let name = percent_decode_str(value).decode_utf8_lossy().into_owned();
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.len() <= LONGEST && name.bytes().all(known) { Ok(name) } else { Err("invalid \"callback\" parameter\n") }
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
