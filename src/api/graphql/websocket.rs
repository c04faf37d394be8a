//! Operations over WebSocket: the protocol `graphql-transport-ws`, and the older `graphql-ws` in other words. One
//! connection has one listener for all its subscriptions; [`crate::connection`] keeps its deadlines and writes.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use axum::http::request::Parts;
use axum::response::Response;
use futures_util::future::Either;
use serde_json::Value as Json;
use sockjs::{Session, WebSocketUpgrade};
use tokio::time::Instant;
use tracing::Instrument;

use super::dialect::{self, ClientMessage, Dialect, SUBPROTOCOLS, encode};
use super::door::Door;
use super::error;
use super::operation::{CheckedOperation, Operation};
use super::renewal::Renewal;
use super::subscription::Subscription;
use crate::app::App;
use crate::auth;
use crate::chat::Cx;
use crate::chat::event::Event;
use crate::connection::{self, Goodbye, Message, Protocol, SessionLog, Step, Wire, is_enough, websocket};
use crate::error::{Error, Kind};
use crate::http::body;
use crate::http::error::error_response;
use crate::http::origin;
use crate::http::peer::Introduction;
use crate::http::request_id::connection_span;
use crate::id::UserId;
use crate::live::{Backlog, Interest, Listener};

/// The number of subscriptions on one connection.
const MAX_SUBSCRIPTIONS: usize = 50;
/// Subscriptions of a connection that is told in place: each may have to be executed.
const MAX_TOLD_IN_PLACE: usize = 8;
/// The longest id of a subscription.
const MAX_ID_BYTES: usize = 256;
/// How long a client may take to send `connection_init`.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Accepts a handshake, unless it comes from a page of an origin that is not allowed.
pub(super) fn accept(door: Arc<Door>, parts: &Parts, upgrade: WebSocketUpgrade) -> Response {
    if !origin::is_allowed(&door.app.config, parts) {
        return error_response(&Error::forbidden("This origin is not allowed"));
    }
    let token = auth::in_query(parts.uri.query().unwrap_or_default());
    let introduction = Introduction::of(&parts.extensions);
    let upgrade = upgrade.protocols(SUBPROTOCOLS.map(|(name, _)| name));
    let chosen = upgrade.selected_protocol();
    let dialect =
        SUBPROTOCOLS.iter().find(|(name, _)| chosen.is_some_and(|chosen| chosen == name)).map(|known| known.1);
    let span = connection_span("graphql", &parts.extensions);
    let log = SessionLog::new(door.app.config.log.access, "graphql", &parts.extensions);
    websocket::accept(upgrade, move |socket| {
        let connection = match dialect {
            Some(dialect) => Either::Left(converse(Socket::new(door, dialect, token, introduction), socket, log)),
            None => Either::Right(Box::pin(Wire::close(socket, Goodbye::new(4406, "Subprotocol not acceptable")))),
        };
        connection.instrument(span)
    })
}

/// A connection from its beginning to its end. There are many thousands, and each holds this future.
fn converse(socket: Socket, session: Session, log: SessionLog) -> impl Future<Output = ()> + Send {
    let ending = socket.door.app.endings.join();
    connection::run(session, socket, ending, log)
}

/// One connection and its subscriptions.
pub(crate) struct Socket {
    door: Arc<Door>,
    /// What the client speaks: what was agreed upon, until it says otherwise.
    dialect: Dialect,
    /// The token of the URL, for clients whose `connection_init` has none.
    token: Option<String>,
    introduction: Introduction,
    cx: Option<Cx>,
    listener: Option<Listener>,
    subscriptions: Vec<(String, Subscription)>,
    backlog: Backlog,
    deadline: Instant,
}

impl Socket {
    pub(crate) fn new(door: Arc<Door>, dialect: Dialect, token: Option<String>, introduction: Introduction) -> Self {
        let deadline = Instant::now() + INIT_TIMEOUT;
        Self {
            door,
            dialect,
            token,
            introduction,
            cx: None,
            listener: None,
            subscriptions: Vec::new(),
            backlog: Backlog::default(),
            deadline,
        }
    }

    async fn handle(&mut self, message: ClientMessage, out: &mut Vec<Message>) -> Result<(), Goodbye> {
        // Some clients agree on the newer protocol, open in words that both have, and go on in the older one.
        if message.kind == "start" && self.subscriptions.is_empty() {
            self.dialect = Dialect::Legacy;
        }
        match (message.kind.as_str(), self.dialect) {
            ("connection_init", _) => self.init(message.payload, out).await,
            ("ping", Dialect::Transport) => {
                let payload = message.payload.map(|payload| payload.to_string());
                out.push(encode("pong", None, payload.as_ref().map(String::as_bytes)));
                Ok(())
            }
            ("pong", Dialect::Transport) => Ok(()),
            ("subscribe", Dialect::Transport) | ("start", Dialect::Legacy) => self.subscribe(message, out).await,
            ("complete", Dialect::Transport) | ("stop", Dialect::Legacy) => {
                self.subscriptions.retain(|(id, _)| Some(id) != message.id.as_ref());
                self.update_interest();
                Ok(())
            }
            ("connection_terminate", Dialect::Legacy) => Err(Goodbye::new(1000, "")),
            _ => Err(Goodbye::new(4400, "Unknown message type")),
        }
    }

    async fn init(&mut self, payload: Option<Json>, out: &mut Vec<Message>) -> Result<(), Goodbye> {
        if self.cx.is_some() {
            return Err(Goodbye::new(4429, "Too many initialisation requests"));
        }
        let token = payload.as_ref().and_then(dialect::token).or_else(|| self.token.take());
        let cx = match token {
            Some(token) => self.door.app.authenticate(&token).await,
            None => Err(Error::unauthenticated("A token is needed")),
        };
        let cx = cx.map_err(|refused| match refused.kind {
            Kind::Unauthenticated | Kind::Forbidden => {
                out.extend(self.dialect.connection_error(&refused));
                Goodbye::new(4403, refused.message)
            }
            _ => Goodbye::new(1013, refused.message),
        })?;
        // A user who is connected is present, even before they subscribe to anything.
        let listening = self.door.app.hub.listen(&cx, "graphql").await;
        self.listener = Some(listening.map_err(|refused| {
            Goodbye::new(if App::ends_connection(&refused) { 4403 } else { 1013 }, refused.message)
        })?);
        self.introduction.make();
        self.deadline = cx.viewer.deadline();
        self.cx = Some(cx);
        // The older protocol's `ka` is left out: after a first one its clients give up when no other follows.
        out.push(encode("connection_ack", None, None));
        Ok(())
    }

    async fn subscribe(&mut self, message: ClientMessage, out: &mut Vec<Message>) -> Result<(), Goodbye> {
        let cx = self.cx.clone().ok_or_else(|| Goodbye::new(4401, "Unauthorized"))?;
        let id = message.id.filter(|id| !id.is_empty() && id.len() <= MAX_ID_BYTES);
        let (id, payload) = id.zip(message.payload).ok_or_else(|| Goodbye::new(4400, "Invalid message"))?;
        if self.subscriptions.iter().any(|(taken, _)| *taken == id) {
            return Err(Goodbye::new(4409, "Subscriber for this id already exists"));
        }
        let operation = serde_json::from_value::<Operation>(payload);
        let operation = operation.map_err(|_| Goodbye::new(4400, "Invalid message"))?;
        let checked = match self.door.check(operation) {
            Ok(checked) => checked,
            Err(refused) => {
                out.push(self.dialect.refusal(&id, &error::response(&refused)));
                return Ok(());
            }
        };
        if checked.kind != OperationType::Subscription {
            return self.answer(&cx, &id, &checked, out).await;
        }
        if let Err(refused) = self.start(&cx, &id, checked).await {
            out.push(self.dialect.refusal(&id, &refused));
        }
        Ok(())
    }

    /// Answers a query or a mutation, which may have brought a new token.
    async fn answer(
        &mut self,
        cx: &Cx,
        id: &str,
        checked: &CheckedOperation,
        out: &mut Vec<Message>,
    ) -> Result<(), Goodbye> {
        let renewal = Renewal::of(&self.door.app);
        let answer = self.door.execute_on(cx, checked, &renewal).await;
        if error::is_refusal(&answer) {
            out.push(self.dialect.refusal(id, &answer));
        } else {
            match serde_json::to_vec(&answer) {
                Ok(bytes) => out.extend([self.dialect.next(id, &bytes), encode("complete", Some(id), None)]),
                Err(cause) => out.push(self.dialect.refusal(id, &error::response(&Error::internal_because(cause)))),
            }
        }
        match renewal.outcome() {
            None => {}
            Some(Ok(renewed)) => {
                self.deadline = renewed.viewer.deadline();
                self.cx = Some(renewed);
            }
            Some(Err(refused)) => return Err(Goodbye::new(4403, refused.message)),
        }
        Ok(())
    }

    async fn start(
        &mut self,
        cx: &Cx,
        id: &str,
        checked: CheckedOperation,
    ) -> Result<(), Box<async_graphql::Response>> {
        let refuse = |refused: &Error| Box::new(error::response(refused));
        if self.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            return Err(refuse(&Error::bad_request(format!(
                "At most {MAX_SUBSCRIPTIONS} subscriptions fit on one connection"
            ))));
        }
        let listener = self
            .listener
            .as_ref()
            .ok_or_else(|| refuse(&Error::internal_because("a connection has a viewer and no listener")))?;
        let started = Subscription::start(&self.door, cx, checked, listener, self.interest(), None).await;
        let started = started.map(|subscription| {
            if let Some(after) = subscription.resumed {
                listener.rewind(after, &mut self.backlog.events);
            }
            self.subscriptions.push((id.to_owned(), subscription));
        });
        self.update_interest();
        started
    }

    /// Tells the events of the backlog, until that is enough at once: an event may be long, and subscribed to often.
    async fn tell_backlog(&mut self, cx: &Cx, out: &mut Vec<Message>) {
        while let Some(event) = self.backlog.events.pop_front() {
            match self.tell(cx, &event, out).await {
                Ok(true) => {}
                Ok(false) => return self.backlog.events.push_front(event),
                Err(_) if event.position.is_some() => return self.backlog.retry(event),
                Err(error) => tracing::debug!(%error, "a signal was not told"),
            }
        }
    }

    /// Tells an event to every subscription that was not told it yet; false where it became too much at once.
    async fn tell(&mut self, cx: &Cx, event: &Arc<Event>, out: &mut Vec<Message>) -> crate::error::Result<bool> {
        let dialect = self.dialect;
        let mut index = 0;
        while let Some((id, subscription)) = self.subscriptions.get_mut(index) {
            if is_enough(out) && event.position.is_some() {
                return Ok(false);
            }
            let delivery = subscription.on_event(&self.door, cx, event).await?;
            out.extend(delivery.response.map(|payload| dialect.next(id, &payload)));
            match delivery.end {
                None => index += 1,
                Some(refused) => {
                    let (id, _) = self.subscriptions.remove(index);
                    out.push(dialect.refusal(&id, &error::response(&refused)));
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
}

impl Protocol for Socket {
    async fn on_message(&mut self, message: Message, out: &mut Vec<Message>) -> Step {
        let Message::Text(text) = message else { return Step::End(Goodbye::new(4400, "Invalid message")) };
        let Ok(message) = body::from_json::<ClientMessage>(text.as_bytes()) else {
            return Step::End(Goodbye::new(4400, "Invalid message"));
        };
        match self.handle(message, out).await {
            Ok(()) => Step::Go,
            Err(goodbye) => Step::End(goodbye),
        }
    }

    async fn wait_for_events(&mut self) {
        match &mut self.listener {
            Some(listener) => self.backlog.wait(listener).await,
            None => std::future::pending().await,
        }
    }

    fn tells_in_place(&self) -> bool {
        let mut subscriptions = self.subscriptions.iter();
        self.subscriptions.len() <= MAX_TOLD_IN_PLACE && subscriptions.all(|(_, subscription)| subscription.is_shared())
    }

    async fn on_events(&mut self, out: &mut Vec<Message>) -> Step {
        if let Some(cx) = self.cx.clone() {
            if let Some(Err(refused)) = self.listener.as_ref().map(|listener| listener.judge(&cx.viewer)) {
                return Step::End(Goodbye::new(4403, refused.message));
            }
            self.tell_backlog(&cx, out).await;
        }
        Step::Go
    }

    fn user(&self) -> Option<UserId> {
        self.cx.as_ref().map(Cx::me)
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn expires(&self) -> Instant {
        self.deadline
    }

    async fn on_deadline(&mut self, _: &mut Vec<Message>) -> Step {
        Step::End(match self.cx {
            None => Goodbye::new(4408, "Connection initialisation timeout"),
            Some(_) => Goodbye::new(4403, "The token has expired"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<A, B, C, F: Future>(_: impl Fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn what_waits_for_a_client_is_small() {
        let (connection, socket) = (size(converse), size_of::<Socket>());
        println!("a connection of GraphQL: {connection} bytes, of which {socket} are its own");
        assert!(connection <= 1_024, "{connection} bytes");
    }
}
