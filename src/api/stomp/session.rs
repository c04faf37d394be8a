//! One STOMP session: frames in, frames out, in order. What carries it is kept by [`crate::connection`]; what a
//! destination does is said in `destinations`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, sleep_until};

use super::agreement::{Beat, heart_beat, version};
use super::connected::Connected;
use super::destinations::{self, Queue, Refused};
use super::frame::{self, Command, Decoder, Item};
use super::wire::Agreed;
use crate::app::App;
use crate::auth::bearer_or_bare;
use crate::chat::event::Event;
use crate::chat::log;
use crate::connection::{Frame, Goodbye, PAUSE, Protocol, Received, Turn, is_enough};
use crate::error::Kind;
use crate::http::peer::Introduction;

/// How long a client may take to connect, to finish a frame, and to close after its DISCONNECT.
const CONNECT: Duration = Duration::from_secs(10);
const UNFINISHED: Duration = Duration::from_secs(30);
const LEAVING: Duration = Duration::from_secs(10);
/// Bytes of a receipt, at most.
const LONGEST: usize = 128;

/// A session and where it stands.
pub(super) struct Session {
    app: Arc<App>,
    id: String,
    /// The token of the URL, for a CONNECT that brings none.
    token: Option<String>,
    introduction: Introduction,
    agreed: Arc<Agreed>,
    decoder: Decoder,
    state: State,
    messages: u64,
    /// When the frame that is not finished yet began.
    unfinished: Option<Instant>,
    /// Whether something that the client said waits to be answered, in the decoder.
    unanswered: bool,
}

enum State {
    /// Nobody yet, until this moment.
    Opened(Instant),
    Connected(Box<Connected>),
    /// The client has taken leave and may close until this moment.
    Left(Instant),
}

/// Why a session ends: the message of its ERROR frame.
struct Fatal(String);

impl<T: Into<String>> From<T> for Fatal {
    fn from(message: T) -> Self {
        Self(message.into())
    }
}

impl Session {
    pub fn new(
        app: Arc<App>,
        id: String,
        token: Option<String>,
        introduction: Introduction,
        agreed: Arc<Agreed>,
    ) -> Self {
        let state = State::Opened(Instant::now() + CONNECT);
        Self {
            app,
            id,
            token,
            introduction,
            agreed,
            decoder: Decoder::new(),
            state,
            messages: 0,
            unfinished: None,
            unanswered: false,
        }
    }

    /// Answers the frames that the decoder has, unless that becomes too much at once.
    async fn answer(&mut self, out: &mut Vec<Frame>) -> Result<Turn, Fatal> {
        if let State::Connected(connected) = &mut self.state
            && let Some(watch) = &mut connected.watch
        {
            watch.last = Instant::now();
        }
        self.unanswered = false;
        while let Some(item) = self.decoder.pull().map_err(|bad| bad.message)? {
            self.unfinished = None;
            let Item::Frame(frame) = item else { continue };
            if let Turn::End(goodbye) = self.handle(frame, out).await? {
                return Ok(Turn::End(goodbye));
            }
            self.unanswered = is_enough(out);
            if self.unanswered {
                return Ok(Turn::More);
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
        match (&mut self.state, frame.command) {
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
            (State::Connected(connected), Command::Subscribe) => {
                if let Err(refused) = connected.subscribe(&frame).await {
                    self.complain(&refused, out);
                }
            }
            (State::Connected(connected), Command::Unsubscribe) => connected.unsubscribe(&frame),
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
        let head = log::head(&cx).await.map_err(|refused| refused.message)?;

        self.introduction.make();
        let own = Duration::from_millis(self.app.config.stomp.heartbeat_ms.into());
        self.agreed.beats.store(!own.is_zero(), Ordering::Release);
        self.agreed.user.get_or_init(|| cx.me().get());
        let connected = frame::Frame::new(Command::Connected)
            .with("version", version)
            .with("heart-beat", format!("{0},{0}", own.as_millis()))
            .with("user-name", cx.me().to_string());
        out.push(written(&connected));
        self.state = State::Connected(Box::new(Connected {
            expires: cx.viewer.deadline(),
            beat: Beat::agree(own, wants),
            watch: Beat::agree(own, beats),
            is_old: version == "1.0",
            waiting: VecDeque::new(),
            pause: None,
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

    /// Tells the session what it did wrong, if it listens.
    fn complain(&mut self, refused: &Refused, out: &mut Vec<Frame>) {
        let State::Connected(connected) = &self.state else { return };
        let Some(body) = refused.body() else { return };
        for subscription in connected.subscriptions.iter().filter(|known| known.queue == Queue::Errors) {
            self.messages += 1;
            out.push(subscription.message(&self.id, self.messages, &[], &body));
        }
    }

    /// Tells the news that wait, unless that becomes too much at once.
    async fn announce(&mut self, out: &mut Vec<Frame>) {
        while !is_enough(out)
            && let State::Connected(connected) = &mut self.state
            && let Some(event) = connected.waiting.pop_front()
        {
            let told = connected.tell(&event, &self.id, &mut self.messages, out).await;
            match told {
                Ok(()) => {}
                Err(error) if error.kind == Kind::Unavailable => {
                    connected.waiting.push_front(event);
                    connected.pause = Some(Instant::now() + PAUSE);
                    return;
                }
                Err(error) => tracing::error!(%error, "an event cannot be told"),
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

fn written(frame: &frame::Frame) -> Frame {
    let mut text = BytesMut::new();
    frame.encode(&mut text);
    Frame::Text(text.freeze())
}

impl Protocol for Session {
    type News = Vec<Arc<Event>>;

    async fn hear(&mut self, received: Received, out: &mut Vec<Frame>) -> Turn {
        let (Received::Text(bytes) | Received::Binary(bytes)) = received else { return Turn::Go };
        self.decoder.push(&bytes);
        self.go_on(out).await
    }

    async fn go_on(&mut self, out: &mut Vec<Frame>) -> Turn {
        match self.answer(out).await {
            Ok(turn) => turn,
            Err(fatal) => self.fail(fatal, out),
        }
    }

    async fn listen(&mut self) -> Vec<Arc<Event>> {
        let State::Connected(connected) = &mut self.state else { return std::future::pending().await };
        if let Some(pause) = connected.pause {
            sleep_until(pause).await;
            connected.pause = None;
        }
        if !connected.waiting.is_empty() {
            return Vec::new();
        }
        let news = connected.listener.next().await;
        news.unwrap_or_else(|_| {
            connected.pause = Some(Instant::now() + PAUSE);
            Vec::new()
        })
    }

    async fn tell(&mut self, events: Vec<Arc<Event>>, out: &mut Vec<Frame>) -> Turn {
        if let State::Connected(connected) = &mut self.state {
            connected.take(events);
        }
        self.announce(out).await;
        Turn::Go
    }

    fn deadline(&self) -> Instant {
        let own = match &self.state {
            State::Opened(until) | State::Left(until) => *until,
            State::Connected(connected) => {
                let beat = connected.beat.as_ref().map(Beat::due);
                // Nobody is silent whose frames wait to be answered.
                let watch = connected.watch.as_ref().filter(|_| !self.unanswered).map(Beat::given_up);
                [beat, watch].into_iter().flatten().fold(connected.expires, Instant::min)
            }
        };
        self.unfinished.map_or(own, |began| own.min(began + UNFINISHED))
    }

    fn ends(&self) -> Instant {
        match &self.state {
            State::Opened(until) | State::Left(until) => *until,
            State::Connected(connected) => connected.expires,
        }
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
        if !self.unanswered && connected.watch.as_ref().is_some_and(|watch| watch.given_up() <= now) {
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
