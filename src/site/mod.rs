//! Pages for people, from inside the binary: what a browser finds at `/`, the web chat at `/chat`, and the documentation at
//! `/docs`. It knows no rule of chat: its pages are clients like any other.

mod demo;
mod pages;

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};

use crate::app::App;
use pages::Site;

/// The routes of the pages; none where they are switched off.
pub fn router(app: &Arc<App>) -> Router {
    if !app.config.server.pages {
        return Router::new();
    }
    let pages = Router::new()
        .route("/", any(pages::front))
        .route("/chat", get(pages::chat))
        .route("/docs", get(pages::docs))
        .route("/site/{file}", get(pages::file))
        .with_state(Arc::new(Site::new(&app.config)));
    if app.config.demo.is_empty() {
        return pages;
    }
    pages.merge(Router::new().route("/demo/people", post(demo::people)).with_state(Arc::clone(app)))
}
