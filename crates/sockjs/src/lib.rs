//! A SockJS server: sessions over WebSocket, and over plain HTTP where a WebSocket cannot be had.
//! Start at [`router`]: a request goes through `route` to `page`, `receive`, `deliver` or `websocket`; a session over
//! HTTP lives in `pipe`. It refuses to know what is said in a session and who says it.

mod cookie;
mod deliver;
mod frame;
mod origin;
mod page;
mod path;
mod pipe;
mod pipes;
mod receive;
mod reply;
mod route;
mod session;
mod socket;
mod strings;
#[cfg(test)]
mod tests;
mod transport;
mod websocket;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use futures_util::future::BoxFuture;

pub use origin::Origins;
pub use route::router;
pub use session::{Closed, Message, Opening, Session};
pub use transport::Transport;

/// Answers whom a request says it comes from, if it says so in a way that can be believed. It is only asked about
/// requests for sessions that were claimed ([`Session::claim`]).
pub type Identify = Arc<dyn Fn(&Parts) -> BoxFuture<'static, Option<i64>> + Send + Sync>;

/// Lets a request begin a session over HTTP, or not. What it returns is kept for as long as the session is.
pub type Admit = Arc<dyn Fn(&Parts) -> Option<Admission> + Send + Sync>;

/// Something that goes with the session that it was given for.
pub type Admission = Box<dyn Any + Send + Sync>;

/// How an endpoint behaves.
#[derive(Clone)]
pub struct Options {
    /// Whether SockJS sessions may use a WebSocket; `/info` says so, and without it `…/websocket` is not found.
    pub websocket: bool,
    /// Whether a WebSocket without SockJS framing is served at `/websocket` and, by an upgrade, at the prefix itself.
    pub raw_websocket: bool,
    /// What `/info` tells clients about a load balancer that goes by a cookie.
    pub cookie_needed: bool,
    /// Whether HTTP transports set the cookie `JSESSIONID`, for load balancers.
    pub set_cookie: bool,
    /// After how many bytes of frames a streaming response ends, so that browsers can free it.
    pub stream_limit: usize,
    /// How long a connection may be silent before a heart-beat goes out. A WebSocket that stays silent for three such
    /// times, in spite of pings, is over.
    pub heartbeat: Duration,
    /// How long a session over HTTP lives without a request that receives, once a client of 64 kbit/s has what was
    /// answered before.
    pub disconnect_delay: Duration,
    /// How long waiting output may go without a byte of it being accepted before the session ends.
    pub stall: Duration,
    /// How long a request may take to send its body.
    pub body_timeout: Duration,
    /// Most bytes of one WebSocket message or of one request's body; also of received messages that wait in a session.
    pub message_limit: usize,
    /// As [`Options::message_limit`], for one request of a session over HTTP that nobody has claimed.
    pub unclaimed_limit: usize,
    /// Bytes of sent messages that wait in a session over HTTP before the next has to stand back. It bounds what waits to
    /// this and one message.
    pub queue_limit: usize,
    /// Most sessions over HTTP that live at once. One more is answered with 503.
    pub session_limit: usize,
    /// Who may begin a session over HTTP. Whoever may not is answered with 503, too.
    pub admit: Option<Admit>,
    /// Which origins may use the endpoint.
    pub origins: Origins,
    /// The URL of the client's script in the iframe page: absolute, or a path that begins with `/`.
    pub client_script: String,
    /// Sub-protocols of WebSockets without SockJS framing. The first of the client's list that is here is chosen.
    pub protocols: Vec<String>,
    /// Tells the user of a request; see [`Session::claim`].
    pub identify: Option<Identify>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            websocket: true,
            raw_websocket: true,
            cookie_needed: false,
            set_cookie: false,
            stream_limit: 128 * 1024,
            heartbeat: Duration::from_secs(25),
            disconnect_delay: Duration::from_secs(5),
            stall: Duration::from_secs(60),
            body_timeout: Duration::from_secs(30),
            message_limit: 256 * 1024,
            unclaimed_limit: 256 * 1024,
            queue_limit: 256 * 1024,
            session_limit: 20_000,
            admit: None,
            origins: Origins::SameOrigin,
            client_script: "/sockjs.min.js".to_owned(),
            protocols: Vec::new(),
            identify: None,
        }
    }
}

impl Options {
    /// Most bytes of a request of a session that nobody has claimed.
    fn unclaimed(&self) -> usize {
        self.unclaimed_limit.min(self.message_limit)
    }
}
