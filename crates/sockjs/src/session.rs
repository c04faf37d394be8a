//! A session as the application has it, whatever its transport.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use axum::http::request::Parts;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::Transport;
use super::pipe::{Delivery, Pipe};
use super::socket::Socket;
use super::strings::{Half, Strings};

/// How a session began.
#[derive(Debug)]
pub struct Opening {
    /// How it reaches its client.
    pub transport: Transport,
    /// The name that the client gave it, or a random one for a WebSocket without SockJS framing. It is a secret of the
    /// client.
    pub id: String,
    /// The request that began it: headers, URI with its query, and whatever layers and the listener added.
    pub request: Parts,
}

/// What is said, in either direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Text(Utf8Bytes),
    /// Only where there is no SockJS framing. Elsewhere it is sent as text, with U+FFFD for what is none.
    Binary(Bytes),
}

impl Message {
    /// A text of these bytes, or a binary message where they are no UTF-8.
    pub fn text(bytes: Bytes) -> Self {
        Utf8Bytes::try_from(bytes.clone()).map_or(Self::Binary(bytes), Self::Text)
    }

    /// The bytes, without copying.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The message as text, with U+FFFD for what is none.
    pub(super) fn into_text(self) -> Utf8Bytes {
        match self {
            Self::Text(text) => text,
            Self::Binary(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
        }
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

/// The session is over: nothing more can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

/// One session. Dropping it ends it: with code 1000 over HTTP, without a word on a WebSocket.
pub struct Session {
    link: Link,
    strings: Option<Strings>,
    half: Half,
}

enum Link {
    Socket(Box<Socket>),
    Http { pipe: Arc<Pipe>, inbox: mpsc::UnboundedReceiver<Delivery> },
}

/// What came in at once.
pub(super) enum Arrival {
    /// As it came.
    Message(Message),
    /// Framed.
    Strings(Strings),
}

impl Session {
    pub(super) fn over_socket(socket: Socket) -> Self {
        Self { link: Link::Socket(Box::new(socket)), strings: None, half: Half::default() }
    }

    pub(super) fn over_http(pipe: Arc<Pipe>, inbox: mpsc::UnboundedReceiver<Delivery>) -> Self {
        Self { link: Link::Http { pipe, inbox }, strings: None, half: Half::default() }
    }

    /// The next message, in the order in which the client sent them; `None` when the session is over. Nothing is lost
    /// if it is cancelled. A client that sends faster than this is called waits.
    ///
    /// A WebSocket beats, answers pings and notices its end only in here.
    pub async fn receive(&mut self) -> Option<Message> {
        loop {
            if let Some(text) = self.strings.as_mut().and_then(|strings| strings.next(&mut self.half)) {
                return Some(text.into());
            }
            self.strings = None;
            let arrival = match &mut self.link {
                Link::Socket(socket) => socket.receive().await?,
                // Its room is free again: of what waits to be read there is at most this and a room full.
                Link::Http { inbox, .. } => inbox.recv().await.map(|(strings, _)| Arrival::Strings(strings))?,
            };
            match arrival {
                Arrival::Message(message) => return Some(message),
                Arrival::Strings(strings) => self.strings = Some(strings),
            }
        }
    }

    /// Sends messages, in order. On a WebSocket they are all written and flushed once; over HTTP they wait for the
    /// client's requests, and this waits while too much waits already. If it is cancelled, some may have been sent. A
    /// message may have up to four megabytes on the wire.
    ///
    /// # Errors
    /// When the session is over, or ends because its client accepted nothing for [`Options::stall`].
    ///
    /// [`Options::stall`]: super::Options::stall
    pub async fn send(&mut self, messages: Vec<Message>) -> Result<(), Closed> {
        match &mut self.link {
            Link::Socket(socket) => socket.send(messages).await,
            Link::Http { pipe, .. } => {
                for message in messages {
                    pipe.send(&message.into_text()).await?;
                }
                Ok(())
            }
        }
    }

    /// Ends the session after what was sent before. A WebSocket gives its client up to five seconds to take leave.
    pub async fn close(mut self, code: u16, reason: &str) {
        match &mut self.link {
            Link::Socket(socket) => socket.close(code, reason).await,
            Link::Http { pipe, .. } => pipe.end(code, reason),
        }
    }

    /// No more heart-beat frames: the application beats by itself. Pings of WebSockets go on.
    pub fn stop_heartbeat(&self) {
        match &self.link {
            Link::Socket(socket) => socket.silence(),
            Link::Http { pipe, .. } => pipe.silence(),
        }
    }

    /// From now on the session is this user's: a request for it that comes from another user ([`Options::identify`]) is
    /// answered with 404, one that names nobody is served. The first claim stays.
    ///
    /// [`Options::identify`]: super::Options::identify
    pub fn claim(&self, user: i64) {
        if let Link::Http { pipe, .. } = &self.link {
            pipe.owner.get_or_init(|| user);
        }
    }

    /// How long output has waited without any of it being accepted by the client's side; zero when none waits. On a
    /// WebSocket output waits only within [`Session::send`].
    pub fn stalled(&self) -> Duration {
        match &self.link {
            Link::Socket(_) => Duration::ZERO,
            Link::Http { pipe, .. } => pipe.stalled(),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Self::Http { pipe, .. } = self {
            pipe.end(1000, "Normal closure");
        }
    }
}
