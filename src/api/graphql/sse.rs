//! Operations as events over HTTP: the distinct-connections mode of GraphQL over SSE. One response is one subscription,
//! run by [`crate::connection`]; a query or mutation that is asked for in this way is answered once. `complete` is said
//! where an operation is over and nowhere else: whoever is interrupted comes back, with the cursor of what it heard last.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tracing::Instrument;

use super::budget::Budget;
use super::door::Door;
use super::error;
use super::operation::CheckedOperation;
use super::subscription::Subscription;
use crate::chat::Cx;
use crate::connection::{self, Gone, Goodbye, Message, Protocol, SessionLog, Step, Wire, is_enough};
use crate::error::Error;
use crate::id::UserId;
use crate::live::{Backlog, Interest, Listener};

/// Chunks between the subscription and the socket: the next one is made when this one was taken.
const MAX_WAITING_CHUNKS: usize = 1;
/// How often a comment keeps proxies from closing a silent response.
const COMMENT_INTERVAL: Duration = Duration::from_secs(12);

/// How long a stream that is interrupted goes on after its error. Clients that learn of both at once may take the end for
/// that of an operation which nobody waits for any more.
const FAREWELL: Duration = Duration::from_millis(200);

const COMMENT: &[u8] = b":\n\n";
const STOPPING: &[u8] = b": the server is stopping\n\n";
const COMPLETE: &[u8] = b"event: complete\ndata:\n\n";

/// Responds with a stream of events. The subscription has started when the headers are sent. `heard` is the id of the
/// last event that the client heard of it before it was interrupted.
pub(super) async fn respond(
    door: &Arc<Door>,
    cx: Cx,
    checked: CheckedOperation,
    heard: Option<String>,
    log: SessionLog,
) -> Response {
    if checked.kind != OperationType::Subscription {
        return events(Body::from(once(&door.execute(&cx, &checked, &Budget::default()).await)));
    }
    let listener = match door.app.hub.listen(&cx, "graphql-sse").await {
        Ok(listener) => listener,
        Err(refused) => return refuse(&error::response(&refused)),
    };
    match Subscription::start(door, &cx, checked, &listener, Interest::NOTHING, heard).await {
        Err(refused) => refuse(&refused),
        Ok(subscription) => {
            let mut backlog = Backlog::default();
            if let Some(after) = subscription.resumed {
                listener.rewind(after, &mut backlog.events);
            }
            let (chunks, body) = mpsc::channel(MAX_WAITING_CHUNKS);
            if let Some(cursor) = subscription.cursor() {
                // Before anything happens there is something to come back with. The channel is empty: it has room.
                let _has_room = chunks.try_send(Ok(Bytes::from(format!("id: {cursor}\n\n"))));
            }
            let ending = door.app.endings.join();
            let (expires, next_comment) = (cx.viewer.deadline(), Instant::now());
            let stream = EventStream {
                door: Arc::clone(door),
                cx,
                subscription,
                listener,
                backlog,
                expires,
                has_expired: false,
                next_comment,
            };
            tokio::spawn(connection::run(Chunks(chunks), stream, ending, log).in_current_span());
            events(Body::from_stream(ReceiverStream::new(body)))
        }
    }
}

/// The body of a response as a wire: it ends when the client goes away, and carries nothing from the client.
struct Chunks(mpsc::Sender<Result<Bytes, Infallible>>);

impl Wire for Chunks {
    async fn receive(&mut self) -> Option<Message> {
        self.0.closed().await;
        None
    }

    async fn send(&mut self, messages: impl ExactSizeIterator<Item = Message> + Send) -> Result<(), Gone> {
        for message in messages {
            self.0.send(Ok(message.into_bytes())).await.map_err(|_| Gone)?;
        }
        Ok(())
    }

    async fn close(self, _: Goodbye) {}
}

/// One subscription, told as events of HTTP.
struct EventStream {
    door: Arc<Door>,
    cx: Cx,
    subscription: Subscription,
    listener: Listener,
    backlog: Backlog,
    /// When the token of the request does, and once that was told, when the stream ends.
    expires: Instant,
    has_expired: bool,
    next_comment: Instant,
}

impl Protocol for EventStream {
    async fn on_message(&mut self, _: Message, _: &mut Vec<Message>) -> Step {
        Step::Go
    }

    async fn wait_for_events(&mut self) {
        if self.has_expired {
            return std::future::pending().await;
        }
        self.backlog.wait(&mut self.listener).await;
    }

    async fn on_events(&mut self, out: &mut Vec<Message>) -> Step {
        if let Err(refused) = self.listener.judge(&self.cx.viewer) {
            out.push(refusal(&error::response(&refused)));
            (self.has_expired, self.expires) = (true, Instant::now() + FAREWELL);
            return Step::Go;
        }
        while !is_enough(out)
            && let Some(event) = self.backlog.events.pop_front()
        {
            match self.subscription.on_event(&self.door, &self.cx, &event).await {
                Ok(delivery) => {
                    let cursor = event.position.and_then(|_| self.subscription.cursor());
                    out.extend(delivery.response.map(|payload| next(cursor.as_deref(), &payload)));
                    if let Some(refused) = delivery.end {
                        out.push(refusal(&error::response(&refused)));
                        out.push(Message::text(Bytes::from_static(COMPLETE)));
                        return Step::End(Goodbye::new(1000, ""));
                    }
                }
                Err(_) if event.position.is_some() => {
                    self.backlog.retry(event);
                    break;
                }
                Err(error) => tracing::debug!(%error, "a signal was not told"),
            }
        }
        Step::Go
    }

    fn user(&self) -> Option<UserId> {
        Some(self.cx.me())
    }

    fn deadline(&self) -> Instant {
        self.next_comment.min(self.expires)
    }

    fn expires(&self) -> Instant {
        self.expires
    }

    async fn on_deadline(&mut self, out: &mut Vec<Message>) -> Step {
        let now = Instant::now();
        if self.expires <= now && self.has_expired {
            return Step::End(Goodbye::new(1000, ""));
        }
        if self.expires <= now {
            out.push(refusal(&error::response(&Error::unauthenticated("The token has expired"))));
            (self.has_expired, self.expires) = (true, now + FAREWELL);
            return Step::Go;
        }
        self.next_comment = now + COMMENT_INTERVAL;
        out.push(Message::text(Bytes::from_static(COMMENT)));
        Step::Go
    }

    fn on_stop(&mut self, out: &mut Vec<Message>) -> Goodbye {
        out.push(Message::text(Bytes::from_static(STOPPING)));
        Goodbye::new(1001, "")
    }
}

/// The event `next` with a response, under the cursor of what it tells.
fn next(cursor: Option<&str>, payload: &[u8]) -> Message {
    let mut chunk = BytesMut::with_capacity(payload.len() + 96);
    if let Some(cursor) = cursor {
        chunk.extend_from_slice(b"id: ");
        chunk.extend_from_slice(cursor.as_bytes());
        chunk.extend_from_slice(b"\n");
    }
    put(&mut chunk, payload);
    Message::text(chunk.freeze())
}

/// The event `next` with nothing but errors.
fn refusal(answer: &async_graphql::Response) -> Message {
    next(None, &error::bytes(answer).unwrap_or_default())
}

/// The response to a subscription that cannot begin. One that may begin later is not over.
fn refuse(answer: &async_graphql::Response) -> Response {
    if !error::is_passing(answer) {
        return events(Body::from(once(answer)));
    }
    let end = async {
        tokio::time::sleep(FAREWELL).await;
        Bytes::from_static(COMMENT)
    };
    let chunks = stream::once(std::future::ready(refusal(answer).into_bytes())).chain(stream::once(end));
    events(Body::from_stream(chunks.map(Ok::<_, Infallible>)))
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
