//! How the server is: for a service manager, for a balancer, and for an operator (protocol §10, §14).

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;

use crate::app::App;
use crate::chat::presence;
use crate::error::{Error, Result};
use crate::http::authorization;
use crate::http::error::error_response;
use crate::telemetry;
use crate::timestamp::Timestamp;

/// Without a token but for the last one, which names the nodes.
pub fn router(app: &Arc<App>) -> Router {
    const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
    Router::new()
        .route("/health/live", get(|| async { "ok" }))
        .route("/health/ready", get(ready))
        .route("/health/cluster", get(cluster))
        .route("/metrics", get(|| async { ([(CONTENT_TYPE, METRICS)], telemetry::render()) }))
        .with_state(Arc::clone(app))
}

/// Whether the server should be sent requests: its database answers, it tells what happens, and it is not stopping. No
/// broker has a say in it.
async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.is_draining() || app.hub.is_behind() {
        return error_response(&Error::unavailable());
    }
    match app.chat.ready().await {
        Ok(()) => "ok".into_response(),
        Err(error) => error_response(&error),
    }
}

/// The nodes of this database, as this one sees them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Nodes {
    /// The name of this one among them.
    node: String,
    /// The position of the log up to which this node has told everybody.
    position: i64,
    /// The ways to the other nodes, the better one first; none for a server that is alone by its database.
    ways: Vec<Way>,
    nodes: Vec<Node>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Way {
    kind: &'static str,
    /// Whether this node hears itself by it.
    up: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    name: String,
    version: String,
    address: Option<String>,
    state: &'static str,
    started_at: Timestamp,
}

async fn cluster(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match look(&app, &headers).await {
        Ok(nodes) => Json(nodes).into_response(),
        Err(error) => error_response(&error),
    }
}

async fn look(app: &App, headers: &HeaderMap) -> Result<Nodes> {
    let token = authorization::token(headers).ok_or_else(|| Error::unauthenticated("A token is needed"))?;
    app.authenticate(token).await?.must_be_admin()?;
    let all = presence::all_nodes(&app.chat).await?;
    let me = all.iter().find(|(node, _)| node.id == *app.chat.cluster.me());
    let node = me.map(|(node, _)| node.name.clone()).unwrap_or_default();
    let ways = app.chat.cluster.ways().into_iter().map(|(kind, up)| Way { kind, up }).collect();
    let nodes = all.into_iter().map(|(node, state)| Node {
        name: node.name,
        version: node.version,
        address: node.address,
        state,
        started_at: node.started_at.into(),
    });
    Ok(Nodes { node, position: app.hub.position(), ways, nodes: nodes.collect() })
}
