//! The WebSocket of a session, with SockJS framing or without: it reads and writes, keeps the connection alive, stops
//! floods and closes. Every await in it can be cancelled and begun anew.

use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Error;
use axum::extract::ws::{self, CloseFrame, Message as Frame, Utf8Bytes};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::error::ProtocolError;

use super::liveness::Liveness;
use super::message_array::MessageArray;
use super::{Closed, Message, Options, frame};

/// How long a close frame may wait to be written, and how long the client may take to answer it.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the application's closing may take altogether, with what is to be written before it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Pings and pongs that a client may send in each [`FLOOD_PERIOD`].
const MAX_CONTROL_FRAMES: u32 = 100;
const FLOOD_PERIOD: Duration = Duration::from_secs(10);
/// The longest reason that fits into a close frame.
const MAX_REASON_BYTES: usize = 123;
/// A client that stays silent for so many heart-beats, in spite of pings, is gone.
const SILENT_HEARTBEATS: u32 = 3;

pub(super) struct WebSocket {
    socket: ws::WebSocket,
    framed: bool,
    deadlines: Deadlines,
    liveness: Arc<Liveness>,
    last_ping: Instant,
    /// Pings since the client was last heard.
    unanswered_pings: u32,
    last_sent: Instant,
    /// When the current flood period began, and the pings and pongs that came in it.
    control_frames: (Instant, u32),
    /// Never runs out later than the next heart-beat. It is moved when it has run out, and not with every message.
    timer: Pin<Box<Sleep>>,
    stage: Stage,
}

/// What a WebSocket takes from the options of its endpoint.
#[derive(Clone, Copy)]
pub(super) struct Deadlines {
    heartbeat: Duration,
    stall_timeout: Option<Duration>,
}

impl From<&Options> for Deadlines {
    fn from(options: &Options) -> Self {
        Self { heartbeat: options.heartbeat, stall_timeout: options.websocket_stall_timeout }
    }
}

/// What a client has sent.
pub(super) enum Incoming {
    /// A message without SockJS framing.
    Message(Message),
    /// A frame of SockJS.
    Array(MessageArray),
}

enum Stage {
    Open,
    /// A close frame has to be written before this moment.
    Closing(CloseFrame, Instant),
    /// Close frames are exchanged, until this moment at the latest.
    Leaving(Instant),
    Over,
}

impl Stage {
    fn closing(code: u16, reason: impl Into<Utf8Bytes>) -> Self {
        Self::Closing(CloseFrame { code, reason: reason.into() }, Instant::now() + LEAVE_TIMEOUT)
    }

    fn leaving() -> Self {
        Self::Leaving(Instant::now() + LEAVE_TIMEOUT)
    }
}

impl WebSocket {
    pub(super) fn new(socket: ws::WebSocket, framed: bool, deadlines: Deadlines) -> Self {
        let now = Instant::now();
        Self {
            socket,
            framed,
            deadlines,
            liveness: Arc::new(Liveness::new(deadlines.heartbeat, framed)),
            last_ping: now,
            unanswered_pings: 0,
            last_sent: now,
            control_frames: (now, 0),
            timer: Box::pin(sleep(deadlines.heartbeat)),
            stage: Stage::Open,
        }
    }

    /// What the application has to know of the heart-beats, and may change.
    pub(super) fn liveness(&self) -> &Arc<Liveness> {
        &self.liveness
    }

    /// Tells a client of SockJS that the session is open.
    pub(super) async fn open(&mut self) -> Result<(), Closed> {
        if self.framed { self.write([Frame::Text(Utf8Bytes::from_static(frame::OPEN))]).await } else { Ok(()) }
    }

    /// What the client sends next; `None` once the connection is over.
    pub(super) async fn receive(&mut self) -> Option<Incoming> {
        // The application may have asked for earlier pings since.
        let next = self.next_heartbeat();
        if next < self.timer.deadline() {
            self.timer.as_mut().reset(next);
        }
        while let Stage::Open = self.stage {
            let read = tokio::select! {
                biased;
                read = self.socket.next() => read,
                () = self.timer.as_mut() => {
                    if self.next_heartbeat() <= Instant::now() {
                        self.send_heartbeat().await;
                    }
                    let next = self.next_heartbeat();
                    self.timer.as_mut().reset(next);
                    continue;
                }
            };
            match read {
                Some(Ok(frame)) => {
                    self.liveness.hear();
                    self.unanswered_pings = 0;
                    if let Some(incoming) = self.on_frame(frame) {
                        return Some(incoming);
                    }
                }
                Some(Err(error)) => self.stage = after_error(error),
                None => self.stage = Stage::Over,
            }
        }
        self.leave().await;
        None
    }

    pub(super) async fn send(&mut self, messages: Vec<Message>) -> Result<(), Closed> {
        if !matches!(self.stage, Stage::Open) {
            // A client that is being closed hears why before its connection is dropped.
            self.leave().await;
            return Err(Closed);
        }
        let framed = self.framed;
        let frames = messages.into_iter().map(|message| match message {
            message if framed => Frame::Text(frame::message(&message.into_text()).into()),
            Message::Text(text) => Frame::Text(text),
            Message::Binary(bytes) => Frame::Binary(bytes),
        });
        self.write(frames).await
    }

    pub(super) async fn close(&mut self, code: u16, reason: &str) {
        let last = self.framed.then(|| Frame::Text(frame::close(code, reason).into()));
        let farewell = async {
            if matches!(self.stage, Stage::Open) && self.write(last).await.is_ok() {
                let end = reason.floor_char_boundary(MAX_REASON_BYTES);
                self.stage = Stage::closing(code, &reason[..end]);
            }
            self.leave().await;
        };
        // A client that reads nothing is not waited for.
        let _ = timeout(CLOSE_TIMEOUT, farewell).await;
        self.stage = Stage::Over;
    }

    fn on_frame(&mut self, frame: Frame) -> Option<Incoming> {
        match frame {
            Frame::Text(text) if !self.framed => return Some(Incoming::Message(Message::Text(text))),
            Frame::Binary(bytes) if !self.framed => return Some(Incoming::Message(Message::Binary(bytes))),
            Frame::Text(text) if text.is_empty() => (),
            Frame::Text(text) => match MessageArray::new(text) {
                Ok(array) => return Some(Incoming::Array(array)),
                Err(_) => self.stage = Stage::closing(1007, "Broken JSON encoding"),
            },
            Frame::Binary(_) => self.stage = Stage::closing(1003, "Binary messages not supported"),
            Frame::Ping(_) | Frame::Pong(_) => self.count_control_frame(),
            Frame::Close(_) => self.stage = Stage::leaving(),
        }
        None
    }

    fn count_control_frame(&mut self) {
        let (since, count) = &mut self.control_frames;
        if since.elapsed() > FLOOD_PERIOD {
            (*since, *count) = (Instant::now(), 0);
        }
        *count += 1;
        if *count > MAX_CONTROL_FRAMES {
            self.stage = Stage::closing(1008, "Too many control frames");
        }
    }

    fn next_ping(&self) -> Instant {
        self.liveness.heard().max(self.last_ping) + self.liveness.silence_before_ping()
    }

    fn next_heartbeat(&self) -> Instant {
        if self.liveness.heartbeat_is_off() {
            self.next_ping()
        } else {
            self.next_ping().min(self.last_sent + self.deadlines.heartbeat)
        }
    }

    /// As many pings as take the time of [`SILENT_HEARTBEATS`], however soon one follows the other.
    fn max_unanswered_pings(&self) -> u32 {
        let patience = self.deadlines.heartbeat * SILENT_HEARTBEATS;
        let silence = self.liveness.silence_before_ping().as_millis().max(1);
        u32::try_from(patience.as_millis().div_ceil(silence)).unwrap_or(u32::MAX)
    }

    /// Shows the client that the connection lives, and asks the client for a sign of life.
    async fn send_heartbeat(&mut self) {
        let now = Instant::now();
        let ping_is_due = now >= self.next_ping();
        // Pings are counted and not the time: while what waits for a slow client is written, nobody asks it for anything.
        if ping_is_due && self.unanswered_pings + 1 >= self.max_unanswered_pings() {
            self.stage = Stage::Over;
            return;
        }
        if ping_is_due {
            // Before it is written: whoever cancels that must not have it written twice.
            self.unanswered_pings += 1;
            self.last_ping = now;
        }
        let last_sent = self.last_sent;
        let frame_is_due = !self.liveness.heartbeat_is_off() && now >= last_sent + self.deadlines.heartbeat;
        let heartbeat = frame_is_due.then_some(Frame::Text(Utf8Bytes::from_static(frame::HEARTBEAT)));
        let ping = ping_is_due.then_some(Frame::Ping(Bytes::new()));
        let _ = self.write(heartbeat.into_iter().chain(ping)).await;
        if !frame_is_due {
            // The client's script sees no pings: its heart-beat is still due.
            self.last_sent = last_sent;
        }
    }

    /// Writes all frames and flushes once. Each frame that is accepted is progress, so only a client that accepts
    /// nothing at all is given up.
    async fn write(&mut self, frames: impl IntoIterator<Item = Frame>) -> Result<(), Closed> {
        let stall_timeout = self.deadlines.stall_timeout;
        let written = async {
            for frame in frames {
                within(stall_timeout, self.socket.feed(frame)).await?;
            }
            within(stall_timeout, self.socket.flush()).await
        };
        let written = written.await;
        match written {
            Ok(()) => self.last_sent = Instant::now(),
            Err(Closed) => self.stage = Stage::Over,
        }
        written
    }

    /// Sends the close frame that is due, and reads until the client has closed as well: the peer of a connection that
    /// is dropped with something unread may lose the close frame.
    async fn leave(&mut self) {
        if let Stage::Closing(frame, until) = &self.stage {
            let written = timeout_at(*until, self.socket.feed(Frame::Close(Some(frame.clone())))).await;
            self.stage = if let Ok(Ok(())) = written { Stage::leaving() } else { Stage::Over };
        }
        if let Stage::Leaving(until) = self.stage {
            let farewell = async {
                if self.socket.flush().await.is_err() {
                    return;
                }
                while let Some(read) = self.socket.next().await {
                    if read.is_err_and(|error| matches!(after_error(error), Stage::Closing(..))) {
                        // What the client sends cannot be read any more, but the client may still read.
                        sleep_until(until).await;
                    }
                }
            };
            let _ = timeout_at(until, farewell).await;
        }
        self.stage = Stage::Over;
    }
}

/// Runs a step of writing to its end, unless it takes longer than is allowed.
async fn within(limit: Option<Duration>, step: impl Future<Output = Result<(), Error>>) -> Result<(), Closed> {
    match limit {
        Some(limit) => timeout(limit, step).await.map_err(|_| Closed)?.map_err(|_| Closed),
        None => step.await.map_err(|_| Closed),
    }
}

/// Where an error of reading leads.
fn after_error(error: Error) -> Stage {
    match error.into_inner().downcast_ref() {
        Some(tungstenite::Error::Capacity(_)) => Stage::closing(1009, "The message is too large"),
        // A listener that counts bytes says so when a client has sent too many.
        Some(tungstenite::Error::Io(cause)) if cause.kind() == ErrorKind::FileTooLarge => {
            Stage::closing(1009, "The message is too large")
        }
        Some(tungstenite::Error::Utf8(_)) => Stage::closing(1007, "The text is not UTF-8"),
        Some(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => Stage::Over,
        Some(tungstenite::Error::Protocol(_)) => Stage::closing(1002, "The frame is malformed"),
        _ => Stage::Over,
    }
}
