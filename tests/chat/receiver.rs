//! A receiver of webhooks: a real HTTP server that remembers what came and answers as a test wants it to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value as Json;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// One request.
#[derive(Debug, Clone)]
pub struct Hook {
    pub id: String,
    pub timestamp: String,
    /// All signatures, separated by blanks.
    pub signatures: String,
    pub text: String,
    pub body: Json,
}

impl Hook {
    pub fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default()
    }

    pub fn data(&self) -> &Json {
        &self.body["data"]
    }

    /// Whether one of the signatures was made with this secret.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.trim_start_matches("whsec_")).expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
        mac.update(format!("{}.{}.{}", self.id, self.timestamp, self.text).as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.signatures.split(' ').any(|one| one == signature)
    }
}

/// How a request is answered; it is told how many came before.
pub type Manner = Box<dyn Fn(usize, &Hook) -> Reply + Send + Sync>;

#[derive(Clone, Copy)]
pub enum Reply {
    Status(u16),
    /// Never.
    Nothing,
    /// 302 to somewhere else on the same server.
    Redirect,
    /// 200 and a body without an end.
    Endless,
}

struct Seen {
    hooks: Mutex<Vec<Hook>>,
    count: watch::Sender<usize>,
    manner: Mutex<Manner>,
}

/// The running receiver; it ends with the test.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    seen: Arc<Seen>,
}

impl Receiver {
    /// One that accepts everything.
    pub async fn start() -> Self {
        Self::start_with(|_, _| Reply::Status(200)).await
    }

    pub async fn start_with(manner: impl Fn(usize, &Hook) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), manner).await
    }

    pub async fn start_at(address: SocketAddr, manner: impl Fn(usize, &Hook) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let seen =
            Seen { hooks: Mutex::new(Vec::new()), count: watch::Sender::new(0), manner: Mutex::new(Box::new(manner)) };
        let seen = Arc::new(seen);
        let app = Router::new().fallback(receive).with_state(Arc::clone(&seen));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, seen }
    }

    /// Answers in another manner from now on.
    pub fn now(&self, manner: impl Fn(usize, &Hook) -> Reply + Send + Sync + 'static) {
        *self.seen.manner.lock().expect("a lock") = Box::new(manner);
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Everything that has come so far.
    pub fn seen(&self) -> Vec<Hook> {
        self.seen.hooks.lock().expect("a lock").clone()
    }

    /// Waits until this many have come, repetitions included.
    pub async fn wait_for(&self, count: usize) -> Vec<Hook> {
        let mut counts = self.seen.count.subscribe();
        let waited = tokio::time::timeout(Duration::from_secs(40), counts.wait_for(|seen| *seen >= count)).await;
        assert!(waited.is_ok(), "{} of {count} webhooks came: {:?}", self.seen().len(), self.seen());
        self.seen()
    }
}

async fn receive(State(seen): State<Arc<Seen>>, headers: HeaderMap, text: String) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let hook = Hook {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signatures: header("webhook-signature"),
        body: serde_json::from_str(&text).unwrap_or(Json::Null),
        text,
    };
    let (before, reply) = {
        let mut hooks = seen.hooks.lock().expect("a lock");
        let reply = seen.manner.lock().expect("a lock")(hooks.len(), &hook);
        hooks.push(hook);
        (hooks.len(), reply)
    };
    seen.count.send_replace(before);
    match reply {
        Reply::Status(status) => StatusCode::from_u16(status).expect("a status").into_response(),
        Reply::Nothing => std::future::pending().await,
        Reply::Redirect => (StatusCode::FOUND, [("location", "/elsewhere")]).into_response(),
        Reply::Endless => {
            let chunks = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 1024]));
            axum::body::Body::from_stream(chunks).into_response()
        }
    }
}
