//! A subscription and the MESSAGE frames that it gets, around the bodies of events and of refusals.

use bytes::Bytes;
use serde::Serialize;
use sockjs::Text;
use utoipa::ToSchema;

use super::destinations::{Queue, Refused};
use super::frame::MessageParts;
use crate::chat::event::{Event, Fact, FormKey};
use crate::chat::payload::payload;
use crate::chat::{Cx, conversations};
use crate::connection;
use crate::error::Result;
use crate::http::error::{code, codes};
use crate::live::Listener;
use crate::telemetry;

const JSON: &str = "application/json";

/// The forms in which this door writes events: the one for everybody, and the one for the sender with its `tempId`.
const EVERYBODYS: FormKey = *b"stomp: the form for everybody   ";
const SENDERS: FormKey = *b"stomp: the form for the sender  ";

/// What a SUBSCRIBE has asked for.
pub(super) struct Subscription {
    pub id: Option<Box<str>>,
    pub queue: Queue,
    /// The position of the event that was told last.
    pub told: i64,
}

impl Subscription {
    /// Whether the event comes after all that the subscription was told.
    pub fn wants(&self, event: &Event) -> bool {
        event.position.is_none_or(|position| position > self.told)
    }

    /// The MESSAGE with this number in the session.
    pub fn message(&self, session: &str, number: u64, parts: &MessageParts) -> connection::Message {
        let text = parts.message(self.id.as_deref(), session, number);
        // JSON between headers that were texts.
        connection::Message::Text(Text::from_known_utf8(text.into()))
    }
}

/// What is told to a queue, for all its subscriptions.
pub(super) fn parts(queue: Queue, cursor: Option<&str>, body: &[u8]) -> MessageParts {
    MessageParts::new(queue.destination(), JSON, cursor, body)
}

/// The payload of the errors queue.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ErrorResponse)]
pub(super) struct ErrorPayload {
    /// For people: what failed, and why.
    #[schema(examples("Failed to send message: Conversation not found"))]
    error: String,
    #[schema(schema_with = codes)]
    code: &'static str,
    /// With `RATE_LIMITED` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after_seconds: Option<u64>,
}

impl Refused {
    /// The body for the errors queue. The failure is counted.
    pub fn body(&self) -> Option<Bytes> {
        telemetry::failed("stomp", code(self.error.kind));
        let payload = ErrorPayload {
            error: format!("{}: {}", self.prefix, self.error.message),
            code: code(self.error.kind),
            retry_after_seconds: self.error.retry_after,
        };
        serde_json::to_vec(&payload).ok().map(Bytes::from)
    }
}

/// What an event is told with, made once for all who get the same; none where the viewer is told nothing.
///
/// # Errors
/// `Unavailable` without the database, for an event that each viewer sees in a way of their own.
pub(super) async fn told(cx: &Cx, event: &Event, listener: &Listener) -> Result<Option<MessageParts>> {
    let parts = |body: Vec<u8>| {
        let cursor = event.position.map(|position| listener.cursor(position).to_string());
        parts(Queue::Events(event.kind.topic()), cursor.as_deref(), &body)
    };
    if matches!(event.fact, Fact::Conversation { .. } | Fact::Participant(_) | Fact::Settings) {
        // Boxed, since every idle connection would else have room for it.
        let notice = Box::pin(conversations::notice_for(cx, event, true, || listener.audience(event))).await?;
        return Ok(notice.and_then(|notice| notice.payload()).map(|body| parts(body.into())));
    }
    let is_senders =
        matches!(&event.fact, Fact::Message(message) if message.has_two_renderings() && message.sender_id == cx.me());
    let (form, viewer) = if is_senders { (SENDERS, Some(cx.me())) } else { (EVERYBODYS, None) };
    let written = async { Ok(serde_json::to_vec(&payload(event, viewer)).ok().map(|body| parts(body).into_bytes())) };
    Ok(event.form(form, written).await?.map(MessageParts::from_bytes))
}
