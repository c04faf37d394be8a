//! Subscriptions as events over HTTP: the distinct-connections mode of GraphQL over SSE. One response is one
//! subscription; a query or mutation asked for this way is answered once.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use chrono::Utc;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, sleep_until};
use tokio_stream::wrappers::ReceiverStream;

use super::render::Question;
use super::{Checked, Door, error};
use crate::chat::Cx;
use crate::live::{Interest, Listener};

/// Chunks between the subscription and the socket: the next one is made when this one was taken.
const CHUNKS: usize = 1;
/// A comment that keeps proxies from closing a silent response.
const KEEP_ALIVE: Duration = Duration::from_secs(12);
/// How long a reader may take nothing (contract §8.8).
const STALLED: Duration = Duration::from_secs(60);

const COMPLETE: &[u8] = b"event: complete\ndata:\n\n";

/// Answers with a stream of events. The subscription has started when the headers are sent.
pub(super) async fn stream(door: &Arc<Door>, cx: Cx, checked: Checked) -> Response {
    let (chunks, body) = mpsc::channel::<Result<Bytes, std::convert::Infallible>>(CHUNKS);
    if checked.kind != OperationType::Subscription {
        return events(Body::from(once(&door.execute(&cx, &checked).await)));
    }
    let listener = match door.app.hub.listen(&cx, "graphql-sse").await {
        Ok(listener) => listener,
        Err(refused) => return events(Body::from(once(&error::response(&refused)))),
    };
    match Question::ask(door, &cx, checked, &listener, Interest::NOTHING).await {
        Err(refused) => events(Body::from(once(&refused))),
        Ok(question) => {
            tokio::spawn(run(Arc::clone(door), cx, question, listener, chunks));
            events(Body::from_stream(ReceiverStream::new(body)))
        }
    }
}

type Chunks = mpsc::Sender<Result<Bytes, std::convert::Infallible>>;

async fn run(door: Arc<Door>, cx: Cx, mut question: Question, mut listener: Listener, chunks: Chunks) {
    let lifetime = (cx.viewer.expires - Utc::now()).to_std().unwrap_or_default();
    let expiry = Instant::now() + lifetime.min(Duration::from_secs(60 * 60 * 24 * 365));
    let mut beat = interval(KEEP_ALIVE);
    loop {
        let mut chunk = BytesMut::new();
        let mut over = false;
        tokio::select! {
            _ = beat.tick() => chunk.extend_from_slice(b":\n\n"),
            () = chunks.closed() => return,
            () = sleep_until(expiry) => over = true,
            () = door.app.stopping.cancelled() => over = true,
            heard = listener.next() => {
                let Ok(heard) = heard else {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                };
                for event in heard {
                    let said = question.hear(&door, &cx, &event).await;
                    said.next.iter().for_each(|payload| put(&mut chunk, payload));
                    if let Some(refused) = said.lost {
                        put(&mut chunk, &serde_json::to_vec(&error::response(&refused)).unwrap_or_default());
                        over = true;
                        break;
                    }
                }
            }
        }
        if over {
            chunk.extend_from_slice(COMPLETE);
        }
        if chunk.is_empty() {
            continue;
        }
        let sent = tokio::time::timeout(STALLED, chunks.send(Ok(chunk.freeze()))).await;
        if over || !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

fn put(chunk: &mut BytesMut, payload: &[u8]) {
    chunk.extend_from_slice(b"event: next\ndata: ");
    chunk.extend_from_slice(payload);
    chunk.extend_from_slice(b"\n\n");
}

fn once(answer: &async_graphql::Response) -> Vec<u8> {
    let mut chunk = BytesMut::new();
    put(&mut chunk, &serde_json::to_vec(answer).unwrap_or_default());
    chunk.extend_from_slice(COMPLETE);
    chunk.to_vec()
}

fn events(body: Body) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (CACHE_CONTROL, "no-store, no-transform"),
        (axum::http::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, body).into_response()
}
