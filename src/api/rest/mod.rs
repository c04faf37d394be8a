//! The REST door: the endpoints of the reference, each a few lines over one function of the chat (protocol §4).
//! No rule of chat stands here, and no SQL.

mod conversations;
pub(crate) mod disposition;
mod download;
pub(crate) mod encoded_words;
mod envelope;
mod events;
mod files;
pub(crate) mod form;
mod input;
mod messages;
mod parameters;
pub(crate) mod part_name;
mod presence;
mod reactions;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::HttpBody;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{delete, get, post, put};

use crate::app::App;
use crate::error::{self, Error};
use crate::http::body;
use crate::http::error::error_response;

/// The endpoint table.
pub fn router(app: &Arc<App>) -> Router {
    let endpoints = Router::new()
        .route("/conversations", get(conversations::list).post(conversations::create))
        .route("/conversations/pinned", get(conversations::pinned))
        .route("/conversations/search", get(conversations::search))
        .route("/conversations/unread", get(conversations::unread))
        .route("/conversations/direct/{userId}", post(conversations::open_direct))
        .route("/conversations/{id}", get(conversations::get).put(conversations::update).delete(conversations::leave))
        .route("/conversations/{id}/participants", get(conversations::participants).post(conversations::add))
        .route("/conversations/{id}/participants/{userId}", delete(conversations::remove_participant))
        .route("/conversations/{id}/mute", put(conversations::mute))
        .route("/conversations/{id}/pin", put(conversations::pin))
        .route("/conversations/{id}/archive", put(conversations::archive))
        .route("/conversations/{id}/messages", get(messages::page).post(messages::send))
        .route("/conversations/{id}/messages/search", get(messages::search))
        .route("/conversations/{id}/attachments", get(messages::with_files))
        .route("/conversations/{id}/read", post(messages::mark_read))
        .route("/messages/{id}", put(messages::edit).delete(messages::delete))
        .route("/messages/{id}/thread", get(messages::thread))
        .route("/messages/{id}/read-receipts", get(messages::read_receipts))
        .route("/messages/{id}/reactions", get(reactions::list).post(reactions::add))
        .route("/messages/{id}/reactions/toggle", post(reactions::toggle))
        .route("/messages/{id}/reactions/summary", get(reactions::summary))
        .route("/messages/{id}/reactions/{emoji}", delete(reactions::remove))
        .route("/presence", get(presence::online))
        .route("/presence/status", put(presence::set))
        .route("/presence/users", post(presence::of_users))
        .route("/presence/{userId}", get(presence::of_user))
        .route("/events", get(events::after))
        .layer(from_fn(in_time));
    // The form of an upload has its own limit, which holds while it is read.
    let upload = post(files::upload).layer(DefaultBodyLimit::disable());
    Router::new()
        .nest("/api/chat", endpoints)
        .route("/api/files", upload)
        .route("/api/files/{id}", get(files::get))
        .route("/api/files/{id}/content", get(files::content))
        .route("/api/files/{id}/thumbnail", get(files::thumbnail))
        .with_state(Arc::clone(app))
}

/// Answers 503 where the database does not answer, so that nobody waits for ever.
async fn in_time(request: Request, next: Next) -> Response {
    let body = if request.body().is_end_stream() { Duration::ZERO } else { body::READ_TIMEOUT };
    let answered = tokio::time::timeout(error::DATABASE_TIMEOUT + body, next.run(request)).await;
    answered.unwrap_or_else(|_| error_response(&Error::unavailable_because("the database does not answer")))
}
