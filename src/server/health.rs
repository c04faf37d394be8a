//! How the server is: for a service manager, for a balancer, and for an operator (protocol §10, §14).

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde::Serialize;
use utoipa::openapi::ContentBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::{IntoResponses, PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::rest::refusals::{self, Answers};
use crate::app::App;
use crate::chat::presence;
use crate::config;
use crate::error::{Error, Kind, Result};
use crate::http::authorization;
use crate::http::error::{error_response, nothing_here};
use crate::telemetry;
use crate::timestamp::Timestamp;

/// Without a token but for the nodes. The metrics are here unless the settings give them an address of their own.
pub fn router(settings: &config::Server) -> OpenApiRouter<Arc<App>> {
    let health = OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready)).routes(routes!(cluster));
    match settings.metrics_bind {
        Some(_) => health,
        None => health.routes(routes!(metrics)),
    }
}

/// The metrics and nothing else.
pub fn metrics_router() -> Router {
    Router::from(OpenApiRouter::new().routes(routes!(metrics))).fallback(async || nothing_here())
}

/// Whether the server runs
#[utoipa::path(get, path = "/health/live", operation_id = "getLive", tag = "Health", security(()))]
async fn live() -> Text {
    Text("ok".into_response())
}

/// What the server counts
///
/// In the form of Prometheus.
#[utoipa::path(get, path = "/metrics", operation_id = "getMetrics", tag = "Health", security(()))]
async fn metrics() -> Text {
    const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";
    Text(([(CONTENT_TYPE, KIND)], telemetry::render()).into_response())
}

/// Whether the server should be sent requests
///
/// Its database answers, it tells what happens, and it is not stopping. No broker has a say in it.
#[utoipa::path(get, path = "/health/ready", operation_id = "getReady", tag = "Health", security(()))]
async fn ready(State(app): State<Arc<App>>) -> Result<Text, Refused> {
    if app.is_draining() || app.hub.is_behind() {
        return Err(Refused(Error::unavailable()));
    }
    app.chat.ready().await.map_err(Refused)?;
    Ok(Text("ok".into_response()))
}

/// The nodes of this database, as this one sees them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NodesResponse)]
struct Nodes {
    /// The name of this one among them.
    node: String,
    /// The position of the log up to which this node has told everybody.
    position: i64,
    /// The ways to the other nodes, the better one first; none for a server that is alone by its database.
    ways: Vec<Way>,
    nodes: Vec<Node>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WayResponse)]
struct Way {
    kind: &'static str,
    /// Whether this node hears itself by it.
    up: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NodeResponse)]
struct Node {
    name: String,
    version: String,
    address: Option<String>,
    state: &'static str,
    started_at: Timestamp,
}

/// The nodes of the database
///
/// For administrators.
#[utoipa::path(get, path = "/health/cluster", operation_id = "getCluster", tag = "Health",
    responses((status = 200, description = "OK", body = Nodes), ForAdministrators))]
async fn cluster(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Nodes, Refused> {
    look(&app, &headers).await.map_err(Refused)
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

/// What is no JSON.
struct Text(Response);

struct Refused(Error);

/// Where only administrators may look.
struct ForAdministrators;

impl IntoResponse for Text {
    fn into_response(self) -> Response {
        self.0
    }
}

impl IntoResponses for Text {
    fn responses() -> Answers {
        let text = ContentBuilder::new().schema(Some(String::schema())).build();
        let answer = ResponseBuilder::new().description("OK").content("text/plain", text);
        [("200".to_owned(), answer.into())].into()
    }
}

impl IntoResponse for Nodes {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// Its answer is no envelope, and stands with its endpoint.
impl IntoResponses for Nodes {
    fn responses() -> Answers {
        Answers::new()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        error_response(&self.0)
    }
}

impl IntoResponses for Refused {
    fn responses() -> Answers {
        refusals::refusals(&[Kind::Unavailable])
    }
}

impl IntoResponses for ForAdministrators {
    fn responses() -> Answers {
        refusals::refusals(&[Kind::Forbidden, Kind::RateLimited, Kind::Internal])
    }
}
