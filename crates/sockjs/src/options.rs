//! How an endpoint behaves: limits, deadlines, and what the application decides about requests.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::http::request::Parts;
use axum::response::Response;
use futures_util::future::BoxFuture;

use super::Origins;

/// Tells the user of a request, if the request names one in a way that can be believed. It is only called for requests
/// to sessions that were claimed ([`Control::claim`](super::Control::claim)).
pub type Identify = Arc<dyn Fn(&Parts) -> BoxFuture<'static, Option<i64>> + Send + Sync>;

/// Decides whether a request may begin a session over HTTP. The endpoint keeps what it returns for as long as it keeps
/// the session.
pub type Admit = Arc<dyn Fn(&Parts) -> Option<Admission> + Send + Sync>;

/// A value that is dropped together with the session which it was given for.
pub type Admission = Box<dyn Any + Send + Sync>;

/// Answers a request for the session over HTTP of this id, which is not here, if it is somewhere else. Gives the request
/// back where it is nowhere.
pub type Ask = Arc<dyn Fn(String, Request<Body>) -> BoxFuture<'static, Result<Response, Request<Body>>> + Send + Sync>;

/// Makes this the place of the session over HTTP of this id, which is nowhere, for as long as what it returns is kept.
/// `None` where it is somewhere else by now, or nobody can tell.
pub type Settle = Arc<dyn Fn(String) -> BoxFuture<'static, Option<Admission>> + Send + Sync>;

/// Where sessions over HTTP are that are not here, for an application that runs in several places and whose clients come
/// to any of them.
#[derive(Clone)]
pub struct Elsewhere {
    /// Called for each request whose session is not here.
    pub ask: Ask,
    /// Called before a session begins, once it is known that it may.
    pub settle: Settle,
}

/// How an endpoint behaves.
#[derive(Clone)]
pub struct Options {
    /// Whether SockJS sessions may use a WebSocket. `/info` says so; without it `…/websocket` is not found.
    pub websocket: bool,
    /// Whether a WebSocket without SockJS framing is served at `/websocket` and, by an upgrade, at the prefix itself.
    pub raw_websocket: bool,
    /// What `/info` tells clients about a load balancer that goes by a cookie.
    pub cookie_needed: bool,
    /// Whether HTTP transports set the cookie `JSESSIONID`, for load balancers.
    pub set_cookie: bool,
    /// Bytes of frames after which a streaming response ends, so that browsers can free it.
    pub stream_limit: usize,
    /// How long a connection may be silent before a heart-beat is sent. A WebSocket whose client stays silent for three
    /// such times, in spite of pings, is over.
    pub heartbeat: Duration,
    /// How long a session over HTTP lives without a receiving request, once a client of 64 kbit/s has what was answered
    /// before.
    pub disconnect_delay: Duration,
    /// How long messages may wait in a session over HTTP without any of them being taken before the session ends.
    pub stall_timeout: Duration,
    /// How long a WebSocket may accept nothing of what is written before the session ends. `None` where the server that
    /// owns the connections ends those whose peers accept nothing.
    pub websocket_stall_timeout: Option<Duration>,
    /// How long a request may take to send its body.
    pub body_timeout: Duration,
    /// The largest WebSocket message, and the largest body of a request, in bytes; also the bytes of received messages
    /// that may wait in a session.
    pub message_limit: usize,
    /// As [`Options::message_limit`], for one request of a session over HTTP that nobody has claimed.
    pub unclaimed_limit: usize,
    /// Bytes of sent messages that may wait in a session over HTTP before the sender waits. What waits is bounded by
    /// this and one message.
    pub queue_limit: usize,
    /// The number of sessions over HTTP that may live at once. A request for one more is answered with 503.
    pub session_limit: usize,
    /// Who may begin a session over HTTP. Whoever may not is answered with 503, too.
    pub admit: Option<Admit>,
    /// Where sessions over HTTP are that are not here. `None`: nowhere.
    pub elsewhere: Option<Elsewhere>,
    /// Which origins may use the endpoint.
    pub origins: Origins,
    /// The URL of the client's script in the iframe page: absolute, or a path that begins with `/`.
    pub client_script: String,
    /// Sub-protocols of WebSockets without SockJS framing. The first of the client's list that is here is chosen.
    pub protocols: Vec<String>,
    /// Tells the user of a request; see [`Identify`].
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
            stall_timeout: Duration::from_secs(60),
            websocket_stall_timeout: Some(Duration::from_secs(60)),
            body_timeout: Duration::from_secs(30),
            message_limit: 256 * 1024,
            unclaimed_limit: 256 * 1024,
            queue_limit: 256 * 1024,
            session_limit: 20_000,
            admit: None,
            elsewhere: None,
            origins: Origins::SameOrigin,
            client_script: "/sockjs.min.js".to_owned(),
            protocols: Vec::new(),
            identify: None,
        }
    }
}

impl Options {
    /// The largest body of a request to a session that nobody has claimed, in bytes.
    pub(super) fn unclaimed_body_limit(&self) -> usize {
        self.unclaimed_limit.min(self.message_limit)
    }
}
