//! A session as the application has it, whatever its transport.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::request::Parts;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::http_session::{Delivery, HttpSession};
use super::liveness::Liveness;
use super::message_array::{MessageArray, PendingSurrogate};
use super::websocket::{Incoming, WebSocket};
use super::{Closed, Message, Transport};

/// How a session began.
#[derive(Debug)]
pub struct Opening {
    /// How the session reaches its client.
    pub transport: Transport,
    /// The id that the client gave to the session, or a random one for a WebSocket without SockJS framing. The id is a
    /// secret of the client.
    pub id: String,
    /// The request that began the session: headers, URI with its query, and the extensions of layers and listener.
    pub request: Parts,
}

/// One session. Dropping it ends it: with code 1000 over HTTP, without a close frame on a WebSocket.
pub struct Session {
    carrier: Carrier,
    /// The array of messages that is being read.
    array: Option<MessageArray>,
    surrogate: PendingSurrogate,
}

enum Carrier {
    WebSocket(Box<WebSocket>),
    Http { session: Arc<HttpSession>, inbox: mpsc::UnboundedReceiver<Delivery> },
}

impl Session {
    pub(super) fn over_websocket(socket: WebSocket) -> Self {
        Self::new(Carrier::WebSocket(Box::new(socket)))
    }

    pub(super) fn over_http(session: Arc<HttpSession>, inbox: mpsc::UnboundedReceiver<Delivery>) -> Self {
        Self::new(Carrier::Http { session, inbox })
    }

    fn new(carrier: Carrier) -> Self {
        Self { carrier, array: None, surrogate: PendingSurrogate::default() }
    }

    /// The next message, in the order in which the client sent them; `None` once the session is over. Cancelling it
    /// loses nothing. A client that sends faster than this is called has to wait.
    ///
    /// A WebSocket sends its heart-beats and pings, and notices its end, only while this is awaited.
    pub async fn receive(&mut self) -> Option<Message> {
        loop {
            if let Some(text) = self.array.as_mut().and_then(|array| array.next(&mut self.surrogate)) {
                return Some(text.into());
            }
            self.array = None;
            match &mut self.carrier {
                Carrier::WebSocket(socket) => match socket.receive().await? {
                    Incoming::Message(message) => return Some(message),
                    Incoming::Array(array) => self.array = Some(array),
                },
                Carrier::Http { inbox, .. } => {
                    // Dropping the permit makes room for the next request: at most this array and a room full wait.
                    let (array, _permit) = inbox.recv().await?;
                    self.array = Some(array);
                }
            }
        }
    }

    /// Sends messages, in order. A WebSocket writes all of them, after what waits to be written. Over HTTP they wait for the client's
    /// requests, and the caller waits while more than [`Options::queue_limit`] bytes wait. If it is cancelled, some may
    /// have been sent. A message may have up to four megabytes on the wire.
    ///
    /// # Errors
    /// When the session is over, or ends because its client accepted nothing for [`Options::stall_timeout`] or
    /// [`Options::websocket_stall_timeout`].
    ///
    /// [`Options::queue_limit`]: super::Options::queue_limit
    /// [`Options::stall_timeout`]: super::Options::stall_timeout
    /// [`Options::websocket_stall_timeout`]: super::Options::websocket_stall_timeout
    pub async fn send<M>(&mut self, messages: M) -> Result<(), Closed>
    where
        M: IntoIterator<Item = Message>,
        M::IntoIter: ExactSizeIterator,
    {
        match &mut self.carrier {
            Carrier::WebSocket(socket) => socket.send(messages.into_iter()).await,
            Carrier::Http { session, .. } => {
                for message in messages {
                    session.send(&message.as_text()).await?;
                }
                Ok(())
            }
        }
    }

    /// As [`Session::send`], without waiting: `Pending` where that would have to wait, and always over HTTP. The messages that
    /// it has not taken are left in `messages`; of those that it has, a part may not be written yet, and is by the next
    /// call of this or of [`Session::send`], with further messages or with none.
    ///
    /// # Errors
    /// When the session is over.
    pub fn poll_send(&mut self, task: &mut Context<'_>, messages: &mut Vec<Message>) -> Poll<Result<(), Closed>> {
        match &mut self.carrier {
            Carrier::WebSocket(socket) => socket.poll_send(task, messages),
            Carrier::Http { .. } => Poll::Pending,
        }
    }

    /// Ends the session after what was sent before. A WebSocket gives its client up to five seconds to close as well.
    pub async fn close(mut self, code: u16, reason: &str) {
        match &mut self.carrier {
            Carrier::WebSocket(socket) => socket.close(code, reason).await,
            Carrier::Http { session, .. } => session.end(code, reason),
        }
    }

    /// Whether the session is neither over nor about to be. While it is open, a [`Session::receive`] that waits and is
    /// dropped still wakes its task when there is something to receive or to do.
    pub fn is_open(&self) -> bool {
        match &self.carrier {
            Carrier::WebSocket(socket) => socket.is_open(),
            Carrier::Http { .. } => true,
        }
    }

    /// A handle to settings of the session which can be changed while it is received from.
    pub fn control(&self) -> Control {
        Control(match &self.carrier {
            Carrier::WebSocket(socket) => Controlled::WebSocket(Arc::clone(socket.liveness())),
            Carrier::Http { session, .. } => Controlled::Http(Arc::clone(session)),
        })
    }

    /// How long output has waited without any of it being accepted by the client's side; zero when none waits. On a
    /// WebSocket output waits only within [`Session::send`], and after a [`Session::poll_send`] that is pending.
    pub fn stalled(&self) -> Duration {
        match &self.carrier {
            Carrier::WebSocket(_) => Duration::ZERO,
            Carrier::Http { session, .. } => session.stalled(),
        }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        if let Self::Http { session, .. } = self {
            session.end(1000, "Normal closure");
        }
    }
}

/// Changes settings of a session from elsewhere. It does not keep the session alive.
#[derive(Clone)]
pub struct Control(Controlled);

#[derive(Clone)]
enum Controlled {
    WebSocket(Arc<Liveness>),
    Http(Arc<HttpSession>),
}

impl Control {
    /// Ends the heart-beat frames of SockJS: the application sends its own. Pings of WebSockets go on.
    pub fn stop_heartbeat(&self) {
        match &self.0 {
            Controlled::WebSocket(liveness) => liveness.stop_heartbeat(),
            Controlled::Http(session) => session.stop_heartbeat(),
        }
    }

    /// Has the client of a WebSocket pinged after such a silence, and not as late as at [`Options::heartbeat`]; 200 ms at
    /// the least. Over HTTP this does nothing.
    ///
    /// [`Options::heartbeat`]: super::Options::heartbeat
    pub fn ping_after(&self, silence: Duration) {
        if let Controlled::WebSocket(liveness) = &self.0 {
            liveness.ping_after(silence);
        }
    }

    /// When the client of a WebSocket last sent anything, the pongs that its scripts know nothing of included. None over
    /// HTTP, where nothing but messages comes from a client.
    pub fn heard(&self) -> Option<Instant> {
        match &self.0 {
            Controlled::WebSocket(liveness) => Some(liveness.heard()),
            Controlled::Http(_) => None,
        }
    }

    /// Makes a user the owner of the session. From then on a request for it that comes from another user
    /// ([`Options::identify`]) is answered with 404; a request that names no user is served. The first claim stays. On a
    /// WebSocket nobody else can reach, this does nothing.
    ///
    /// [`Options::identify`]: super::Options::identify
    pub fn claim(&self, user: i64) {
        if let Controlled::Http(session) = &self.0 {
            session.claim(user);
        }
    }
}
