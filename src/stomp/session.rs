//! One STOMP session: frames in, frames out, in order. What carries it is kept by [`crate::socket`]; what a
//! destination does is said in `destinations`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::Utc;
use serde_json::json;
use tokio::time::Instant;

use super::destinations::{self, Queue, Refused};
use super::frame::{self, Command, Decoder, Item};
use super::wire::Agreed;
use crate::answer::code;
use crate::app::App;
use crate::auth::bearer_or_bare;
use crate::chat::Cx;
use crate::chat::conversations;
use crate::chat::messages::Message;
use crate::error::Error;
use crate::event::{Event, Fact, FormKey};
use crate::live::{Interest, Listener};
use crate::log::{self, Head};
use crate::socket::{Frame, Goodbye, Protocol, Received, Turn};

/// How long a client may take to connect, to finish a frame, and to close after its DISCONNECT.
const CONNECT: Duration = Duration::from_secs(30);
const UNFINISHED: Duration = Duration::from_secs(30);
const LEAVING: Duration = Duration::from_secs(10);
/// Subscriptions of one session, and bytes of a receipt or the id of a subscription, at most.
const MOST: usize = 100;
const LONGEST: usize = 128;
/// A peer that promised to beat is gone after three silent intervals.
const SILENT_INTERVALS: u32 = 3;
/// Longer than any connection lives.
const FOREVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);
const JSON: &str = "application/json";

/// The forms in which this door writes events: everybody's, and the sender's own with its `tempId`.
const EVERYBODYS: FormKey = *b"stomp: the form for everybody   ";
const SENDERS: FormKey = *b"stomp: the form for the sender  ";

/// A session and where it stands.
pub(super) struct Session {
    app: Arc<App>,
    id: String,
    /// The token of the URL, for a CONNECT that brings none.
    token: Option<String>,
    agreed: Arc<Agreed>,
    decoder: Decoder,
    state: State,
    messages: u64,
    /// When the frame that is not finished yet began.
    unfinished: Option<Instant>,
}

enum State {
    /// Nobody yet, until this moment.
    Opened(Instant),
    Connected(Box<Connected>),
    /// The client has taken leave and may close until this moment.
    Left(Instant),
}

struct Connected {
    cx: Cx,
    listener: Listener,
    head: Head,
    subscriptions: Vec<Subscription>,
    /// Whether the client speaks 1.0, where a subscription needs no id.
    is_old: bool,
    expires: Instant,
    beat: Option<Beat>,
    watch: Option<Beat>,
}

/// Something that has to happen in every interval.
struct Beat {
    every: Duration,
    last: Instant,
}

struct Subscription {
    id: Option<String>,
    destination: String,
    queue: Queue,
    /// What was told last.
    told: i64,
}

/// Why a session ends: the message of its ERROR frame.
struct Fatal(String);

impl<T: Into<String>> From<T> for Fatal {
    fn from(message: T) -> Self {
        Self(message.into())
    }
}

impl Session {
    pub fn new(app: Arc<App>, id: String, token: Option<String>, agreed: Arc<Agreed>) -> Self {
        let state = State::Opened(Instant::now() + CONNECT);
        Self { app, id, token, agreed, decoder: Decoder::new(), state, messages: 0, unfinished: None }
    }

    async fn take(&mut self, bytes: &[u8], out: &mut Vec<Frame>) -> Result<Turn, Fatal> {
        if let State::Connected(connected) = &mut self.state
            && let Some(watch) = &mut connected.watch
        {
            watch.last = Instant::now();
        }
        self.decoder.push(bytes);
        while let Some(item) = self.decoder.pull().map_err(|bad| bad.message)? {
            self.unfinished = None;
            let Item::Frame(frame) = item else { continue };
            if let Turn::End(goodbye) = self.handle(frame, out).await? {
                return Ok(Turn::End(goodbye));
            }
        }
        if self.decoder.is_inside_frame() {
            self.unfinished.get_or_insert_with(Instant::now);
        }
        Ok(Turn::Go)
    }

    async fn handle(&mut self, frame: frame::Frame, out: &mut Vec<Frame>) -> Result<Turn, Fatal> {
        let receipt = frame.header("receipt").map(str::to_owned);
        if receipt.as_ref().is_some_and(|receipt| receipt.len() > LONGEST) {
            return Err("The receipt is too long".into());
        }
        match (&self.state, frame.command) {
            (State::Left(_), _) => return Ok(Turn::Go),
            (_, Command::Connected | Command::Message | Command::Receipt | Command::Error) => {
                return Err(format!("{} is the server's own", frame.command.name()).into());
            }
            (State::Opened(_), Command::Connect | Command::Stomp) => self.connect(&frame, out).await?,
            (State::Opened(_), _) => return Err(format!("Unknown session: {}", self.id).into()),
            (State::Connected(_), Command::Connect | Command::Stomp) => return Err("Session already exists".into()),
            (State::Connected(_), Command::Send) => {
                if let Err(refused) = self.send(&frame).await {
                    self.complain(&refused, out);
                }
            }
            (State::Connected(_), Command::Subscribe) => {
                if let Err(refused) = self.subscribe(&frame).await {
                    self.complain(&refused, out);
                }
            }
            (State::Connected(_), Command::Unsubscribe) => self.unsubscribe(&frame),
            (State::Connected(_), Command::Disconnect) => {
                self.state = State::Left(Instant::now() + LEAVING);
                if receipt.is_none() {
                    return Ok(Turn::End(Goodbye::new(1000, "")));
                }
            }
            // Everything is acknowledged by itself, and a transaction is what happens at once.
            (State::Connected(_), Command::Ack | Command::Nack | Command::Begin | Command::Commit | Command::Abort) => {
            }
        }
        if let Some(receipt) = receipt {
            out.push(written(&frame::Frame::new(Command::Receipt).with("receipt-id", receipt)));
        }
        Ok(Turn::Go)
    }

    async fn connect(&mut self, frame: &frame::Frame, out: &mut Vec<Frame>) -> Result<(), Fatal> {
        let version = match version(frame.header("accept-version")) {
            Some(version) => version,
            None => {
                let error = frame::Frame::new(Command::Error).with("version", "1.0,1.1,1.2");
                out.push(written(&error.with("message", "Supported protocol versions are 1.0, 1.1 and 1.2")));
                return Err(Fatal(String::new()));
            }
        };
        let (beats, wants) = heart_beat(frame.header("heart-beat"))?;
        let given = frame.header("Authorization").or_else(|| frame.header("authorization")).and_then(bearer_or_bare);
        let token = given.map(str::to_owned).or_else(|| self.token.take()).ok_or("A token is needed")?;
        let cx = self.app.authenticate(&token).await.map_err(|refused| refused.message)?;
        let listener = self.app.hub.listen(&cx, "stomp").await.map_err(|refused| refused.message)?;
        let head = log::head(&cx.chat).await.map_err(|refused| refused.message)?;

        let own = Duration::from_millis(self.app.config.stomp.heartbeat_ms.into());
        self.agreed.beats.store(!own.is_zero(), Ordering::Release);
        self.agreed.user.get_or_init(|| cx.me().get());
        let connected = frame::Frame::new(Command::Connected)
            .with("version", version)
            .with("heart-beat", format!("{0},{0}", own.as_millis()))
            .with("user-name", cx.me().to_string());
        out.push(written(&connected));
        let lifetime = (cx.viewer.expires - Utc::now()).to_std().unwrap_or_default().min(FOREVER);
        self.state = State::Connected(Box::new(Connected {
            expires: Instant::now() + lifetime,
            beat: Beat::agree(own, wants),
            watch: Beat::agree(own, beats),
            is_old: version == "1.0",
            subscriptions: Vec::new(),
            cx,
            listener,
            head,
        }));
        Ok(())
    }

    async fn send(&mut self, frame: &frame::Frame) -> Result<(), Refused> {
        let State::Connected(connected) = &self.state else { return Ok(()) };
        let destination = frame.header("destination").unwrap_or_default();
        destinations::perform(&connected.cx, destination, &frame.body).await
    }

    async fn subscribe(&mut self, frame: &frame::Frame) -> Result<(), Refused> {
        let State::Connected(connected) = &mut self.state else { return Ok(()) };
        let refuse = |error| Refused { prefix: "Failed to subscribe", error };
        let destination = frame.header("destination").unwrap_or_default();
        let queue = destinations::queue(destination)?;
        let id = frame.header("id").map(str::to_owned);
        if id.is_none() && !connected.is_old {
            return Err(refuse(Error::bad_request("A subscription needs an id")));
        }
        if id.as_ref().is_some_and(|id| id.len() > LONGEST) {
            return Err(refuse(Error::bad_request("The id of the subscription is too long")));
        }
        let is_same = |known: &Subscription| match &id {
            Some(id) => known.id.as_ref() == Some(id),
            None => known.id.is_none() && known.destination == destination,
        };
        // The first one of an id stays.
        if connected.subscriptions.iter().any(is_same) {
            return Ok(());
        }
        if connected.subscriptions.len() >= MOST {
            return Err(refuse(Error::bad_request(format!("At most {MOST} subscriptions fit into one session"))));
        }
        let resumed = match (frame.header("after"), queue) {
            (Some(after), Queue::Events(topic)) if topic.is_durable() => {
                let head = log::head(&connected.cx.chat).await.map_err(refuse)?;
                Some(head.position_of(after).map_err(refuse)?)
            }
            _ => None,
        };
        let told = resumed.unwrap_or_else(|| connected.listener.position());
        connected.subscriptions.push(Subscription { id, destination: destination.to_owned(), queue, told });
        connected.update_interest();
        if let Some(after) = resumed {
            connected.listener.rewind(after);
        }
        Ok(())
    }

    fn unsubscribe(&mut self, frame: &frame::Frame) {
        let State::Connected(connected) = &mut self.state else { return };
        let (id, destination) = (frame.header("id"), frame.header("destination"));
        connected.subscriptions.retain(|known| match id {
            Some(_) => known.id.as_deref() != id,
            None => known.id.is_some() || Some(known.destination.as_str()) != destination,
        });
        connected.update_interest();
    }

    /// Tells the session what it did wrong, if it listens.
    fn complain(&mut self, refused: &Refused, out: &mut Vec<Frame>) {
        let State::Connected(connected) = &self.state else { return };
        let sentence = format!("{}: {}", refused.prefix, refused.error.message);
        let mut body = json!({ "error": sentence, "code": code(refused.error.kind) });
        if let Some(seconds) = refused.error.retry_after {
            body["retryAfterSeconds"] = seconds.into();
        }
        let body = body.to_string();
        for subscription in connected.subscriptions.iter().filter(|known| known.queue == Queue::Errors) {
            self.messages += 1;
            out.push(subscription.message(&self.id, self.messages, &[], body.as_bytes()));
        }
    }

    async fn announce(&mut self, event: &Arc<Event>, out: &mut Vec<Frame>) {
        let State::Connected(connected) = &mut self.state else { return };
        let queue = Queue::Events(event.kind.topic());
        if !connected.subscriptions.iter().any(|known| known.queue == queue && known.wants(event)) {
            return;
        }
        let Some(body) = body(&connected.cx, event).await else { return };
        let cursor = event.position.map(|position| connected.head.cursor(position).to_string());
        let extra: Vec<(&str, &str)> = cursor.iter().map(|cursor| ("cursor", cursor.as_str())).collect();
        for subscription in &mut connected.subscriptions {
            if subscription.queue == queue && subscription.wants(event) {
                subscription.told = event.position.unwrap_or(subscription.told);
                self.messages += 1;
                out.push(subscription.message(&self.id, self.messages, &extra, &body));
            }
        }
    }

    /// The last frame of a session that went wrong.
    fn fail(&mut self, fatal: Fatal, out: &mut Vec<Frame>) -> Turn {
        if !fatal.0.is_empty() {
            out.push(written(&frame::Frame::new(Command::Error).with("message", fatal.0)));
        }
        self.state = State::Left(Instant::now() + LEAVING);
        Turn::End(Goodbye::new(1002, ""))
    }
}

impl Connected {
    fn update_interest(&self) {
        let topics = self.subscriptions.iter().filter_map(|known| match known.queue {
            Queue::Events(topic) => Some(topic),
            Queue::Errors => None,
        });
        self.listener.set_interest(topics.collect::<Interest>());
    }
}

impl Subscription {
    fn wants(&self, event: &Event) -> bool {
        event.position.is_none_or(|position| position > self.told)
    }

    fn message(&self, session: &str, number: u64, extra: &[(&str, &str)], body: &[u8]) -> Frame {
        let mut text = BytesMut::new();
        let id = format!("{session}-{number}");
        frame::encode_message(&mut text, &self.destination, JSON, self.id.as_deref(), &id, extra, body);
        Frame::Text(text.freeze())
    }
}

impl Beat {
    /// The interval that both sides can keep; none where one of them does not want to.
    fn agree(own: Duration, others: Duration) -> Option<Self> {
        let agreed = !own.is_zero() && !others.is_zero();
        agreed.then(|| Self { every: own.max(others), last: Instant::now() })
    }

    fn due(&self) -> Instant {
        self.last + self.every
    }

    fn given_up(&self) -> Instant {
        self.last + self.every * SILENT_INTERVALS
    }
}

/// The highest version that both speak; 1.0 where the client names none.
fn version(accepted: Option<&str>) -> Option<&'static str> {
    let Some(accepted) = accepted else { return Some("1.0") };
    let accepted: Vec<&str> = accepted.split(',').map(str::trim).collect();
    ["1.2", "1.1", "1.0"].into_iter().find(|version| accepted.contains(version))
}

/// What the client can and what it wants, in that order.
fn heart_beat(header: Option<&str>) -> Result<(Duration, Duration), Fatal> {
    let Some((can, wants)) = header.unwrap_or_default().split_once(',') else {
        return Ok((Duration::ZERO, Duration::ZERO));
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // An interval of years is as good as none, but it is not malformed.
        digits.then(|| Duration::from_millis(text.parse::<u64>().unwrap_or(u64::MAX)).min(FOREVER))
    };
    number(can.trim()).zip(number(wants.trim())).ok_or_else(|| "The header heart-beat is malformed".into())
}

/// The body of an event, written once for all who get the same.
async fn body(cx: &Cx, event: &Event) -> Option<Bytes> {
    let write = |json: serde_json::Result<Vec<u8>>| json.ok().map(Bytes::from);
    match &event.fact {
        Fact::Message(message) if message.has_two_renderings() && message.sender_id == cx.me() => {
            event.form(SENDERS, async { write(serde_json::to_vec(message)) }).await
        }
        Fact::Message(message) => {
            let everybodys = async {
                match message.has_two_renderings() {
                    true => write(serde_json::to_vec(&Message { temp_id: None, ..Message::clone(message) })),
                    false => write(serde_json::to_vec(message)),
                }
            };
            event.form(EVERYBODYS, everybodys).await
        }
        Fact::Reaction(change) => event.form(EVERYBODYS, async { write(serde_json::to_vec(change)) }).await,
        Fact::Receipt(moved) => event.form(EVERYBODYS, async { write(serde_json::to_vec(moved)) }).await,
        Fact::Typing(typing) => event.form(EVERYBODYS, async { write(serde_json::to_vec(typing)) }).await,
        Fact::Presence { presence, .. } => event.form(EVERYBODYS, async { write(serde_json::to_vec(presence)) }).await,
        Fact::Conversation { .. } | Fact::Participant(_) | Fact::Settings => {
            let announced = conversations::announcement(cx, event).await.ok().flatten()?;
            write(serde_json::to_vec(&announced))
        }
    }
}

fn written(frame: &frame::Frame) -> Frame {
    let mut text = BytesMut::new();
    frame.encode(&mut text);
    Frame::Text(text.freeze())
}

impl Protocol for Session {
    type News = Vec<Arc<Event>>;

    async fn hear(&mut self, received: Received, out: &mut Vec<Frame>) -> Turn {
        let (Received::Text(bytes) | Received::Binary(bytes)) = received else { return Turn::Go };
        match self.take(&bytes, out).await {
            Ok(turn) => turn,
            Err(fatal) => self.fail(fatal, out),
        }
    }

    async fn listen(&mut self) -> Vec<Arc<Event>> {
        let State::Connected(connected) = &mut self.state else { return std::future::pending().await };
        match connected.listener.next().await {
            Ok(events) => events,
            Err(_) => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Vec::new()
            }
        }
    }

    async fn tell(&mut self, events: Vec<Arc<Event>>, out: &mut Vec<Frame>) -> Turn {
        for event in events {
            self.announce(&event, out).await;
        }
        Turn::Go
    }

    fn deadline(&self) -> Instant {
        let own = match &self.state {
            State::Opened(until) | State::Left(until) => *until,
            State::Connected(connected) => {
                let beat = connected.beat.as_ref().map(Beat::due);
                let watch = connected.watch.as_ref().map(Beat::given_up);
                [beat, watch].into_iter().flatten().fold(connected.expires, Instant::min)
            }
        };
        self.unfinished.map_or(own, |began| own.min(began + UNFINISHED))
    }

    async fn overdue(&mut self, out: &mut Vec<Frame>) -> Turn {
        let now = Instant::now();
        if self.unfinished.is_some_and(|began| began + UNFINISHED <= now) {
            return self.fail("The frame was not finished in time".into(), out);
        }
        let State::Connected(connected) = &mut self.state else {
            return match self.state {
                State::Left(_) => Turn::End(Goodbye::new(1000, "")),
                _ => self.fail("The session was not opened in time".into(), out),
            };
        };
        if connected.expires <= now {
            return self.fail("The token has expired".into(), out);
        }
        if connected.watch.as_ref().is_some_and(|watch| watch.given_up() <= now) {
            return self.fail("Session closed.".into(), out);
        }
        if connected.beat.as_ref().is_some_and(|beat| beat.due() <= now) {
            out.push(Frame::Text(Bytes::from_static(frame::HEARTBEAT)));
        }
        Turn::Go
    }

    fn written(&mut self, at: Instant) {
        if let State::Connected(connected) = &mut self.state
            && let Some(beat) = &mut connected.beat
        {
            beat.last = at;
        }
    }

    fn going_away(&mut self, _: &mut Vec<Frame>) -> Goodbye {
        Goodbye::new(1001, "The server is stopping")
    }
}
