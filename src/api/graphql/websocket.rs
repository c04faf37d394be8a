//! Subscriptions over WebSocket: `graphql-transport-ws`, and the older `graphql-ws` in other words. One connection
//! has one listener for all its subscriptions; what it says is kept by [`crate::connection`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::WebSocket;
use axum::http::request::Parts;
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;

use super::budget::Budget;
use super::door::Door;
use super::error;
use super::operation::Operation;
use super::subscription::Subscription;
use crate::auth::{self, bearer_or_bare};
use crate::chat::Cx;
use crate::chat::event::Event;
use crate::connection::{self, Frame, Goodbye, PAUSE, Protocol, Received, Turn, is_enough, websocket};
use crate::error::{Error, Kind};
use crate::http::body;
use crate::http::error::refuse;
use crate::http::origin;
use crate::http::peer::Introduction;
use crate::http::request_id::connection_span;
use crate::live::{Interest, Listener};

/// Subscriptions on one connection, at most.
const MOST: usize = 50;
/// Bytes of the id of a subscription, at most.
const LONGEST_ID: usize = 256;
/// How long a client may take to say who it is.
const INIT: Duration = Duration::from_secs(10);

/// The two protocols; the words of the older one differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Transport,
    Legacy,
}

const PROTOCOLS: [(&str, Dialect); 2] = [("graphql-transport-ws", Dialect::Transport), ("graphql-ws", Dialect::Legacy)];

/// Accepts a handshake, unless it comes from a page that is not allowed.
pub(super) fn accept(door: Arc<Door>, parts: &Parts, upgrade: WebSocketUpgrade) -> Response {
    if !origin::is_allowed(&door.app.config.cors, &parts.headers) {
        return refuse(&Error::forbidden("This origin is not allowed"));
    }
    let token = auth::in_query(parts.uri.query().unwrap_or_default());
    let introduction = Introduction::of(&parts.extensions);
    let span = connection_span("graphql", &parts.extensions);
    let upgrade = websocket::limited(upgrade).protocols(PROTOCOLS.map(|(name, _)| name));
    upgrade.on_upgrade(async move |socket| run(door, socket, token, introduction).instrument(span).await)
}

/// Runs a connection in the protocol that was agreed on.
async fn run(door: Arc<Door>, socket: WebSocket, token: Option<String>, introduction: Introduction) {
    let chosen = socket.protocol().and_then(|name| name.to_str().ok()).map(str::to_owned);
    let dialect = PROTOCOLS.iter().find(|(name, _)| chosen.as_deref() == Some(*name)).map(|(_, dialect)| *dialect);
    let stopping = door.app.stopping.clone();
    match dialect {
        Some(dialect) => connection::run(socket, Session::new(door, dialect, token, introduction), stopping).await,
        None => connection::Wire::close(socket, Goodbye::new(4406, "Subprotocol not acceptable")).await,
    }
}

/// What a client says.
#[derive(Deserialize)]
struct Spoken {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    payload: Option<Json>,
}

struct Session {
    door: Arc<Door>,
    dialect: Dialect,
    /// The token of the URL, for clients whose `connection_init` has none.
    token: Option<String>,
    introduction: Introduction,
    cx: Option<Cx>,
    listener: Option<Listener>,
    subscriptions: Vec<(String, Subscription)>,
    /// News that were taken and are not told yet.
    waiting: VecDeque<Arc<Event>>,
    /// Until when they wait, if they have to.
    pause: Option<Instant>,
    deadline: Instant,
}

impl Session {
    fn new(door: Arc<Door>, dialect: Dialect, token: Option<String>, introduction: Introduction) -> Self {
        let deadline = Instant::now() + INIT;
        Self {
            door,
            dialect,
            token,
            introduction,
            cx: None,
            listener: None,
            subscriptions: Vec::new(),
            waiting: VecDeque::new(),
            pause: None,
            deadline,
        }
    }

    async fn answer(&mut self, said: Spoken, out: &mut Vec<Frame>) -> Result<(), Goodbye> {
        match (said.kind.as_str(), self.dialect) {
            ("connection_init", _) => self.init(said.payload, out).await,
            ("ping", Dialect::Transport) => {
                let payload = said.payload.map(|payload| payload.to_string());
                out.push(message("pong", None, payload.as_ref().map(String::as_bytes)));
                Ok(())
            }
            ("pong", Dialect::Transport) => Ok(()),
            ("subscribe", Dialect::Transport) | ("start", Dialect::Legacy) => self.subscribe(said, out).await,
            ("complete", Dialect::Transport) | ("stop", Dialect::Legacy) => {
                self.subscriptions.retain(|(id, _)| Some(id) != said.id.as_ref());
                self.update_interest();
                Ok(())
            }
            ("connection_terminate", Dialect::Legacy) => Err(Goodbye::new(1000, "")),
            _ => Err(Goodbye::new(4400, "Unknown message type")),
        }
    }

    async fn init(&mut self, payload: Option<Json>, out: &mut Vec<Frame>) -> Result<(), Goodbye> {
        if self.cx.is_some() {
            return Err(Goodbye::new(4429, "Too many initialisation requests"));
        }
        let given = |name: &str| payload.as_ref()?.get(name)?.as_str().and_then(bearer_or_bare).map(str::to_owned);
        let token = given("Authorization").or_else(|| given("authorization")).or_else(|| self.token.take());
        let token = token.ok_or_else(|| Goodbye::new(4403, "A token is needed"))?;
        let cx = self.door.app.authenticate(&token).await.map_err(|refused| match refused.kind {
            Kind::Unauthenticated => Goodbye::new(4403, refused.message),
            _ => Goodbye::new(1013, refused.message),
        })?;
        // Whoever connects is here, even before they subscribe to anything.
        let listening = self.door.app.hub.listen(&cx, "graphql").await;
        self.listener = Some(listening.map_err(|refused| Goodbye::new(1013, refused.message))?);
        self.introduction.make();
        self.deadline = cx.viewer.deadline();
        self.cx = Some(cx);
        // The older protocol's `ka` is left out: after a first one its clients give up when no other follows.
        out.push(message("connection_ack", None, None));
        Ok(())
    }

    async fn subscribe(&mut self, said: Spoken, out: &mut Vec<Frame>) -> Result<(), Goodbye> {
        let cx = self.cx.clone().ok_or_else(|| Goodbye::new(4401, "Unauthorized"))?;
        let id = said.id.filter(|id| !id.is_empty() && id.len() <= LONGEST_ID);
        let (id, payload) = id.zip(said.payload).ok_or_else(|| Goodbye::new(4400, "Invalid message"))?;
        if self.subscriptions.iter().any(|(taken, _)| *taken == id) {
            return Err(Goodbye::new(4409, "Subscriber for this id already exists"));
        }
        let operation = serde_json::from_value::<Operation>(payload);
        let operation = operation.map_err(|_| Goodbye::new(4400, "Invalid message"))?;
        if let Err(refused) = self.start(&cx, &id, operation, out).await {
            out.push(self.refusal(&id, &refused));
        }
        Ok(())
    }

    async fn start(
        &mut self,
        cx: &Cx,
        id: &str,
        operation: Operation,
        out: &mut Vec<Frame>,
    ) -> Result<(), Box<async_graphql::Response>> {
        let refuse = |refused: &Error| Box::new(error::response(refused));
        let checked = self.door.check(operation).map_err(|refused| refuse(&refused))?;
        if checked.kind != OperationType::Subscription {
            let answer = self.door.execute(cx, &checked, &Budget::default()).await;
            if error::is_refusal(&answer) {
                return Err(Box::new(answer));
            }
            let bytes = serde_json::to_vec(&answer).map_err(|_| refuse(&Error::internal()))?;
            out.push(message(self.word_for_next(), Some(id), Some(&bytes)));
            out.push(message("complete", Some(id), None));
            return Ok(());
        }
        if self.subscriptions.len() >= MOST {
            return Err(refuse(&Error::bad_request(format!("At most {MOST} subscriptions fit on one connection"))));
        }
        let listener = self.listener.as_ref().ok_or_else(|| refuse(&Error::internal()))?;
        let asked = Subscription::start(&self.door, cx, checked, listener, self.interest()).await;
        let asked = asked.map(|subscription| {
            if let Some(after) = subscription.resumed {
                listener.rewind(after, &mut self.waiting);
            }
            self.subscriptions.push((id.to_owned(), subscription));
        });
        self.update_interest();
        asked
    }

    /// Tells the news that wait, unless that becomes too much at once: an event may be long, and asked for often.
    async fn announce(&mut self, cx: &Cx, out: &mut Vec<Frame>) {
        while let Some(event) = self.waiting.pop_front() {
            let heard = self.announce_one(cx, &event, out).await;
            let is_durable = event.position.is_some();
            match heard {
                Ok(true) => {}
                Ok(false) => return self.waiting.push_front(event),
                Err(_) if is_durable => {
                    self.pause = Some(Instant::now() + PAUSE);
                    return self.waiting.push_front(event);
                }
                Err(error) => tracing::debug!(%error, "a signal was not told"),
            }
        }
    }

    /// Tells one of them to every subscription that has not had it; false where that became too much.
    async fn announce_one(&mut self, cx: &Cx, event: &Arc<Event>, out: &mut Vec<Frame>) -> crate::error::Result<bool> {
        let next = self.word_for_next();
        let mut place = 0;
        while let Some((id, subscription)) = self.subscriptions.get_mut(place) {
            if is_enough(out) && event.position.is_some() {
                return Ok(false);
            }
            let said = subscription.on_event(&self.door, cx, event).await?;
            out.extend(said.response.map(|payload| message(next, Some(id), Some(&payload))));
            match said.end {
                None => place += 1,
                Some(refused) => {
                    let (id, _) = self.subscriptions.remove(place);
                    out.push(self.refusal(&id, &error::response(&refused)));
                    self.update_interest();
                }
            }
        }
        Ok(true)
    }

    fn interest(&self) -> Interest {
        self.subscriptions
            .iter()
            .map(|(_, subscription)| subscription.interest())
            .fold(Interest::NOTHING, Interest::and)
    }

    fn update_interest(&self) {
        if let Some(listener) = &self.listener {
            listener.set_interest(self.interest());
        }
    }

    fn word_for_next(&self) -> &'static str {
        match self.dialect {
            Dialect::Transport => "next",
            Dialect::Legacy => "data",
        }
    }

    /// An error ends its subscription. The newer protocol wants the list of errors, the older one a single one.
    fn refusal(&self, id: &str, answer: &async_graphql::Response) -> Frame {
        let payload = match self.dialect {
            Dialect::Transport => serde_json::to_vec(&answer.errors),
            Dialect::Legacy => serde_json::to_vec(&answer.errors.first()),
        };
        message("error", Some(id), Some(&payload.unwrap_or_else(|_| b"[]".to_vec())))
    }
}

impl Protocol for Session {
    type News = Vec<Arc<Event>>;

    async fn hear(&mut self, received: Received, out: &mut Vec<Frame>) -> Turn {
        let text = match received {
            Received::Text(text) => text,
            Received::Alive => return Turn::Go,
            Received::Binary(_) | Received::Refused(_) => return Turn::End(Goodbye::new(4400, "Invalid message")),
        };
        let Ok(said) = body::from_json::<Spoken>(&text) else {
            return Turn::End(Goodbye::new(4400, "Invalid message"));
        };
        match self.answer(said, out).await {
            Ok(()) => Turn::Go,
            Err(goodbye) => Turn::End(goodbye),
        }
    }

    async fn listen(&mut self) -> Vec<Arc<Event>> {
        let Some(listener) = &mut self.listener else { return std::future::pending().await };
        if let Some(pause) = self.pause {
            sleep_until(pause).await;
            self.pause = None;
        }
        if !self.waiting.is_empty() {
            return Vec::new();
        }
        listener.next().await.unwrap_or_else(|_| {
            self.pause = Some(Instant::now() + PAUSE);
            Vec::new()
        })
    }

    async fn tell(&mut self, events: Vec<Arc<Event>>, out: &mut Vec<Frame>) -> Turn {
        self.waiting.extend(events);
        if let Some(cx) = self.cx.clone() {
            self.announce(&cx, out).await;
        }
        Turn::Go
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn ends(&self) -> Instant {
        self.deadline
    }

    async fn overdue(&mut self, _: &mut Vec<Frame>) -> Turn {
        Turn::End(match self.cx {
            None => Goodbye::new(4408, "Connection initialisation timeout"),
            Some(_) => Goodbye::new(4403, "The token has expired"),
        })
    }

    fn going_away(&mut self, _: &mut Vec<Frame>) -> Goodbye {
        Goodbye::new(1001, "The server is stopping")
    }
}

/// A message around ready JSON.
fn message(kind: &str, id: Option<&str>, payload: Option<&[u8]>) -> Frame {
    let mut text = BytesMut::with_capacity(64 + payload.map_or(0, <[u8]>::len));
    text.put_slice(b"{\"type\":\"");
    text.put_slice(kind.as_bytes());
    text.put_u8(b'"');
    if let Some(id) = id {
        text.put_slice(b",\"id\":");
        text.put_slice(Json::from(id).to_string().as_bytes());
    }
    if let Some(payload) = payload {
        text.put_slice(b",\"payload\":");
        text.put_slice(payload);
    }
    text.put_u8(b'}');
    Frame::Text(Bytes::from(text))
}
