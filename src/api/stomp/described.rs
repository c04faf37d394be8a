//! The reference of this door in the form of AsyncAPI 3, made of the table of destinations and of the payloads' own types.
//! It describes the server: it receives what clients send, and sends what they have subscribed to.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Ref, RefOr};

use super::destinations::{
    QUEUES, Queue, ReactionPayload, ReadPayload, RenewPayload, SENDS, Send, SendTarget, TypingPayload,
};
use super::subscription::ErrorPayload;
use crate::chat::conversations::Announcement;
use crate::chat::event::Topic;
use crate::chat::messages::{Message, SendMessage};
use crate::chat::presence::{Presence, SetPresence};
use crate::chat::reactions::ReactionChange;
use crate::chat::receipts::ReadReceiptMove;
use crate::chat::views::renewal::TokenRenewal;
use crate::chat::views::typing::TypingIndicator;
use crate::http::described::complete;

const ABOUT: &str = "STOMP 1.0, 1.1 and 1.2 over WebSocket and over SockJS, both at `/ws/chat`. CONNECT brings the token in \
    `Authorization`; `?token=` in the address of the WebSocket or SockJS request does it, too. Frames of one session are \
    answered in their order. A `receipt` on any frame is answered once it took effect; a refusal is told on the errors \
    queue before. A cursor is the same at every door.";

/// What a client sends or is sent: the name of its schema, and what it refers to.
struct Payload {
    schema: Json,
    parts: Vec<(String, RefOr<Schema>)>,
}

fn payload<T: ToSchema>() -> Payload {
    let mut parts = Vec::new();
    T::schemas(&mut parts);
    parts.push((T::name().into_owned(), T::schema()));
    parts.iter_mut().for_each(|(name, schema)| complete(name, schema));
    Payload { schema: as_json(&Ref::from_schema_name(T::name())), parts }
}

fn as_json(value: &impl Serialize) -> Json {
    serde_json::to_value(value).unwrap_or_default()
}

impl Send {
    /// What it takes; a heartbeat nothing.
    fn payload(self) -> Option<Payload> {
        Some(match self {
            Send::Message => {
                let Payload { schema, mut parts } = payload::<SendMessage>();
                parts.append(&mut payload::<SendTarget>().parts);
                Payload {
                    schema: json!({ "allOf": [as_json(&Ref::from_schema_name(SendTarget::name())), schema] }),
                    parts,
                }
            }
            Send::Typing => payload::<TypingPayload>(),
            Send::MarkRead => payload::<ReadPayload>(),
            Send::Reaction => payload::<ReactionPayload>(),
            Send::Presence => payload::<SetPresence>(),
            Send::Renew => payload::<RenewPayload>(),
            Send::Heartbeat => return None,
        })
    }

    fn summary(self) -> &'static str {
        match self {
            Send::Message => "Send a message",
            Send::Typing => "Say that you type, or have stopped",
            Send::MarkRead => "Mark as read",
            Send::Reaction => "Add or remove a reaction",
            Send::Presence => "Say how you are",
            Send::Heartbeat => "Stay online",
            Send::Renew => "Go on with a new token",
        }
    }
}

impl Queue {
    fn payload(self) -> Payload {
        match self {
            Queue::Events(Topic::Messages) => payload::<Message>(),
            Queue::Events(Topic::Typing) => payload::<TypingIndicator>(),
            Queue::Events(Topic::Presence) => payload::<Presence>(),
            Queue::Events(Topic::Receipts) => payload::<ReadReceiptMove>(),
            Queue::Events(Topic::Reactions) => payload::<ReactionChange>(),
            Queue::Events(Topic::Conversations) => payload::<Announcement>(),
            Queue::Errors => payload::<ErrorPayload>(),
            Queue::Renewals => payload::<TokenRenewal>(),
        }
    }

    fn summary(self) -> &'static str {
        match self {
            Queue::Events(Topic::Messages) => "Messages that are sent, edited and deleted",
            Queue::Events(Topic::Typing) => "Who types, and who has stopped",
            Queue::Events(Topic::Presence) => "How people are",
            Queue::Events(Topic::Receipts) => "How far people have read",
            Queue::Events(Topic::Reactions) => "Reactions that come and go",
            Queue::Events(Topic::Conversations) => "Conversations that come, change and go",
            Queue::Errors => "What this very session was refused",
            Queue::Renewals => "The new tokens with which this very session goes on",
        }
    }

    /// Whether a SUBSCRIBE can take up where another one has ended.
    fn resumes(self) -> bool {
        matches!(self, Queue::Events(topic) if topic.is_durable())
    }
}

/// The document. Its schemas keep the order of their fields, which a tree of values would not.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AsyncApi {
    asyncapi: &'static str,
    info: Json,
    default_content_type: &'static str,
    servers: Json,
    channels: Map<String, Json>,
    operations: Map<String, Json>,
    pub components: Components,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Components {
    pub schemas: BTreeMap<String, RefOr<Schema>>,
    security_schemes: Json,
}

/// The document, for a server that clients know by this host, and over TLS or not.
pub fn asyncapi(host: &str, prefix: &str, is_secure: bool) -> AsyncApi {
    let (mut channels, mut operations, mut schemas) = (Map::new(), Map::new(), BTreeMap::new());
    for (destination, send, refusal) in SENDS {
        let name = destination.trim_start_matches("/app/chat.");
        let payload = send.payload();
        let mut message = json!({
            "name": name,
            "title": format!("SEND {destination}"),
            "summary": send.summary(),
            "headers": send_headers(destination),
            "contentType": "application/json",
        });
        if let Some(payload) = payload {
            message["payload"] = payload.schema;
            schemas.extend(payload.parts);
        }
        let description = format!("Refused on the errors queue, with a sentence that begins `{refusal}: `");
        let channel = json!({ "address": destination, "summary": send.summary(), "description": description,
            "messages": { name: message } });
        channels.insert(format!("send.{name}"), channel);
        operations.insert(format!("send.{name}"), operation("receive", "send", name, &[name], send.summary()));
    }
    for (destination, queue) in QUEUES {
        let name = destination.trim_start_matches("/user/queue/chat/");
        let Payload { schema, parts } = queue.payload();
        schemas.extend(parts);
        let subscribe = json!({
            "name": "subscribe",
            "title": format!("SUBSCRIBE {destination}"),
            "headers": subscribe_headers(destination, queue.resumes()),
        });
        let message = json!({
            "name": name,
            "title": format!("MESSAGE {destination}"),
            "summary": queue.summary(),
            "headers": message_headers(destination, queue.resumes()),
            "contentType": "application/json",
            "payload": schema,
        });
        let channel = json!({ "address": destination, "summary": queue.summary(),
            "messages": { "subscribe": subscribe, name: message } });
        channels.insert(format!("queue.{name}"), channel);
        let listen = "Listen, from now on or from a cursor";
        operations.insert(format!("subscribe.{name}"), operation("receive", "queue", name, &["subscribe"], listen));
        operations.insert(format!("message.{name}"), operation("send", "queue", name, &[name], queue.summary()));
    }
    AsyncApi {
        asyncapi: "3.0.0",
        info: json!({ "title": "confab over STOMP", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT,
            "license": { "name": env!("CARGO_PKG_LICENSE") } }),
        default_content_type: "application/json",
        servers: json!({ "chat": { "host": host, "pathname": format!("{prefix}/ws/chat"),
            "protocol": if is_secure { "wss" } else { "ws" },
            "description": "A plain WebSocket; a client of SockJS takes the same address with `http` or `https`",
            "security": [{ "$ref": "#/components/securitySchemes/bearer" }] } }),
        channels,
        operations,
        components: Components {
            schemas,
            security_schemes: json!({ "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } }),
        },
    }
}

fn operation(action: &str, kind: &str, name: &str, messages: &[&str], summary: &str) -> Json {
    let channel = format!("#/channels/{kind}.{name}");
    let messages: Vec<Json> =
        messages.iter().map(|message| json!({ "$ref": format!("{channel}/messages/{message}") })).collect();
    json!({ "action": action, "channel": { "$ref": channel }, "messages": messages, "summary": summary })
}

fn text(what: &str) -> Json {
    json!({ "type": "string", "description": what })
}

fn receipt() -> Json {
    json!({ "type": "string", "maxLength": super::session::MAX_RECEIPT_BYTES,
        "description": "Asks for a RECEIPT once the frame took effect" })
}

fn send_headers(destination: &str) -> Json {
    json!({ "type": "object", "required": ["destination"], "properties": {
        "destination": { "type": "string", "const": destination },
        "content-type": text("`application/json`; not looked at"),
        "receipt": receipt() } })
}

fn subscribe_headers(destination: &str, resumes: bool) -> Json {
    let mut properties = json!({
        "destination": { "type": "string", "const": destination },
        "id": { "type": "string", "maxLength": super::connected::MAX_ID_BYTES,
            "description": "The client's own name of the subscription, which each MESSAGE carries; STOMP 1.0 may leave it out" },
        "receipt": receipt() });
    if resumes {
        properties["after"] = text("A cursor: first all that happened after it is told, without a gap");
    }
    json!({ "type": "object", "required": ["destination", "id"], "properties": properties })
}

fn message_headers(destination: &str, resumes: bool) -> Json {
    let mut properties = json!({
        "destination": { "type": "string", "const": destination },
        "subscription": text("The id of the subscription"),
        "message-id": text("Another one for each frame"),
        "content-type": text("`application/json`") });
    if resumes {
        properties["cursor"] = text("From which a later SUBSCRIBE goes on");
    }
    json!({ "type": "object", "required": ["destination", "message-id"], "properties": properties })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_destination_stands_in_the_reference_and_nothing_else() {
        let document = as_json(&asyncapi("chat.example.org", "", true));
        let channels = document["channels"].as_object().unwrap();
        let mut described: Vec<&str> = channels.values().filter_map(|channel| channel["address"].as_str()).collect();
        let sends = SENDS.iter().map(|(name, _, _)| *name);
        let mut known: Vec<&str> = sends.chain(QUEUES.iter().map(|(name, _)| *name)).collect();
        described.sort_unstable();
        known.sort_unstable();
        assert_eq!(described, known);
        let operations = document["operations"].as_object().unwrap();
        assert_eq!(operations.len(), SENDS.len() + 2 * QUEUES.len());
    }
}
