//! One STOMP session: it answers the frames of its client in order, and tells it events. [`crate::connection`] keeps its
//! deadlines and writes; what a destination does stands in `destinations`.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use sockjs::Control;
use tokio::time::Instant;

use super::agreement::{Beat, heart_beat, version};
use super::connected::ConnectedClient;
use super::destinations::{self, Performed, Queue};
use super::frame::{self, Command, Decoder, Frame, Item};
use super::subscription::parts;
use crate::app::App;
use crate::auth::bearer_or_bare;
use crate::chat::views::renewal::TokenRenewal;
use crate::connection::{Goodbye, Message, Protocol, Step, is_enough};
use crate::error::Kind;
use crate::http::peer::Introduction;
use crate::id::UserId;
use crate::live::Backlog;

/// How long a client may take to send CONNECT, to finish a frame, and to close after its DISCONNECT.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const FRAME_TIMEOUT: Duration = Duration::from_secs(30);
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest receipt.
pub(super) const MAX_RECEIPT_BYTES: usize = 128;

/// A session and its state.
pub(super) struct StompSession {
    app: Arc<App>,
    id: String,
    /// The token of the URL, for a CONNECT that brings none.
    token: Option<String>,
    introduction: Introduction,
    /// Of what carries the session.
    control: Control,
    decoder: Decoder,
    state: State,
    /// How many MESSAGEs the client was sent.
    messages: u64,
    /// When the frame began that is not finished yet.
    unfinished_since: Option<Instant>,
    /// Whether frames of the client wait in the decoder to be answered.
    has_unanswered: bool,
}

enum State {
    /// The client has not connected, and may until this moment.
    Opened(Instant),
    ConnectedClient(Box<ConnectedClient>),
    /// The client has disconnected, and may close until this moment.
    Left(Instant),
}

/// Why a session ends: the message of its ERROR frame.
struct Fatal(Cow<'static, str>);

impl<T: Into<Cow<'static, str>>> From<T> for Fatal {
    fn from(message: T) -> Self {
        Self(message.into())
    }
}

impl StompSession {
    pub fn new(app: Arc<App>, id: String, token: Option<String>, introduction: Introduction, control: Control) -> Self {
        let state = State::Opened(Instant::now() + CONNECT_TIMEOUT);
        Self {
            app,
            id,
            token,
            introduction,
            control,
            decoder: Decoder::new(),
            state,
            messages: 0,
            unfinished_since: None,
            has_unanswered: false,
        }
    }

    /// Answers the frames that the decoder has, until that is enough at once.
    async fn answer_frames(&mut self, out: &mut Vec<Message>) -> Result<Step, Fatal> {
        if let State::ConnectedClient(connected) = &mut self.state
            && let Some(client_beat) = &mut connected.client_beat
        {
            client_beat.last = Instant::now();
        }
        self.has_unanswered = false;
        while let Some(item) = self.decoder.pull().map_err(|bad| bad.message)? {
            self.unfinished_since = None;
            let Item::Frame(frame) = item else { continue };
            if let Step::End(goodbye) = self.handle(frame, out).await? {
                return Ok(Step::End(goodbye));
            }
            self.has_unanswered = is_enough(out);
            if self.has_unanswered {
                return Ok(Step::More);
            }
        }
        if self.decoder.is_inside_frame() {
            self.unfinished_since.get_or_insert_with(Instant::now);
        }
        Ok(Step::Go)
    }

    async fn handle(&mut self, frame: Frame, out: &mut Vec<Message>) -> Result<Step, Fatal> {
        let receipt = frame.header("receipt").map(str::to_owned);
        if receipt.as_ref().is_some_and(|receipt| receipt.len() > MAX_RECEIPT_BYTES) {
            return Err("The receipt is too long".into());
        }
        match (&mut self.state, frame.command) {
            (State::Left(_), _) => return Ok(Step::Go),
            (_, Command::Connected | Command::Message | Command::Receipt | Command::Error) => {
                return Err(format!("{} is the server's own", frame.command.name()).into());
            }
            (State::Opened(_), Command::Connect | Command::Stomp) => self.connect(&frame, out).await?,
            (State::Opened(_), _) => return Err(format!("Unknown session: {}", self.id).into()),
            (State::ConnectedClient(_), Command::Connect | Command::Stomp) => {
                return Err("Session already exists".into());
            }
            (State::ConnectedClient(_), Command::Send) => {
                self.send(&frame, out).await?;
            }
            (State::ConnectedClient(connected), Command::Subscribe) => {
                if let Err(refused) = connected.subscribe(&frame).await {
                    self.tell(Queue::Errors, refused.body(), out);
                }
            }
            (State::ConnectedClient(connected), Command::Unsubscribe) => connected.unsubscribe(&frame),
            (State::ConnectedClient(_), Command::Disconnect) => {
                self.state = State::Left(Instant::now() + LEAVE_TIMEOUT);
                if receipt.is_none() {
                    return Ok(Step::End(Goodbye::new(1000, "")));
                }
            }
            // Everything is acknowledged by itself, and a transaction is what happens at once.
            (
                State::ConnectedClient(_),
                Command::Ack | Command::Nack | Command::Begin | Command::Commit | Command::Abort,
            ) => {}
        }
        if let Some(receipt) = receipt {
            out.push(encode(&Frame::new(Command::Receipt).with("receipt-id", receipt)));
        }
        Ok(Step::Go)
    }

    async fn connect(&mut self, frame: &Frame, out: &mut Vec<Message>) -> Result<(), Fatal> {
        let version = match version(frame.header("accept-version")) {
            Some(version) => version,
            None => {
                let error = Frame::new(Command::Error).with("version", "1.0,1.1,1.2");
                out.push(encode(&error.with("message", "Supported protocol versions are 1.0, 1.1 and 1.2")));
                return Err("".into());
            }
        };
        let (can_send, wants) = heart_beat(frame.header("heart-beat"))?;
        let given = frame.header("Authorization").or_else(|| frame.header("authorization")).and_then(bearer_or_bare);
        let token = given.map(str::to_owned).or_else(|| self.token.take()).ok_or("A token is needed")?;
        let cx = self.app.authenticate(&token).await.map_err(|refused| refused.message)?;
        let listener = self.app.hub.listen(&cx, "stomp").await.map_err(|refused| refused.message)?;

        self.introduction.make();
        let own = Duration::from_millis(self.app.config.stomp.heartbeat_ms.into());
        self.control.claim(cx.me().get());
        if !own.is_zero() {
            // From now on the session itself sends heart-beats.
            self.control.stop_heartbeat();
        }
        let connected = Frame::new(Command::Connected)
            .with("version", version)
            .with("heart-beat", format!("{0},{0}", own.as_millis()))
            .with("user-name", cx.me().to_string());
        out.push(encode(&connected));
        let client_beat = Beat::agree(own, can_send);
        if let Some(beat) = &client_beat {
            // A browser holds back the heart-beats of a hidden page, and answers pings.
            self.control.ping_after(beat.asks_after());
        }
        self.state = State::ConnectedClient(Box::new(ConnectedClient {
            expires: cx.viewer.deadline(),
            own_beat: Beat::agree(own, wants),
            client_beat,
            is_old: version == "1.0",
            backlog: Backlog::default(),
            subscriptions: Vec::new(),
            cx,
            listener,
        }));
        Ok(())
    }

    async fn send(&mut self, frame: &Frame, out: &mut Vec<Message>) -> Result<(), Fatal> {
        let State::ConnectedClient(connected) = &mut self.state else { return Ok(()) };
        let destination = frame.header("destination").unwrap_or_default();
        match destinations::perform(&self.app, &connected.cx, destination, &frame.body).await {
            Ok(Performed::Nothing) => {}
            Ok(Performed::Renewed(cx)) => {
                let renewal = serde_json::to_vec(&TokenRenewal::of(&cx.viewer)).ok().map(Bytes::from);
                connected.expires = cx.viewer.deadline();
                connected.cx = *cx;
                self.tell(Queue::Renewals, renewal, out);
            }
            Err(refused) if refused.ends => return Err(refused.error.message.into()),
            Err(refused) => self.tell(Queue::Errors, refused.body(), out),
        }
        Ok(())
    }

    /// Tells what is this session's alone to its subscriptions to the queue.
    fn tell(&mut self, queue: Queue, body: Option<Bytes>, out: &mut Vec<Message>) {
        let State::ConnectedClient(connected) = &self.state else { return };
        let Some(body) = body else { return };
        let parts = parts(queue, None, &body);
        for subscription in connected.subscriptions.iter().filter(|known| known.queue == queue) {
            self.messages += 1;
            out.push(subscription.message(&self.id, self.messages, &parts));
        }
    }

    /// Tells the events of the backlog, until that is enough at once.
    async fn tell_backlog(&mut self, out: &mut Vec<Message>) {
        while !is_enough(out)
            && let State::ConnectedClient(connected) = &mut self.state
            && let Some(event) = connected.backlog.events.pop_front()
        {
            match connected.tell(&event, &self.id, &mut self.messages, out).await {
                Ok(()) => {}
                Err(error) if error.kind == Kind::Unavailable => return connected.backlog.retry(event),
                Err(error) => tracing::error!(%error, "an event cannot be told"),
            }
        }
    }

    /// Ends the session with an ERROR.
    fn fail(&mut self, fatal: Fatal, out: &mut Vec<Message>) -> Step {
        let goodbye = Goodbye::new(1002, "").because(&fatal.0);
        if !fatal.0.is_empty() {
            out.push(encode(&Frame::new(Command::Error).with("message", fatal.0)));
        }
        self.state = State::Left(Instant::now() + LEAVE_TIMEOUT);
        Step::End(goodbye)
    }
}

fn encode(frame: &Frame) -> Message {
    let mut text = BytesMut::new();
    frame.encode(&mut text);
    Message::text(text.freeze())
}

impl Protocol for StompSession {
    async fn on_message(&mut self, message: Message, out: &mut Vec<Message>) -> Step {
        self.decoder.push(&message.into_bytes());
        self.resume(out).await
    }

    async fn wait_for_events(&mut self) {
        match &mut self.state {
            State::ConnectedClient(connected) => connected.backlog.wait(&mut connected.listener).await,
            State::Opened(_) | State::Left(_) => std::future::pending().await,
        }
    }

    async fn on_events(&mut self, out: &mut Vec<Message>) -> Step {
        if let State::ConnectedClient(connected) = &mut self.state {
            if let Err(refused) = connected.listener.judge(&connected.cx.viewer) {
                return self.fail(Fatal(refused.message), out);
            }
            connected.coalesce();
        }
        self.tell_backlog(out).await;
        Step::Go
    }

    async fn resume(&mut self, out: &mut Vec<Message>) -> Step {
        match self.answer_frames(out).await {
            Ok(turn) => turn,
            Err(fatal) => self.fail(fatal, out),
        }
    }

    fn user(&self) -> Option<UserId> {
        match &self.state {
            State::ConnectedClient(connected) => Some(connected.cx.me()),
            State::Opened(_) | State::Left(_) => None,
        }
    }

    fn deadline(&self) -> Instant {
        let own = match &self.state {
            State::Opened(until) | State::Left(until) => *until,
            State::ConnectedClient(connected) => {
                let own_beat = connected.own_beat.as_ref().map(Beat::due);
                // No client is silent whose frames wait to be answered.
                let client_beat = connected
                    .client_beat
                    .as_ref()
                    .filter(|_| !self.has_unanswered)
                    .map(|beat| beat.gives_up(self.control.heard()));
                [own_beat, client_beat].into_iter().flatten().fold(connected.expires, Instant::min)
            }
        };
        self.unfinished_since.map_or(own, |since| own.min(since + FRAME_TIMEOUT))
    }

    fn expires(&self) -> Instant {
        match &self.state {
            State::Opened(until) | State::Left(until) => *until,
            State::ConnectedClient(connected) => connected.expires,
        }
    }

    async fn on_deadline(&mut self, out: &mut Vec<Message>) -> Step {
        let now = Instant::now();
        if self.unfinished_since.is_some_and(|since| since + FRAME_TIMEOUT <= now) {
            return self.fail("The frame was not finished in time".into(), out);
        }
        let State::ConnectedClient(connected) = &mut self.state else {
            return match self.state {
                State::Left(_) => Step::End(Goodbye::new(1000, "")),
                _ => self.fail("The session was not opened in time".into(), out),
            };
        };
        if connected.expires <= now {
            return self.fail("The token has expired".into(), out);
        }
        let heard = self.control.heard();
        if !self.has_unanswered && connected.client_beat.as_ref().is_some_and(|beat| beat.gives_up(heard) <= now) {
            return self.fail("Session closed.".into(), out);
        }
        if connected.own_beat.as_ref().is_some_and(|beat| beat.due() <= now) {
            out.push(Message::text(Bytes::from_static(frame::HEARTBEAT)));
        }
        Step::Go
    }

    fn on_written(&mut self, at: Instant) {
        if let State::ConnectedClient(connected) = &mut self.state
            && let Some(beat) = &mut connected.own_beat
        {
            beat.last = at;
        }
    }
}
