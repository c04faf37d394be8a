//! From a request to its answer: the place, the origin, the method, and then whoever answers there.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::ORIGIN;
use axum::http::request::Parts;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use axum::routing::any;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::page::Iframe;
use super::path::{Place, place};
use super::pipe::Pipe;
use super::pipes::Pipes;
use super::transport::{Verb, allows};
use super::{Opening, Options, Session, deliver, origin, page, receive, reply, websocket};

/// All that the requests of one endpoint share.
pub(super) struct Endpoint {
    pub(super) options: Options,
    pub(super) handler: Box<dyn Fn(Opening, Session) -> BoxFuture<'static, ()> + Send + Sync>,
    pub(super) pipes: Pipes,
    iframe: Iframe,
}

/// A SockJS endpoint at a prefix such as `/chat`, to be merged into a router. All paths below the prefix are its own.
///
/// The handler is called for each new session and runs until it is done with it, on a task of its own. The session is
/// open when it is called: nobody has to speak first.
pub fn router<H, F>(prefix: &str, options: Options, handler: H) -> Router
where
    H: Fn(Opening, Session) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let iframe = Iframe::new(&options.client_script, &options.origins);
    let handler = Box::new(move |opening, session| handler(opening, session).boxed());
    let endpoint = Arc::new(Endpoint { options, handler, pipes: Pipes::default(), iframe });
    let prefix: Arc<str> = prefix.trim_end_matches('/').into();
    let paths = [prefix.to_string(), format!("{prefix}/"), format!("{prefix}/{{*rest}}")];
    let answer = move |request: Request<Body>| {
        let (endpoint, prefix) = (endpoint.clone(), prefix.clone());
        async move {
            let path = request.uri().path().to_owned();
            endpoint.answer(request, path.strip_prefix(&*prefix).unwrap_or_default()).await
        }
    };
    paths
        .into_iter()
        .filter(|path| !path.is_empty())
        .fold(Router::new(), |router, path| router.route(&path, any(answer.clone())))
}

fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

impl Endpoint {
    async fn answer(self: &Arc<Self>, request: Request<Body>, path: &str) -> Response {
        let (request, body) = request.into_parts();
        let Some(place) = place(path).filter(|place| self.offers(*place)) else { return reply::not_found() };
        let open = matches!(place, Place::Iframe) || matches!(place, Place::Greeting) && !websocket::asked(&request);
        if open {
            return self.show(place, &request);
        }
        if !self.options.origins.allow(&request) {
            return reply::plain(StatusCode::FORBIDDEN, "Invalid CORS request");
        }
        let origin = request.headers.get(ORIGIN).cloned();
        let mut response = self.serve(place, request, body).await;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            self.options.origins.tell(origin, response.headers_mut());
        }
        response
    }

    /// Whether the place is switched on.
    fn offers(&self, place: Place<'_>) -> bool {
        match place {
            Place::RawWebSocket => self.options.raw_websocket,
            Place::Session { verb: Verb::Connect, .. } => self.options.websocket,
            Place::Iframe | Place::Greeting | Place::Info | Place::Session { .. } => true,
        }
    }

    /// The pages for everybody.
    fn show(&self, place: Place<'_>, request: &Parts) -> Response {
        match place {
            _ if !reads(&request.method) => reply::wrong_method("GET"),
            Place::Iframe => self.iframe.answer(&request.headers),
            _ => page::greeting(),
        }
    }

    async fn serve(self: &Arc<Self>, place: Place<'_>, request: Parts, body: Body) -> Response {
        let methods = match place {
            Place::Info => "GET,OPTIONS",
            Place::Session { methods, .. } => methods,
            _ => "GET",
        };
        let tunnel = !matches!(place, Place::Info | Place::Session { verb: Verb::Send | Verb::Receive(_), .. });
        let known = allows(methods, &request.method)
            || tunnel && request.method == Method::CONNECT
            || place == Place::Info && reads(&request.method);
        if !tunnel && websocket::asked(&request) {
            return reply::empty(StatusCode::BAD_REQUEST);
        }
        if !known {
            return reply::wrong_method(methods);
        }
        if request.method == Method::OPTIONS {
            let mut response = reply::empty(StatusCode::NO_CONTENT);
            origin::preflight(&request, methods, response.headers_mut());
            return response;
        }
        match place {
            Place::Info => page::info(&self.options),
            Place::Session { id, verb: Verb::Connect, .. } => websocket::connect(self, request, Some(id)).await,
            Place::Session { id, verb: Verb::Send, .. } => deliver::deliver(self, request, body, id).await,
            Place::Session { id, verb: Verb::Receive(transport), .. } => {
                // While a body is on its way, nobody would notice that its sender goes.
                match deliver::read(&request.headers, body, self.options.unclaimed(), self.options.body_timeout).await {
                    Ok(_) => receive::receive(self, request, id, transport).await,
                    Err(status) => reply::empty(status),
                }
            }
            _ if self.options.raw_websocket => websocket::connect(self, request, None).await,
            _ => reply::plain(StatusCode::BAD_REQUEST, "Can \"Upgrade\" only to \"WebSocket\"."),
        }
    }

    /// Whether a request may touch a session: not if it comes from another user than the session's.
    pub(super) async fn owns(&self, pipe: &Pipe, request: &Parts) -> bool {
        let (Some(owner), Some(identify)) = (pipe.owner.get(), &self.options.identify) else { return true };
        identify(request).await.is_none_or(|user| user == *owner)
    }
}
