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
use crate::connection;
use crate::http::peer::{AddressShares, Introduction, MAX_STRANGER_BYTES};
use crate::http::request_id::connection_span;
use crate::http::{authorization, origin};
use sockjs::{Admission, Opening, Options, Session};

use session::StompSession;

/// The path of the endpoint.
const PREFIX: &str = "/ws/chat";
/// The path of the script that the iframe page loads: the one that clients use, from inside the binary.
const SCRIPT: &str = "/ws/sockjs-1.6.1.min.js";
/// The versions of STOMP as sub-protocols.
const SUBPROTOCOLS: [&str; 3] = ["v10.stomp", "v11.stomp", "v12.stomp"];

/// The routes of this door.
pub fn router(app: &Arc<App>) -> Router {
    let shared = Arc::clone(app);
    let endpoint = sockjs::router(PREFIX, options(app), move |opening: Opening, session: Session| {
        let app = Arc::clone(&shared);
        let span = connection_span("stomp", &opening.request.extensions);
        let connection = async move {
            let (ending, control) = (app.endings.join(), session.control());
            let (token, introduction) = (token(&opening.request), Introduction::of(&opening.request.extensions));
            let protocol = StompSession::new(app, opening.id, token, introduction, control);
            connection::run(session, protocol, ending).await;
        };
        connection.instrument(span)
    });
    endpoint.route(SCRIPT, get(script))
}

fn options(app: &Arc<App>) -> Options {
    let (shared, admitting) = (Arc::clone(app), Arc::clone(app));
    // A session over HTTP has no connection of its own that would be counted.
    let shares = AddressShares::new(app.config.limits.connections_per_address);
    Options {
        origins: origin::allowed(&app.config.cors),
        client_script: SCRIPT.to_owned(),
        // What the server that clients come from says, although no session of one process needs a cookie.
        cookie_needed: true,
        protocols: SUBPROTOCOLS.map(str::to_owned).to_vec(),
        identify: Some(Arc::new(move |request| {
            let (app, token) = (Arc::clone(&shared), token(request));
            async move { app.tokens.verify(&token?).await.ok().map(|claims| claims.user) }.boxed()
        })),
        unclaimed_limit: MAX_STRANGER_BYTES,
        admit: Some(Arc::new(move |request| match elsewhere::client(&admitting, request) {
            Some(address) => shares.take(address).map(|share| Box::new(share) as Admission),
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
