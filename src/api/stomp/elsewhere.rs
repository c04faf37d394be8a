//! Sessions over HTTP that another node has, since a balancer sends each request to whichever it likes: what is asked of them
//! is passed on to their node (protocol §14). It knows neither how the nodes agree whose they are, nor how that is done.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use sockjs::{Admission, Elsewhere};

use crate::app::App;
use crate::cluster::pass::Passed;
use crate::cluster::routes::Route;
use crate::entity::clock;
use crate::http::forward::{Forwarder, Unanswered};
use crate::http::peer::Client;
use crate::telemetry;

/// The pass of a request that a node sends on.
static FORWARDED: HeaderName = HeaderName::from_static("x-confab-forwarded");
/// Whom it comes from.
static CLIENT: HeaderName = HeaderName::from_static("x-forwarded-for");
/// What stands there where nobody knows.
const UNKNOWN: &str = "unknown";

/// Where sessions are that are not here; none where this node is alone, or the balancer sees to it.
pub(super) fn elsewhere(app: &Arc<App>) -> Option<Elsewhere> {
    let routes = Arc::clone(app.chat.cluster.routes()?);
    // The others keep connections for as long as this node does.
    let forwarder = Forwarder::new(Duration::from_secs(app.config.server.keep_alive_seconds) / 2);
    let asked = Arc::clone(app);
    Some(Elsewhere {
        ask: Arc::new(move |id, request| ask(Arc::clone(&asked), forwarder.clone(), id, request).boxed()),
        settle: Arc::new(move |id| {
            let routes = Arc::clone(&routes);
            async move {
                let claimed = routes.claim(id).await.inspect_err(|error| {
                    tracing::warn!(%error, "a session over HTTP cannot begin, since it cannot be written down");
                });
                claimed.ok().flatten().map(|held| Box::new(held) as Admission)
            }
            .boxed()
        }),
    })
}

/// Whom a request counts for: as the node says that passed it on, else as the connection shows.
pub(super) fn client(app: &App, request: &Parts) -> Option<IpAddr> {
    match passed_on_for(app, request) {
        Some(client) => client.parse().ok(),
        None => request.extensions.get::<Client>().map(|Client(address)| *address),
    }
}

async fn ask(
    app: Arc<App>,
    forwarder: Forwarder,
    id: String,
    request: Request<Body>,
) -> Result<Response, Request<Body>> {
    let (head, body) = request.into_parts();
    // What was passed on once is never passed on again.
    let routes = app.chat.cluster.routes().filter(|_| passed_on_for(&app, &head).is_none());
    let Some(routes) = routes else { return Err(Request::from_parts(head, body)) };
    let route = match routes.find(&id).await {
        Ok(Some(route)) => route,
        Ok(None) => return Err(Request::from_parts(head, body)),
        Err(error) => {
            tracing::warn!(%error, "nobody can tell which node has a session over HTTP");
            return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
        }
    };
    match pass_on(&app, &forwarder, &route, &head, body).await {
        Ok(response) => {
            telemetry::forwarded("answered");
            if !response.status().is_success() {
                // It may have ended, and have begun at another node.
                routes.forget(&id);
            }
            Ok(response)
        }
        Err(Unanswered::Interrupted) => {
            telemetry::forwarded("interrupted");
            routes.forget(&id);
            Ok(StatusCode::BAD_GATEWAY.into_response())
        }
        Err(Unanswered::Unreachable) => {
            telemetry::forwarded("unreachable");
            let Route { node, address } = &route;
            tracing::warn!(node, address, "this node cannot be reached, and so its session over HTTP is lost");
            match routes.give_up(&id, &route).await {
                Ok(()) => Err(Request::from_parts(head, Body::empty())),
                Err(_) => Ok(StatusCode::SERVICE_UNAVAILABLE.into_response()),
            }
        }
    }
}

/// Sends a request on with a pass, in which the client stands that is known here. It ends when the live connections of this
/// node do, and when the other one counts as ended.
async fn pass_on(
    app: &Arc<App>,
    forwarder: &Forwarder,
    route: &Route,
    request: &Parts,
    body: Body,
) -> Result<Response, Unanswered> {
    let mut passed_on = request.clone();
    let client = client(app, request).map_or_else(|| UNKNOWN.to_owned(), |client| client.to_string());
    let pass = app
        .chat
        .cluster
        .passes()
        .map(|passes| passes.make(app.chat.cluster.me(), passed(request, &client), clock::now()));
    for (name, value) in [(&FORWARDED, pass.as_deref().unwrap_or_default()), (&CLIENT, &client)] {
        let value = HeaderValue::from_str(value).expect("addresses, ids and numbers are plain");
        passed_on.headers.insert(name, value);
    }
    let (ending, cluster, node) = (app.endings.join(), Arc::clone(&app.chat.cluster), route.node.clone());
    let until = async move {
        tokio::select! {
            () = ending.asked() => {}
            () = cluster.ended(&node) => {}
        }
    };
    forwarder.forward(&route.address, &passed_on, body, until).await
}

/// For whom a request was passed on; none for one that no node passed on.
fn passed_on_for<'r>(app: &App, request: &'r Parts) -> Option<&'r str> {
    let only = |name: &HeaderName| {
        let mut lines = request.headers.get_all(name).iter();
        lines.next().filter(|_| lines.next().is_none())?.to_str().ok()
    };
    let (pass, client) = (only(&FORWARDED)?, only(&CLIENT)?);
    let passes = app.chat.cluster.passes()?;
    passes.is_good(pass, passed(request, client), clock::now()).then_some(client)
}

fn passed<'r>(request: &'r Parts, client: &'r str) -> Passed<'r> {
    let path = request.uri.path_and_query().map_or("/", |path| path.as_str());
    Passed { method: request.method.as_str(), path, client }
}
