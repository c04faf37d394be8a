//! The REST door: the endpoints of the reference, each a few lines over one function of the chat (protocol §4).
//! No rule of chat stands here, and no SQL.

mod conversations;
pub(crate) mod described;
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
pub(crate) mod refusals;

use std::sync::Arc;
use std::time::Duration;

use axum::body::HttpBody;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::app::App;
use crate::error::{self, Error};
use crate::http::body;
use crate::http::error::{Failure, error_response};

/// The endpoint table: each handler says its address and method itself, and its reference with them. In one row stand those
/// of one address.
pub fn router() -> OpenApiRouter<Arc<App>> {
    let endpoints = OpenApiRouter::new()
        .routes(routes!(conversations::list, conversations::create))
        .routes(routes!(conversations::pinned))
        .routes(routes!(conversations::search))
        .routes(routes!(conversations::unread))
        .routes(routes!(conversations::open_direct_by_external_id))
        .routes(routes!(conversations::open_direct))
        .routes(routes!(conversations::get, conversations::update, conversations::leave))
        .routes(routes!(conversations::participants, conversations::add))
        .routes(routes!(conversations::remove_participant))
        .routes(routes!(conversations::mute))
        .routes(routes!(conversations::pin))
        .routes(routes!(conversations::archive))
        .routes(routes!(messages::page, messages::send))
        .routes(routes!(messages::search))
        .routes(routes!(messages::with_files))
        .routes(routes!(messages::mark_read))
        .routes(routes!(messages::edit, messages::delete))
        .routes(routes!(messages::thread))
        .routes(routes!(messages::read_receipts))
        .routes(routes!(reactions::all, reactions::add))
        .routes(routes!(reactions::toggle))
        .routes(routes!(reactions::summary))
        .routes(routes!(reactions::remove))
        .routes(routes!(presence::online))
        .routes(routes!(presence::set))
        .routes(routes!(presence::of_users))
        .routes(routes!(presence::of_user))
        .routes(routes!(events::after))
        .layer(from_fn(in_time));
    // The form of an upload has its own limit, which holds while it is read.
    let upload = routes!(files::upload).layer(DefaultBodyLimit::disable());
    OpenApiRouter::with_openapi(Types::openapi())
        .nest("/api/chat", endpoints)
        .routes(upload)
        .routes(routes!(files::get))
        .routes(routes!(files::content))
        .routes(routes!(files::thumbnail))
}

/// What endpoints answer with. What they are asked with is found by itself.
#[derive(OpenApi)]
#[openapi(components(schemas(
    crate::chat::conversations::Conversation,
    crate::chat::conversations::Unread,
    crate::chat::files::File,
    crate::chat::messages::Message,
    crate::chat::presence::Presence,
    crate::chat::reactions::Reaction,
    crate::chat::reactions::ReactionResult,
    crate::chat::receipts::ReadReceipt,
    crate::chat::receipts::ReadState,
    crate::chat::views::participant::Participant,
    envelope::ByCursor,
    envelope::ById,
    events::Entry,
    reactions::Summary,
    Failure,
)))]
struct Types;

/// Answers 503 where the database does not answer, so that nobody waits for ever.
async fn in_time(request: Request, next: Next) -> Response {
    let body = if request.body().is_end_stream() { Duration::ZERO } else { body::READ_TIMEOUT };
    let answered = tokio::time::timeout(error::DATABASE_TIMEOUT + body, next.run(request)).await;
    answered.unwrap_or_else(|_| error_response(&Error::unavailable_because("the database does not answer")))
}
