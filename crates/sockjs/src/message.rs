//! What a session carries in either direction, and the sign that it carries nothing any more.

use std::borrow::Cow;

use bytes::Bytes;

use super::Text;

/// A message from or to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Text(Text),
    /// Exists only without SockJS framing. With framing it is sent as text, with U+FFFD for what is no UTF-8.
    Binary(Bytes),
}

impl Message {
    /// A text of these bytes, or a binary message where they are no UTF-8.
    pub fn text(bytes: Bytes) -> Self {
        Text::from_utf8(bytes).map_or_else(Self::Binary, Self::Text)
    }

    /// The size of the message in bytes.
    pub fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// The bytes, without copying them.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The message as text, with U+FFFD for what is no UTF-8.
    pub(super) fn as_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        })
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned().into())
    }
}

/// The session is over: nothing more can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;
