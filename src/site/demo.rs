//! Tokens for the people of the demo, for its web chat alone: a browser on this machine, or a page of an origin that the
//! settings name.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{FORWARDED, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::App;
use crate::config::Cors;
use crate::error::{Error, Kind, Result};
use crate::http::error::error_response;
use crate::http::origin;
use crate::http::peer::Peer;

/// How long a token of the demo is valid.
const TOKEN_TIME: Duration = Duration::from_secs(24 * 3600);

#[derive(Serialize)]
struct Somebody {
    id: i64,
    name: &'static str,
    token: String,
}

/// Everybody of the demo, each with a token.
pub(super) async fn people(State(app): State<Arc<App>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match issue(&app, &head) {
        Ok(people) => Json(people).into_response(),
        Err(error) => error_response(&error),
    }
}

fn issue(app: &App, head: &Parts) -> Result<Vec<Somebody>> {
    let cors = &app.config.cors;
    let may_ask = is_named(cors, &head.headers) || (is_local(head) && origin::is_allowed(&app.config, head));
    if !may_ask {
        const WHY: &str = "The demo gives its tokens to browsers on its own machine, and to pages of the origins that \
                           cors.allowed_origins names";
        return Err(Error::new(Kind::Forbidden, WHY));
    }
    let token = |id, name| app.tokens.issue(id, Some(name), false, TOKEN_TIME).map_err(|_| Error::internal());
    let people = app.config.demo.iter();
    people.map(|one| Ok(Somebody { id: one.id, name: one.name, token: token(one.id, one.name)? })).collect()
}

/// Whether the page is of an origin that the settings name. `*` names none: it would open the demo to every page, or with any
/// port to every page of whoever asks.
fn is_named(cors: &Cors, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()) else { return false };
    cors.allowed_origins.iter().any(|one| !one.contains('*') && one.trim_end_matches('/').eq_ignore_ascii_case(origin))
}

/// Whether a request comes from this machine, without a proxy, and asks for it by a name that it has for itself: under any
/// other name a page of somebody else could have this server for its own.
fn is_local(head: &Parts) -> bool {
    let peer = head.extensions.get::<Peer>().is_some_and(|Peer(address)| address.to_canonical().is_loopback());
    let is_proxied = head.headers.contains_key("x-forwarded-for") || head.headers.contains_key(FORWARDED);
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| head.uri.authority().map(|authority| authority.as_str()));
    peer && !is_proxied && host.is_some_and(is_own_name)
}

fn is_own_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
