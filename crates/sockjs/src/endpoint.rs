//! What all requests of one endpoint share: its options, its sessions and the application's handler.

use axum::http::request::Parts;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::http_session::HttpSession;
use super::page::Iframe;
use super::registry::Registry;
use super::{Opening, Options, Session};

/// What the application does with a new session.
type Handler = Box<dyn Fn(Opening, Session) -> BoxFuture<'static, ()> + Send + Sync>;

/// One endpoint.
pub(super) struct Endpoint {
    pub(super) options: Options,
    pub(super) handler: Handler,
    pub(super) sessions: Registry,
    pub(super) iframe: Iframe,
}

impl Endpoint {
    pub(super) fn new<H, F>(options: Options, handler: H) -> Self
    where
        H: Fn(Opening, Session) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let iframe = Iframe::new(&options.client_script, &options.origins);
        let handler = Box::new(move |opening, session| handler(opening, session).boxed());
        Self { options, handler, sessions: Registry::default(), iframe }
    }

    /// Whether a request may use a session: not if it comes from another user than the session's owner.
    pub(super) async fn owns(&self, session: &HttpSession, request: &Parts) -> bool {
        let (Some(owner), Some(identify)) = (session.owner(), &self.options.identify) else { return true };
        identify(request).await.is_none_or(|user| user == owner)
    }
}
