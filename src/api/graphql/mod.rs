//! The GraphQL door: a schema of thin faces over the chat's own values, behind our own guard, HTTP handler and
//! socket loop. No rule of chat stands here, and no SQL.

mod accept;
mod asked_types;
mod budget;
pub(crate) mod catalog;
mod conversation;
pub(crate) mod dialect;
pub(crate) mod documents;
pub(crate) mod door;
mod error;
mod event_type;
mod events;
mod files;
mod graphiql;
pub mod guard;
mod http;
mod id;
mod json;
mod left_out;
mod loaders;
mod loads;
mod message;
mod mutation;
pub(crate) mod node;
pub(crate) mod operation;
mod paging;
mod presence;
mod query;
mod reactions;
mod receipts;
mod renewal;
mod response_shape;
pub(crate) mod schema;
mod sse;
mod subscription;
mod timestamp;
mod user;
mod viewer;
mod webhooks;
pub(crate) mod websocket;

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get};

use crate::app::App;

pub use schema::schema_text;

/// The routes of this door.
pub fn router(app: &Arc<App>) -> Router {
    let router = Router::new().route("/graphql", any(http::handle));
    let has_page = app.config.graphql.graphiql;
    let router = if has_page { router.route("/graphiql/{file}", get(graphiql::file)) } else { router };
    router.with_state(Arc::new(door::Door::new(app)))
}
