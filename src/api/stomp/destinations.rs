//! The table of sends and queues (reference, STOMP Destinations): what each takes, which function of the chat it
//! calls, and what its refusals begin with.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::chat::event::Topic;
use crate::chat::messages::{self, SendMessage};
use crate::chat::presence::{self, SetPresence};
use crate::chat::reactions::{self, React};
use crate::chat::{Cx, receipts, typing};
use crate::error::{Error, Result, in_time};
use crate::http::body;
use crate::id::{ConversationId, MessageId};

/// What a client can send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Send {
    Message,
    Typing,
    MarkRead,
    Reaction,
    Presence,
    Heartbeat,
    Renew,
}

/// Each destination, what it does, and what its refusals begin with.
pub(super) const SENDS: [(&str, Send, &str); 7] = [
    ("/app/chat.send", Send::Message, "Failed to send message"),
    ("/app/chat.typing", Send::Typing, "Failed to update typing"),
    ("/app/chat.markRead", Send::MarkRead, "Failed to mark as read"),
    ("/app/chat.reaction", Send::Reaction, "Failed to update reaction"),
    ("/app/chat.presence", Send::Presence, "Failed to update presence"),
    ("/app/chat.heartbeat", Send::Heartbeat, "Failed to keep the session alive"),
    ("/app/chat.renew", Send::Renew, "Failed to renew the token"),
];

/// What a client can subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queue {
    Events(Topic),
    /// The refusals of this very session.
    Errors,
    /// The new tokens with which this very session goes on.
    Renewals,
}

impl Queue {
    /// Where it is subscribed to.
    pub fn destination(self) -> &'static str {
        QUEUES.iter().find(|(_, queue)| *queue == self).map_or("", |(destination, _)| destination)
    }
}

pub(super) const QUEUES: [(&str, Queue); 8] = [
    ("/user/queue/chat/messages", Queue::Events(Topic::Messages)),
    ("/user/queue/chat/typing", Queue::Events(Topic::Typing)),
    ("/user/queue/chat/presence", Queue::Events(Topic::Presence)),
    ("/user/queue/chat/receipts", Queue::Events(Topic::Receipts)),
    ("/user/queue/chat/reactions", Queue::Events(Topic::Reactions)),
    ("/user/queue/chat/conversations", Queue::Events(Topic::Conversations)),
    ("/user/queue/chat/errors", Queue::Errors),
    ("/user/queue/chat/renewals", Queue::Renewals),
];

/// Destinations of the broker alone: no client publishes to them, or subscribes to another queue than its own.
const BROKER: [&str; 3] = ["/queue/", "/topic/", "/user/"];

/// A refusal, and what its sentence begins with.
pub(super) struct Refused {
    pub prefix: &'static str,
    pub error: Error,
    /// Whether the session ends with it.
    pub ends: bool,
}

impl Refused {
    /// One that the session outlives.
    pub fn of(prefix: &'static str, error: Error) -> Self {
        Self { prefix, error, ends: false }
    }
}

/// The queue of a SUBSCRIBE.
///
/// # Errors
/// `Forbidden` for a destination of the broker, `NotFound` for one that does not exist.
pub(super) fn queue(destination: &str) -> Result<Queue, Refused> {
    let known = QUEUES.iter().find(|(name, _)| *name == destination).map(|(_, queue)| *queue);
    known.ok_or_else(|| Refused::of("Failed to subscribe", no_destination(destination)))
}

/// What is left to the session once a SEND was performed.
pub(super) enum Performed {
    Nothing,
    /// It goes on for this caller, by a new token.
    Renewed(Box<Cx>),
}

/// Does what a SEND to a destination asks for.
///
/// # Errors
/// Those of the chat, those of a new token, and those of [`queue`].
pub(super) async fn perform(app: &App, cx: &Cx, destination: &str, body: &[u8]) -> Result<Performed, Refused> {
    let known = SENDS.iter().find(|(name, _, _)| *name == destination);
    let Some((_, send, prefix)) = known else {
        return Err(Refused::of("Failed to send", no_destination(destination)));
    };
    let ends = *send == Send::Renew;
    in_time(send.perform(app, cx, body)).await.map_err(|error| Refused {
        prefix,
        ends: ends && App::ends_connection(&error),
        error,
    })
}

fn no_destination(destination: &str) -> Error {
    if BROKER.iter().any(|prefix| destination.starts_with(prefix)) {
        Error::forbidden("This destination belongs to the server")
    } else {
        Error::not_found("There is no such destination")
    }
}

/// What `SendMessageRequest` has beside the body of `POST …/messages`. The rest is read from the same bytes as REST reads
/// it.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SendTarget)]
pub(super) struct SendTarget {
    conversation_id: ConversationId,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TypingRequest)]
pub(super) struct TypingPayload {
    conversation_id: ConversationId,
    typing: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReadRequest)]
pub(super) struct ReadPayload {
    conversation_id: ConversationId,
    /// The newest where nothing is said.
    #[serde(default)]
    last_read_message_id: Option<MessageId>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReactRequest)]
pub(super) struct ReactionPayload {
    message_id: MessageId,
    /// Where the message has to be, if it is said.
    #[serde(default)]
    conversation_id: Option<ConversationId>,
    /// Exactly one.
    #[schema(format = "emoji", min_length = 1, examples("👍"))]
    emoji: String,
    /// Whether to add the reaction, or to remove it.
    #[serde(default = "yes")]
    add: bool,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = RenewRequest)]
pub(super) struct RenewPayload {
    /// Of the same user.
    token: String,
}

fn yes() -> bool {
    true
}

impl Send {
    async fn perform(self, app: &App, cx: &Cx, body: &[u8]) -> Result<Performed> {
        let done = match self {
            Send::Renew => {
                let RenewPayload { token } = body::object_from_json(body)?;
                return Ok(Performed::Renewed(Box::new(app.renew(cx, &token).await?)));
            }
            Send::Message => {
                let SendTarget { conversation_id } = body::object_from_json(body)?;
                messages::send(cx, conversation_id, body::object_from_json::<SendMessage>(body)?).await.map(drop)
            }
            Send::Typing => {
                let TypingPayload { conversation_id, typing } = body::object_from_json(body)?;
                typing::set(cx, conversation_id, typing).await
            }
            Send::MarkRead => {
                let ReadPayload { conversation_id, last_read_message_id } = body::object_from_json(body)?;
                receipts::mark_read(cx, conversation_id, last_read_message_id).await.map(drop)
            }
            Send::Reaction => {
                let ReactionPayload { message_id, conversation_id, emoji, add } = body::object_from_json(body)?;
                if let Some(conversation) = conversation_id {
                    messages::must_be_of(cx, message_id, conversation).await?;
                }
                let how = if add { React::Add } else { React::Remove };
                reactions::react(cx, message_id, &emoji, how).await.map(drop)
            }
            Send::Presence => presence::set(cx, body::object_from_json::<SetPresence>(body)?).await.map(drop),
            Send::Heartbeat => presence::heartbeat(cx).await,
        };
        done.map(|()| Performed::Nothing)
    }
}
