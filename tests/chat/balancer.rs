//! A balancer that knows nothing of sessions: each request goes to the next server, whatever connection it came by.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use tokio::net::TcpListener;

pub struct Balancer {
    pub address: SocketAddr,
    passed: Arc<AtomicUsize>,
}

impl Balancer {
    /// One in front of these servers, until the runtime ends.
    pub async fn over(servers: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (client, passed) = (reqwest::Client::new(), Arc::<AtomicUsize>::default());
        let count = Arc::clone(&passed);
        let pass = move |request: Request| {
            let server = servers[count.fetch_add(1, Ordering::Relaxed) % servers.len()];
            pass_on(client.clone(), server, request)
        };
        let router = Router::new().fallback(pass);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, passed }
    }

    /// How many requests it has passed on.
    pub fn passed(&self) -> usize {
        self.passed.load(Ordering::Relaxed)
    }
}

async fn pass_on(client: reqwest::Client, server: SocketAddr, request: Request) -> Response {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.headers.remove("transfer-encoding");
    let passed = client.request(head.method, format!("http://{server}{path}")).headers(head.headers);
    let Ok(answer) = passed.body(reqwest::Body::wrap_stream(body.into_data_stream())).send().await else {
        let mut refused = Response::new(Body::empty());
        *refused.status_mut() = StatusCode::BAD_GATEWAY;
        return refused;
    };
    let answer = axum::http::Response::from(answer);
    let (mut head, body) = answer.into_parts();
    head.headers.remove("transfer-encoding");
    Response::from_parts(head, Body::new(body))
}
