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

use super::connection::Connection;
use super::heads::{self, HEAD_TIMEOUT, UnderWay};
use super::holding::until_sent;
use super::slots::{AddressIsFull, ConnectionSlot, SlotOwner, Slots};
use super::streams::{StreamExecutor, Streams, paced};
use super::{linger, router};
use crate::app::App;
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

/// How long a connection is kept for a peer.
#[derive(Debug, Clone)]
struct Patience {
    /// While it takes nothing of what waits for it.
    stall: Duration,
    /// Between two requests.
    keep_alive: Duration,
}

/// Serves until the app is told to stop, then lets the last requests finish.
pub async fn serve(app: &Arc<App>, listener: TcpListener) {
    let (router, slots, connections) = (router(app), Slots::new(&app.config), TaskTracker::new());
    let keep_alive = Duration::from_secs(app.config.server.keep_alive_seconds);
    let patience = Patience { stall: app.config.peer_timeouts.stall, keep_alive };
    while let Some((stream, peer)) = accept(&listener, &app.closing).await {
        // Beyond the limit a connection is closed at once: a client that waits in vain is worse.
        let Some(slot) = slots.take(peer.ip()) else { continue };
        set_options(&stream, patience.stall);
        connections.spawn(serve_connection(stream, slot, router.clone(), patience.clone(), app.closing.clone()));
    }
    // Whoever comes now is refused, and goes to another node.
    drop(listener);
    connections.close();
    // Live connections of a node that others take over from end one after the other; only then is there a last request.
    app.stopping.cancelled().await;
    if timeout(LAST_REQUESTS_TIMEOUT, connections.wait()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
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
    stream: TcpStream,
    slot: ConnectionSlot,
    router: Router,
    patience: Patience,
    closing: CancellationToken,
) {
    let (streams, owner, under_way) = (Arc::new(Streams::new(patience.stall)), slot.owner(), UnderWay::default());
    let requests = under_way.clone();
    let service = ServiceBuilder::new()
        .map_request(request_id::remove_if_strange::<Incoming>)
        .layer(SetRequestIdLayer::x_request_id(NewId))
        .layer(PropagateRequestIdLayer::x_request_id())
        .service_fn(move |request: hyper::Request<Incoming>| {
            let (router, owner, one) = (router.clone(), Arc::clone(&owner), under_way.begin());
            async move { Ok::<_, Infallible>(paced(until_sent(answer(router, &owner, request).await, one))) }
        });
    let builder = builder(&streams, patience.keep_alive);
    let io = TokioIo::new(Connection::new(stream, slot, requests, Arc::clone(&streams), patience.stall));
    let mut connection = pin!(builder.serve_connection_with_upgrades(io, TowerToHyperService::new(service)));
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
