//! Subscriptions as events over HTTP: the distinct-connections mode of GraphQL over SSE. One response is one
//! subscription; a query or mutation asked for this way is answered once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;
use tokio::time::{interval, sleep, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tracing::Instrument;

use super::budget::Budget;
use super::door::Door;
use super::error;
use super::operation::CheckedOperation;
use super::subscription::{Delivery, Subscription};
use crate::chat::Cx;
use crate::chat::event::Event;
use crate::connection::PAUSE;
use crate::error::Result;
use crate::live::{Interest, Listener};

/// Chunks between the subscription and the socket: the next one is made when this one was taken.
const CHUNKS: usize = 1;
/// A comment that keeps proxies from closing a silent response.
const KEEP_ALIVE: Duration = Duration::from_secs(12);
/// How long a reader may take nothing (contract §8.8).
const STALLED: Duration = Duration::from_secs(60);

const COMPLETE: &[u8] = b"event: complete\ndata:\n\n";

/// Answers with a stream of events. The subscription has started when the headers are sent.
pub(super) async fn stream(door: &Arc<Door>, cx: Cx, checked: CheckedOperation) -> Response {
    let (chunks, body) = mpsc::channel::<std::result::Result<Bytes, std::convert::Infallible>>(CHUNKS);
    if checked.kind != OperationType::Subscription {
        return events(Body::from(once(&door.execute(&cx, &checked, &Budget::default()).await)));
    }
    let listener = match door.app.hub.listen(&cx, "graphql-sse").await {
        Ok(listener) => listener,
        Err(refused) => return events(Body::from(once(&error::response(&refused)))),
    };
    match Subscription::start(door, &cx, checked, &listener, Interest::NOTHING).await {
        Err(refused) => events(Body::from(once(&refused))),
        Ok(subscription) => {
            if let Some(after) = subscription.resumed {
                listener.rewind(after, &mut VecDeque::new());
            }
            tokio::spawn(run(Arc::clone(door), cx, subscription, listener, chunks).in_current_span());
            events(Body::from_stream(ReceiverStream::new(body)))
        }
    }
}

type Chunks = mpsc::Sender<std::result::Result<Bytes, std::convert::Infallible>>;

async fn run(door: Arc<Door>, cx: Cx, mut subscription: Subscription, mut listener: Listener, chunks: Chunks) {
    let expiry = cx.viewer.deadline();
    let mut beat = interval(KEEP_ALIVE);
    // News that were taken and are not told yet; each is written by itself, when the one before was taken.
    let mut waiting = VecDeque::new();
    loop {
        let mut chunk = BytesMut::new();
        let mut over = false;
        tokio::select! {
            biased;
            () = chunks.closed() => return,
            () = sleep_until(expiry) => over = true,
            () = door.app.stopping.cancelled() => over = true,
            heard = next(&mut waiting, &mut listener) => match hear(&door, &cx, &mut subscription, heard).await {
                Ok(delivery) => {
                    delivery.response.iter().for_each(|payload| put(&mut chunk, payload));
                    if let Some(refused) = delivery.end {
                        put(&mut chunk, &error::bytes(&error::response(&refused)).unwrap_or_default());
                        over = true;
                    }
                }
                Err(untold) => {
                    untold.into_iter().for_each(|event| waiting.push_front(event));
                    sleep(PAUSE).await;
                }
            },
            _ = beat.tick() => chunk.extend_from_slice(b":\n\n"),
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

/// The next event that is to be told. Cancelling it loses none.
async fn next(waiting: &mut VecDeque<Arc<Event>>, listener: &mut Listener) -> Result<Arc<Event>> {
    loop {
        if let Some(event) = waiting.pop_front() {
            return Ok(event);
        }
        waiting.extend(listener.next().await?);
    }
}

/// What the event comes to. Without the database a durable one comes back, to be told later.
async fn hear(
    door: &Door,
    cx: &Cx,
    subscription: &mut Subscription,
    heard: Result<Arc<Event>>,
) -> std::result::Result<Delivery, Option<Arc<Event>>> {
    let event = heard.map_err(|_| None)?;
    subscription.on_event(door, cx, &event).await.map_err(|_| Some(event).filter(|event| event.position.is_some()))
}

fn put(chunk: &mut BytesMut, payload: &[u8]) {
    chunk.extend_from_slice(b"event: next\ndata: ");
    chunk.extend_from_slice(payload);
    chunk.extend_from_slice(b"\n\n");
}

fn once(answer: &async_graphql::Response) -> Vec<u8> {
    let mut chunk = BytesMut::new();
    put(&mut chunk, &error::bytes(answer).unwrap_or_default());
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
