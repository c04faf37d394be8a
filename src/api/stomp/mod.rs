//! The STOMP door: frames over WebSocket and SockJS, a session that speaks them, and the table of destinations
//! (protocol §5). No rule of chat stands here, and no SQL.

mod agreement;
mod connected;
pub mod described;
mod destinations;
mod elsewhere;
pub mod frame;
mod session;
mod subscription;

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::routing::get;
use futures_util::FutureExt;
use tracing::Instrument;

use crate::app::App;
use crate::auth;
use crate::connection::{self, SessionLog};
use crate::http::peer::{AddressShares, Introduction, MAX_STRANGER_BYTES};
use crate::http::request_id::connection_span;
use crate::http::{authorization, origin};
use crate::telemetry;
use sockjs::{Admission, Opening, Options, Session};

use session::StompSession;

/// The path of the endpoint.
const PREFIX: &str = "/ws/chat";
/// The path of the script that the iframe page loads: the one that clients use, from inside the binary. Where a proxy puts
/// another path before it, `server.public_url` says so.
const SCRIPT: &str = "/ws/sockjs-1.6.1.min.js";
/// The versions of STOMP as sub-protocols.
const SUBPROTOCOLS: [&str; 3] = ["v10.stomp", "v11.stomp", "v12.stomp"];

/// The routes of this door.
pub fn router(app: &Arc<App>) -> Router {
    let shared = Arc::clone(app);
    let endpoint =
        sockjs::router(PREFIX, options(app), move |opening, session| converse(Arc::clone(&shared), opening, session));
    endpoint.route(SCRIPT, get(script))
}

/// A session from its beginning to its end. There are many thousands, and each holds this future.
fn converse(app: Arc<App>, opening: Opening, session: Session) -> impl Future<Output = ()> + Send {
    let span = connection_span("stomp", &opening.request.extensions);
    let (token, introduction) = (token(&opening.request), Introduction::of(&opening.request.extensions));
    let log = SessionLog::new(app.config.log.access, "stomp", &opening.request.extensions);
    // The request is not kept: its headers hold the whole buffer that they were read into.
    let (ending, control) = (app.endings.join(), session.control());
    let protocol = StompSession::new(app, opening.id, token, introduction, control);
    connection::run(session, protocol, ending, log).instrument(span)
}

fn options(app: &Arc<App>) -> Options {
    let (shared, admitting) = (Arc::clone(app), Arc::clone(app));
    let public_url = app.config.server.public_url.as_deref().unwrap_or_default();
    // A session over HTTP has no connection of its own that would be counted.
    let shares = AddressShares::new(app.config.limits.connections_per_address);
    Options {
        origins: origin::allowed(&app.config),
        client_script: format!("{}{SCRIPT}", public_url.trim_end_matches('/')),
        // What the server that clients come from says, although no session of one process needs a cookie.
        cookie_needed: true,
        protocols: SUBPROTOCOLS.map(str::to_owned).to_vec(),
        identify: Some(Arc::new(move |request| {
            let (app, token) = (Arc::clone(&shared), token(request));
            async move { app.identify(&token?).await }.boxed()
        })),
        unclaimed_limit: MAX_STRANGER_BYTES,
        admit: Some(Arc::new(move |request| match elsewhere::client(&admitting, request) {
            Some(address) => match shares.take(address) {
                Some(share) => Some(Box::new(share) as Admission),
                None => {
                    telemetry::limit_hit("connections_per_address");
                    None
                }
            },
            None => Some(Box::new(())),
        })),
        elsewhere: elsewhere::elsewhere(app),
        ..connection::websocket::options()
    }
}

/// The token of a request: in its URL, which is all that a browser can set, or in `Authorization`.
fn token(request: &Parts) -> Option<String> {
    let given = auth::in_query(request.uri.query().unwrap_or_default());
    given.or_else(|| authorization::token(&request.headers).map(str::to_owned))
}

/// npm `sockjs-client` 1.6.1.
async fn script() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=31536000"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, include_bytes!("sockjs-1.6.1.min.js").as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<A, B, C, F: Future>(_: impl Fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn what_waits_for_a_client_is_small() {
        let (connection, session) = (size(converse), size_of::<StompSession>());
        println!("a session of STOMP: {connection} bytes, of which {session} are its own");
        assert!(connection <= 1_024, "{connection} bytes");
    }
}
