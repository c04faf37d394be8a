//! What the two protocols of GraphQL over WebSocket call their messages: `graphql-transport-ws`, and the older
//! `graphql-ws`. It knows no connection.

use async_graphql::Response;
use bytes::{BufMut, BytesMut};
use serde::Deserialize;
use serde_json::Value as Json;
use sockjs::Text;

use super::error;
use crate::auth::bearer_or_bare;
use crate::connection::Message;
use crate::error::Error;

/// The two protocols. The older one has other names for the same messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Transport,
    Legacy,
}

/// What they are agreed upon by, the preferred one first.
pub(super) const SUBPROTOCOLS: [(&str, Dialect); 2] =
    [("graphql-transport-ws", Dialect::Transport), ("graphql-ws", Dialect::Legacy)];

/// A message of a client.
#[derive(Deserialize)]
pub(super) struct ClientMessage {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default)]
    pub payload: Option<Json>,
}

impl Dialect {
    /// The message with a result.
    pub fn next(self, id: &str, payload: &[u8]) -> Message {
        let kind = match self {
            Self::Transport => "next",
            Self::Legacy => "data",
        };
        encode(kind, Some(id), Some(payload))
    }

    /// The message with the errors that end an operation. The newer protocol wants the list of them, the older one a
    /// single one.
    pub fn refusal(self, id: &str, answer: &Response) -> Message {
        let payload = match self {
            Self::Transport => serde_json::to_vec(&answer.errors),
            Self::Legacy => serde_json::to_vec(&answer.errors.first()),
        };
        encode("error", Some(id), Some(&payload.unwrap_or_else(|_| b"[]".to_vec())))
    }

    /// What a client is told before a connection that it may not have is closed. The newer protocol has close codes for
    /// that; clients of the older one go on trying until they hear this.
    pub fn connection_error(self, refused: &Error) -> Option<Message> {
        let error = error::response(refused).errors.into_iter().next();
        let payload = (self == Self::Legacy).then(|| serde_json::to_vec(&error).unwrap_or_else(|_| b"{}".to_vec()))?;
        Some(encode("connection_error", None, Some(&payload)))
    }
}

/// The token in the payload of `connection_init`, with or without `Bearer` before it, under the first of the names that
/// clients give it.
pub(super) fn token(payload: &Json) -> Option<String> {
    const NAMES: [&str; 4] = ["Authorization", "authorization", "token", "authToken"];
    let of = |object: &Json, names: &[&str]| {
        let given = |name: &&str| object.get(name)?.as_str().and_then(bearer_or_bare).map(str::to_owned);
        names.iter().find_map(given)
    };
    of(payload, &NAMES).or_else(|| of(payload.get("headers")?, &NAMES[..2]))
}

/// A message for the client, around a payload that is JSON already.
pub(super) fn encode(kind: &str, id: Option<&str>, payload: Option<&[u8]>) -> Message {
    let mut text = BytesMut::with_capacity(64 + payload.map_or(0, <[u8]>::len));
    text.put_slice(b"{\"type\":\"");
    text.put_slice(kind.as_bytes());
    text.put_u8(b'"');
    if let Some(id) = id {
        text.put_slice(b",\"id\":");
        text.put_slice(Json::from(id).to_string().as_bytes());
    }
    if let Some(payload) = payload {
        text.put_slice(b",\"payload\":");
        text.put_slice(payload);
    }
    text.put_u8(b'}');
    Message::Text(Text::from_known_utf8(text.freeze()))
}
