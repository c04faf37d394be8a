//! Passes a request on to another server as it came, and what that answers back, both as streams. It does not know who the
//! other one is, nor why.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, Version};
use axum::response::Response;
use futures_util::stream::unfold;
use futures_util::{FutureExt, StreamExt};
use hyper::body::Body as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// How long the other server may take to take a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection without a word is believed in before the system asks whether there is still somebody.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Connections to one server that wait for the next request.
const MAX_IDLE: usize = 64;

/// What holds for one connection and not for the request (RFC 9110 §7.6.1).
const OF_THE_CONNECTION: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Sends requests on.
#[derive(Clone)]
pub struct Forwarder(Client<HttpConnector, Body>);

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// It was not sent: nobody is there.
    Unreachable,
    /// It was sent, or some of it, and nobody knows what became of it.
    Interrupted,
}

/// Ends a response whose other half is not waited for any longer.
#[derive(Debug)]
struct GivenUp;

impl fmt::Display for GivenUp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("what another server still had to say is not waited for")
    }
}

impl std::error::Error for GivenUp {}

impl Forwarder {
    /// Keeps connections for `idle` between two requests, which has to be shorter than the other servers keep them.
    pub fn new(idle: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        connector.set_keepalive(Some(KEEP_ALIVE));
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(idle).pool_max_idle_per_host(MAX_IDLE);
        Self(builder.build(connector))
    }

    /// Sends a request on to `address`, such as `http://10.0.0.7:1337`. Dropped, or where the response is, the other server
    /// sees its client go away; so it does when `until` ends.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn forward(
        &self,
        address: &str,
        request: &Parts,
        body: Body,
        until: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Response, Unanswered> {
        let mut until: Until = Box::pin(until);
        let request = rewritten(address, request, body).ok_or(Unanswered::Unreachable)?;
        let answer = tokio::select! {
            answer = self.0.request(request) => answer,
            () = &mut until => return Err(Unanswered::Interrupted),
        };
        let answer = answer.map_err(|cause| {
            tracing::debug!(%cause, address, "a request that was passed on has no answer");
            if cause.is_connect() { Unanswered::Unreachable } else { Unanswered::Interrupted }
        })?;
        let (mut head, body) = answer.into_parts();
        remove_of_connection(&mut head.headers);
        let body = Body::new(body);
        let body = if body.is_end_stream() { body } else { ended_by(body.into_data_stream(), until) };
        Ok(Response::from_parts(head, body))
    }
}

/// The request for the other server. None where the address is none.
fn rewritten(address: &str, request: &Parts, body: Body) -> Option<Request<Body>> {
    let path = request.uri.path_and_query().map_or("/", |path| path.as_str());
    let uri: Uri = format!("{address}{path}").parse().ok()?;
    let mut headers = request.headers.clone();
    remove_of_connection(&mut headers);
    // Whoever reads it has asked for it by reading it.
    headers.remove(EXPECT);
    if body.is_end_stream() {
        headers.remove(CONTENT_LENGTH);
    }
    if !headers.contains_key(HOST)
        && let Some(host) = request.uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok())
    {
        headers.insert(HOST, host);
    }
    let mut rewritten = Request::new(body);
    *rewritten.method_mut() = request.method.clone();
    *rewritten.uri_mut() = uri;
    *rewritten.version_mut() = Version::HTTP_11;
    *rewritten.headers_mut() = headers;
    Some(rewritten)
}

fn remove_of_connection(headers: &mut HeaderMap) {
    let lines = headers.get_all(CONNECTION).into_iter().filter_map(|line| line.to_str().ok());
    let named = lines.flat_map(|line| line.split(',')).filter_map(|name| name.trim().parse().ok());
    let named: Vec<HeaderName> = named.collect();
    for name in named.iter().chain(&OF_THE_CONNECTION) {
        headers.remove(name);
    }
}

type Until = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The same bytes, broken off where `until` ends before them.
fn ended_by(bytes: BodyDataStream, until: Until) -> Body {
    let state = Some((bytes, until.fuse()));
    Body::from_stream(unfold(state, |state| async move {
        let (mut bytes, mut until) = state?;
        let next: Option<Result<Bytes, axum::Error>> = tokio::select! {
            next = bytes.next() => next,
            () = &mut until => Some(Err(axum::Error::new(GivenUp))),
        };
        match next? {
            Ok(next) => Some((Ok(next), Some((bytes, until)))),
            Err(cause) => Some((Err(cause), None)),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(request: Request<()>) -> Parts {
        request.into_parts().0
    }

    #[test]
    fn a_request_is_passed_on_as_it_came_but_for_what_holds_for_its_connection() {
        let request = Request::post("/ws/chat/1/a{%7B|/xhr_send?token=t")
            .header("host", "chat.example.org")
            .header("authorization", "Bearer t")
            .header("cookie", "a=b")
            .header("content-length", "3")
            .header("connection", "close, X-Hop")
            .header("x-hop", "1")
            .header("expect", "100-continue")
            .header("te", "trailers");
        let sent = rewritten("http://10.0.0.7:1", &head(request.body(()).unwrap()), Body::from("[1]")).unwrap();
        assert_eq!(sent.uri(), "http://10.0.0.7:1/ws/chat/1/a{%7B|/xhr_send?token=t");
        let mut headers: Vec<_> = sent.headers().iter().map(|(name, value)| (name.as_str(), value)).collect();
        headers.sort_unstable();
        let kept =
            [("authorization", "Bearer t"), ("content-length", "3"), ("cookie", "a=b"), ("host", "chat.example.org")];
        assert_eq!(
            headers,
            kept.map(|(name, value)| (name, HeaderValue::from_static(value))).each_ref().map(|(n, v)| (*n, v))
        );
        let read = Request::post("http://chat.example.org/x").version(Version::HTTP_2).header("content-length", "3");
        let sent = rewritten("http://10.0.0.7:1", &head(read.body(()).unwrap()), Body::empty()).unwrap();
        assert_eq!((sent.version(), sent.headers().len()), (Version::HTTP_11, 1));
        assert_eq!(sent.headers()[HOST], "chat.example.org");
    }

    #[tokio::test]
    async fn a_response_ends_with_what_it_waits_for() {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let said = futures_util::stream::iter([Ok::<_, std::io::Error>("a")]).chain(futures_util::stream::pending());
        let body = ended_by(Body::from_stream(said).into_data_stream(), Box::pin(stopped.map(drop)));
        let mut bytes = body.into_data_stream();
        assert_eq!(bytes.next().await.unwrap().unwrap(), "a");
        assert!(bytes.next().now_or_never().is_none());
        drop(stop);
        assert!(bytes.next().await.unwrap().is_err());
        assert!(bytes.next().await.is_none());
    }
}
