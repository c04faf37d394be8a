//! From a request to its response: the resource, the origin, the method, and then the function that responds.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::ORIGIN;
use axum::http::request::Parts;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use axum::routing::any;

use super::endpoint::Endpoint;
use super::resource::{Resource, resource};
use super::transport::{Action, allows};
use super::{Opening, Options, Session, origin, page, receive, reply, send, upgrade};

/// A SockJS endpoint at a prefix such as `/chat`, to be merged into a router. All paths below the prefix are its own.
///
/// The endpoint calls the handler for each new session, on a task of its own. The session is open then: neither side has
/// to speak first.
pub fn router<H, F>(prefix: &str, options: Options, handler: H) -> Router
where
    H: Fn(Opening, Session) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let endpoint = Arc::new(Endpoint::new(options, handler));
    let prefix: Arc<str> = prefix.trim_end_matches('/').into();
    let paths = [prefix.to_string(), format!("{prefix}/"), format!("{prefix}/{{*rest}}")];
    let respond = move |request: Request<Body>| {
        let (endpoint, prefix) = (endpoint.clone(), prefix.clone());
        async move {
            let path = request.uri().path().to_owned();
            endpoint.respond(request, path.strip_prefix(&*prefix).unwrap_or_default()).await
        }
    };
    paths
        .into_iter()
        .filter(|path| !path.is_empty())
        .fold(Router::new(), |router, path| router.route(&path, any(respond.clone())))
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

impl Endpoint {
    async fn respond(self: &Arc<Self>, request: Request<Body>, path: &str) -> Response {
        let (request, body) = request.into_parts();
        let Some(resource) = resource(path).filter(|resource| self.offers(*resource)) else {
            return reply::not_found();
        };
        let is_public = matches!(resource, Resource::Iframe)
            || matches!(resource, Resource::Greeting) && !upgrade::is_asked_for(&request);
        if is_public {
            return self.show(resource, &request);
        }
        if !self.options.origins.allow(&request) {
            return reply::plain(StatusCode::FORBIDDEN, "Invalid CORS request");
        }
        let origin = request.headers.get(ORIGIN).cloned();
        let mut response = self.serve(resource, request, body).await;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            self.options.origins.add_headers(origin, response.headers_mut());
        }
        response
    }

    /// Whether the options switch the resource on.
    fn offers(&self, resource: Resource<'_>) -> bool {
        match resource {
            Resource::RawWebSocket => self.options.raw_websocket,
            Resource::Session { action: Action::Connect, .. } => self.options.websocket,
            Resource::Iframe | Resource::Greeting | Resource::Info | Resource::Session { .. } => true,
        }
    }

    /// Responds with a page that every origin may read.
    fn show(&self, resource: Resource<'_>, request: &Parts) -> Response {
        match resource {
            _ if !is_read(&request.method) => reply::wrong_method("GET"),
            Resource::Iframe => self.iframe.respond(&request.headers),
            _ => page::greeting(),
        }
    }

    async fn serve(self: &Arc<Self>, resource: Resource<'_>, request: Parts, body: Body) -> Response {
        let methods = match resource {
            Resource::Info => "GET,OPTIONS",
            Resource::Session { methods, .. } => methods,
            _ => "GET",
        };
        let is_websocket =
            !matches!(resource, Resource::Info | Resource::Session { action: Action::Send | Action::Receive(_), .. });
        let is_known = allows(methods, &request.method)
            || is_websocket && request.method == Method::CONNECT
            || resource == Resource::Info && is_read(&request.method);
        if !is_websocket && upgrade::is_asked_for(&request) {
            return reply::empty(StatusCode::BAD_REQUEST);
        }
        if !is_known {
            return reply::wrong_method(methods);
        }
        if request.method == Method::OPTIONS {
            let mut response = reply::empty(StatusCode::NO_CONTENT);
            origin::preflight(&request, methods, response.headers_mut());
            return response;
        }
        match resource {
            Resource::Info => page::info(&self.options),
            Resource::Session { id, action: Action::Connect, .. } => upgrade::connect(self, request, Some(id)).await,
            Resource::Session { id, action: Action::Send, .. } => send::send(self, request, body, id).await,
            Resource::Session { id, action: Action::Receive(transport), .. } => {
                // While a body is on its way, the server would not notice that its sender goes away.
                let (limit, timeout) = (self.options.unclaimed_body_limit(), self.options.body_timeout);
                match send::read(&request.headers, body, limit, timeout).await {
                    Ok(_) => receive::receive(self, request, id, transport).await,
                    Err(status) => reply::empty(status),
                }
            }
            _ if self.options.raw_websocket => upgrade::connect(self, request, None).await,
            _ => reply::plain(StatusCode::BAD_REQUEST, "Can \"Upgrade\" only to \"WebSocket\"."),
        }
    }
}
