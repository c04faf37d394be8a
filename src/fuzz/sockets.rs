//! Messages for the sockets of GraphQL: a real connection of Alice's to a server of its own that has the data of the demo.

use std::fs;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Extensions;
use futures_util::FutureExt;
use serde_json::Value;

use super::runtime::wait;
use crate::api::graphql::dialect::Dialect;
use crate::api::graphql::door::Door;
use crate::api::graphql::websocket::Socket;
use crate::app::App;
use crate::cli::demo;
use crate::config::Config;
use crate::connection::{Message, Protocol, Step};
use crate::http::body::without_mark;
use crate::http::peer::Introduction;

const MAX_MESSAGES: usize = 12;
/// Stands for a token of Alice's in what is thrown.
const TOKEN: &str = "TOKEN";

/// Whatever a client says by `graphql-transport-ws`, a line a message, is answered with messages of that protocol to ids that
/// the client has given, or ends the connection with one of its close codes. Nothing is said to be the server's fault.
pub fn graphql_transport_ws(data: &[u8]) {
    SERVER.with(|server| wait(server.hear(Dialect::Transport, data)));
}

/// The same by the older `graphql-ws` of subscriptions-transport-ws.
pub fn subscriptions_transport_ws(data: &[u8]) {
    SERVER.with(|server| wait(server.hear(Dialect::Legacy, data)));
}

/// The close codes of `/graphql` that a client can bring about (protocol §6).
const CLOSE_CODES: [u16; 6] = [1013, 4400, 4401, 4403, 4409, 4429];
/// What the older protocol ends with when its client says so.
const TERMINATED: u16 = 1000;

const ANSWERS: [&str; 5] = ["connection_ack", "pong", "next", "error", "complete"];
const OLDER_ANSWERS: [&str; 5] = ["connection_ack", "connection_error", "data", "error", "complete"];

thread_local! {
    static FOLDER: Folder = Folder::new();
    /// Not dropped, since at the end of a thread what it uses itself may be gone.
    static SERVER: ManuallyDrop<Server> = ManuallyDrop::new(wait(Server::start()));
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("confab_fuzz_{}", uuid::Uuid::new_v4().simple())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

struct Server {
    door: Arc<Door>,
    token: String,
}

impl Server {
    async fn start() -> Self {
        let mut config = Config::default();
        config.server.data_dir = FOLDER.with(|folder| folder.0.clone());
        let limits = &mut config.limits;
        for limit in [
            &mut limits.messages_per_minute,
            &mut limits.uploads_per_minute,
            &mut limits.reactions_per_minute,
            &mut limits.creations_per_minute,
            &mut limits.searches_per_minute,
        ] {
            *limit = 0;
        }
        let app = App::open(config).await.expect("a new folder can be used");
        demo::seed(&app).await.expect("a new database takes the demo");
        let token =
            app.tokens.issue(1, None, false, Duration::from_secs(86_400)).expect("the secret is the server's own");
        Self { door: Arc::new(Door::new(&app)), token }
    }

    async fn hear(&self, dialect: Dialect, data: &[u8]) {
        let introduction = Introduction::of(&Extensions::new());
        let mut socket = Socket::new(Arc::clone(&self.door), dialect, None, introduction);
        let mut heard = Heard { is_older: dialect == Dialect::Legacy, ids: Vec::new() };
        for line in data.split(|byte| *byte == b'\n').take(MAX_MESSAGES) {
            let message = match str::from_utf8(line) {
                Ok(text) => Message::from(text.replace(TOKEN, &self.token)),
                Err(_) => Message::Binary(line.to_vec().into()),
            };
            heard.note(&message);
            let mut out = Vec::new();
            let step = socket.on_message(message, &mut out).await;
            heard.judge(&mut out);
            if let Step::End(goodbye) = step {
                let is_known = CLOSE_CODES.contains(&goodbye.code) || heard.is_older && goodbye.code == TERMINATED;
                assert!(is_known && goodbye.reason.len() <= 123, "{goodbye:?}");
                return;
            }
            if socket.wait_for_events().now_or_never().is_some() {
                socket.on_events(&mut out).await;
                heard.judge(&mut out);
            }
        }
    }
}

/// What a client has said so far.
struct Heard {
    is_older: bool,
    ids: Vec<String>,
}

impl Heard {
    fn note(&mut self, message: &Message) {
        let Message::Text(text) = message else { return };
        let Ok(said) = serde_json::from_slice::<Value>(without_mark(text.as_bytes())) else { return };
        // By this a client goes over to the older protocol.
        self.is_older |= said["type"] == "start";
        self.ids.extend(said["id"].as_str().map(str::to_owned));
    }

    fn judge(&self, answers: &mut Vec<Message>) {
        for answer in answers.drain(..) {
            let Message::Text(text) = answer else { panic!("an answer that is no text") };
            let answer: Value = serde_json::from_slice(text.as_bytes()).expect("an answer is JSON");
            let kind = answer["type"].as_str().unwrap_or_default();
            let is_known = ANSWERS.contains(&kind) || self.is_older && OLDER_ANSWERS.contains(&kind);
            assert!(is_known, "{text:?}");
            assert!(answer["id"].as_str().is_none_or(|id| self.ids.iter().any(|given| given == id)), "{text:?}");
            let failed = |error: &Value| error["extensions"]["code"] == "INTERNAL";
            let payload = &answer["payload"];
            let lists = [payload, &payload["errors"]];
            let errors = lists.iter().filter_map(|errors| errors.as_array()).flatten();
            assert!(!failed(payload) && !errors.into_iter().any(failed), "{text:?}");
        }
    }
}
