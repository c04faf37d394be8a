//! Serves: the accept loop, what the system is asked for each socket, each connection to its end, and shutdown.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};

use super::connection::{Connection, Transport};
use super::heads::{self, HEAD_TIMEOUT, UnderWay};
use super::holding::until_sent;
use super::listeners::Listeners;
use super::slots::{AddressIsFull, SlotOwner, Slots};
use super::socket::Socket;
use super::streams::{StreamExecutor, Streams, paced};
use super::tls::Tls;
use super::{health, linger, router};
use crate::app::App;
use crate::config::Config;
use crate::error::Error;
use crate::http::error::error_response;
use crate::http::request_id::{self, NewId};

/// How long the server may take for its last requests.
const LAST_REQUESTS_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of the head of a request, at most.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Streams that one HTTP/2 connection may have open.
const MAX_STREAMS: u32 = 100;
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(20);
/// Bytes that the system keeps of what it has not sent yet. By its own measure it would take megabytes for a peer that
/// reads nothing, and say of one that reads slowly only after megabytes that it does.
const MAX_UNSENT_BYTES: u32 = 64 * 1024;
/// What a proxied request too many is told to wait, in seconds.
const RETRY_AFTER_SECONDS: u64 = 10;
/// Open connections to the metrics. They are counted by themselves: a node that is full is one to look at.
const MAX_METRICS_CONNECTIONS: u32 = 32;

/// How long a connection is kept for a peer.
#[derive(Debug, Clone)]
struct Patience {
    /// While it takes nothing of what waits for it.
    stall: Duration,
    /// Between two requests.
    keep_alive: Duration,
}

/// One address that is served.
struct Served {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    router: Router,
    slots: Slots,
}

/// Serves until the app is told to stop, then lets the last requests finish.
pub async fn serve(app: &Arc<App>, listeners: Listeners) {
    let Listeners { main, tls, metrics } = listeners;
    let (tls, connections) = (tls.map(Arc::new), TaskTracker::new());
    let main = Served { listener: main, tls: tls.clone(), router: router(app), slots: Slots::new(&app.config) };
    let metrics = metrics.map(|listener| {
        let slots = Slots::new(&with_few_connections(&app.config));
        Served { listener, tls: None, router: health::metrics_router(), slots }
    });
    let serving = async {
        tokio::join!(main.take_connections(app, &connections), async {
            if let Some(metrics) = metrics {
                metrics.take_connections(app, &connections).await;
            }
        });
        connections.close();
        // Live connections of a node that others take over from end one after the other; only then is there a last request.
        app.stopping.cancelled().await;
    };
    tokio::select! {
        () = serving => {}
        () = read_again(app, tls.as_deref()) => {}
    }
    if timeout(LAST_REQUESTS_TIMEOUT, connections.wait()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

fn with_few_connections(config: &Config) -> Config {
    let mut config = config.clone();
    config.limits.connections = MAX_METRICS_CONNECTIONS;
    config
}

/// Reads what the settings name in files, whenever the app is told to; never ends.
async fn read_again(app: &App, tls: Option<&Tls>) {
    loop {
        app.read_again.notified().await;
        match tls.map(Tls::read_again) {
            Some(Ok(())) => tracing::info!("the certificate was read again, and new connections get it"),
            Some(Err(cause)) => tracing::error!(
                cause = format!("{cause:#}"),
                "the certificate could not be read again, and the one of before stays"
            ),
            None => tracing::info!("there is no certificate to read again, and settings are read at the start only"),
        }
    }
}

impl Served {
    /// Takes connections until nobody is to connect any more. Then whoever comes is refused, and goes to another node.
    async fn take_connections(self, app: &App, connections: &TaskTracker) {
        let keep_alive = Duration::from_secs(app.config.server.keep_alive_seconds);
        let patience = Patience { stall: app.config.peer_timeouts.stall, keep_alive };
        while let Some((stream, peer)) = accept(&self.listener, &app.closing).await {
            // Beyond the limit a connection is closed at once: a client that waits in vain is worse.
            let Some(slot) = self.slots.take(peer.ip()) else { continue };
            set_options(&stream, patience.stall);
            let (owner, socket) = (slot.owner(), Socket::new(stream, slot, patience.stall));
            let (tls, router) = (self.tls.clone(), self.router.clone());
            let (patience, closing) = (patience.clone(), app.closing.clone());
            connections.spawn(async move {
                let Some(transport) = open(socket, tls, &closing).await else { return };
                serve_connection(transport, owner, router, patience, closing).await;
            });
        }
    }
}

/// Makes a connection of a socket; none where its client does not do its part, or nobody is to connect any more.
async fn open(socket: Socket, tls: Option<Arc<Tls>>, closing: &CancellationToken) -> Option<Transport> {
    let Some(tls) = tls else { return Some(Transport::Plain(socket)) };
    // In a box, since the task of a connection without TLS would be as large otherwise.
    match closing.run_until_cancelled(Box::pin(tls.accept(socket))).await? {
        Ok(stream) => Some(Transport::Tls(Box::new(stream))),
        Err(cause) => {
            tracing::debug!(cause = format!("{cause:#}"), "a connection did not begin");
            None
        }
    }
}

/// The next connection.
async fn accept(listener: &TcpListener, closing: &CancellationToken) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing.cancelled() => return None,
        };
        match accepted {
            Ok(accepted) => return Some(accepted),
            Err(cause) => {
                // Out of file handles, most likely: they come back.
                tracing::warn!(%cause, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Asks the system to send at once, since frames are gathered where they are written, to keep little of what is not sent,
/// and to forget what a peer that is gone never takes. Where it does not know how, it goes on without.
fn set_options(stream: &TcpStream, stall: Duration) {
    let _slower = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        let socket = SockRef::from(stream);
        let _more_is_kept = socket.set_tcp_notsent_lowat(MAX_UNSENT_BYTES);
        let _it_is_kept_longer = socket.set_tcp_user_timeout(Some(stall * 2));
    }
}

/// Serves one connection to its end. One of HTTP/2 without streams is asked to end, since it has no request to wait for;
/// if it does not, it is dropped.
async fn serve_connection(
    transport: Transport,
    owner: Arc<SlotOwner>,
    router: Router,
    patience: Patience,
    closing: CancellationToken,
) {
    let (streams, under_way) = (Arc::new(Streams::new(patience.stall)), UnderWay::default());
    let connection = Connection::new(transport, Arc::clone(&owner), under_way.clone(), Arc::clone(&streams));
    let service = ServiceBuilder::new()
        .map_request(request_id::remove_if_strange::<Incoming>)
        .layer(SetRequestIdLayer::x_request_id(NewId))
        .layer(PropagateRequestIdLayer::x_request_id())
        .service_fn(move |request: hyper::Request<Incoming>| {
            let (router, owner, one) = (router.clone(), Arc::clone(&owner), under_way.begin());
            async move { Ok::<_, Infallible>(paced(until_sent(answer(router, &owner, request).await, one))) }
        });
    let builder = builder(&streams, patience.keep_alive);
    let service = TowerToHyperService::new(service);
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(connection), service));
    let mut dropped_at = None;
    let mut is_ending = false;
    let ended = loop {
        tokio::select! {
            ended = connection.as_mut() => break ended,
            () = closing.cancelled(), if !is_ending => {}
            () = streams.idle_for(patience.keep_alive), if !is_ending => dropped_at = Some(Instant::now() + HEAD_TIMEOUT),
            () = async { sleep_until(dropped_at.unwrap_or_else(Instant::now)).await }, if dropped_at.is_some() => break Ok(()),
        }
        is_ending = true;
        connection.as_mut().graceful_shutdown();
    };
    if let Err(cause) = ended {
        tracing::debug!(%cause, "a connection ended");
    }
}

fn builder(streams: &Arc<Streams>, keep_alive: Duration) -> Builder<StreamExecutor> {
    let mut builder = Builder::new(StreamExecutor(Arc::clone(streams)));
    // It begins when the connection begins to wait for a head: a head that has begun has a clock of its own.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(keep_alive).max_buf_size(MAX_HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(HTTP2_PING_INTERVAL)
        .max_header_list_size(MAX_HEAD_BYTES as u32);
    builder
}

/// Answers a request, unless its address has as many under way as it may.
async fn answer(router: Router, owner: &SlotOwner, mut request: hyper::Request<Incoming>) -> Response<Body> {
    if let Err(error) = heads::check(request.version(), request.headers()) {
        return error_response(&error);
    }
    let (client, share) = match owner.admit(request.headers()) {
        Ok(admitted) => admitted,
        Err(AddressIsFull) => return error_response(&Error::rate_limited(RETRY_AFTER_SECONDS)),
    };
    if let Some(client) = client {
        request.extensions_mut().insert(client);
    }
    request.extensions_mut().insert(owner.peer);
    request.extensions_mut().insert(owner.introduction.clone());
    let response = linger::answer(request, |request| route(router, request)).await;
    owner.hold(share, response)
}

async fn route(router: Router, request: Request) -> Response {
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
