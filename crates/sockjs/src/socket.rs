//! A session's WebSocket: reading, writing, staying alive and taking leave, with SockJS framing or without.

use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Error;
use axum::extract::ws::{CloseFrame, Message as Frame, Utf8Bytes, WebSocket};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_tungstenite::tungstenite;

use super::session::{Arrival, Closed, Message};
use super::strings::Strings;
use super::{Options, frame};

/// How long the client may take to answer a closing.
const LEAVE: Duration = Duration::from_secs(1);
/// How long a closing may take altogether, with what is to be written before.
const CLOSE: Duration = Duration::from_secs(5);
/// Most pings and pongs that a client may send in [`FLOOD_TIME`].
const FLOOD: u32 = 100;
const FLOOD_TIME: Duration = Duration::from_secs(10);
/// Longest reason that fits into a closing, in bytes.
const REASON: usize = 123;
/// A client that stays silent for so many heart-beats, in spite of pings, is gone.
const MISSED: u32 = 3;

pub(super) struct Socket {
    socket: WebSocket,
    framed: bool,
    heartbeat: Duration,
    stall: Duration,
    silent: AtomicBool,
    heard: Instant,
    pinged: Instant,
    sent: Instant,
    flood: (Instant, u32),
    /// Never later than the next beat. It is moved only when it has run out, not with every message.
    timer: Pin<Box<Sleep>>,
    stage: Stage,
}

enum Stage {
    Open,
    /// To be closed by us.
    Closing(u16, &'static str),
    /// The client's closing is to be answered.
    Leaving,
    Over,
}

impl Socket {
    pub(super) fn new(socket: WebSocket, framed: bool, options: &Options) -> Self {
        let now = Instant::now();
        Self {
            socket,
            framed,
            heartbeat: options.heartbeat,
            stall: options.stall,
            silent: AtomicBool::new(!framed),
            heard: now,
            pinged: now,
            sent: now,
            flood: (now, 0),
            timer: Box::pin(sleep(options.heartbeat)),
            stage: Stage::Open,
        }
    }

    /// Tells the client of a framed one that the session is open.
    pub(super) async fn open(&mut self) -> Result<(), Closed> {
        if self.framed { self.write([Frame::Text(Utf8Bytes::from_static(frame::OPEN))]).await } else { Ok(()) }
    }

    pub(super) fn silence(&self) {
        self.silent.store(true, Ordering::Relaxed);
    }

    /// What comes next. Can be cancelled without loss.
    pub(super) async fn receive(&mut self) -> Option<Arrival> {
        loop {
            match self.stage {
                Stage::Open => (),
                Stage::Closing(code, reason) => self.leave(code, reason).await,
                Stage::Leaving => self.drain().await,
                Stage::Over => return None,
            }
            if !matches!(self.stage, Stage::Open) {
                continue;
            }
            let read = tokio::select! {
                biased;
                read = self.socket.next() => read,
                () = self.timer.as_mut() => {
                    if self.next_beat() <= Instant::now() {
                        self.beat().await;
                    }
                    let next = self.next_beat();
                    self.timer.as_mut().reset(next);
                    continue;
                }
            };
            match read {
                Some(Ok(frame)) => {
                    self.heard = Instant::now();
                    if let Some(arrival) = self.accept(frame) {
                        return Some(arrival);
                    }
                }
                Some(Err(error)) => self.stage = fault(error),
                None => self.stage = Stage::Over,
            }
        }
    }

    pub(super) async fn send(&mut self, messages: Vec<Message>) -> Result<(), Closed> {
        if !matches!(self.stage, Stage::Open) {
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
        if !matches!(self.stage, Stage::Open) {
            return;
        }
        let last = self.framed.then(|| Frame::Text(frame::close(code, reason).into()));
        let farewell = async {
            if self.write(last).await.is_ok() {
                self.leave(code, reason).await;
            }
        };
        // Whoever reads nothing is not waited for.
        let _ = timeout(CLOSE, farewell).await;
        self.stage = Stage::Over;
    }

    fn accept(&mut self, frame: Frame) -> Option<Arrival> {
        match frame {
            Frame::Text(text) if !self.framed => return Some(Arrival::Message(Message::Text(text))),
            Frame::Binary(bytes) if !self.framed => return Some(Arrival::Message(Message::Binary(bytes))),
            Frame::Text(text) if text.is_empty() => (),
            Frame::Text(text) => match Strings::new(text) {
                Ok(strings) => return Some(Arrival::Strings(strings)),
                Err(_) => self.stage = Stage::Closing(1007, "Broken JSON encoding"),
            },
            Frame::Binary(_) => self.stage = Stage::Closing(1003, "Binary messages not supported"),
            Frame::Ping(_) | Frame::Pong(_) => self.count(),
            Frame::Close(_) => self.stage = Stage::Leaving,
        }
        None
    }

    fn count(&mut self) {
        let (since, count) = &mut self.flood;
        if since.elapsed() > FLOOD_TIME {
            (*since, *count) = (Instant::now(), 0);
        }
        *count += 1;
        if *count > FLOOD {
            self.stage = Stage::Closing(1008, "Too many control frames");
        }
    }

    fn next_beat(&self) -> Instant {
        let ping = self.heard.max(self.pinged) + self.heartbeat;
        if self.silent.load(Ordering::Relaxed) { ping } else { ping.min(self.sent + self.heartbeat) }
    }

    /// Shows the client that the connection lives, and asks it whether it does.
    async fn beat(&mut self) {
        let now = Instant::now();
        if now >= self.heard + self.heartbeat * MISSED {
            self.stage = Stage::Over;
            return;
        }
        let ping = now >= self.heard.max(self.pinged) + self.heartbeat;
        let beat = !self.silent.load(Ordering::Relaxed) && now >= self.sent + self.heartbeat;
        let sent = self.sent;
        let frame = beat.then_some(Frame::Text(Utf8Bytes::from_static(frame::HEARTBEAT)));
        if self.write(frame.into_iter().chain(ping.then_some(Frame::Ping(Bytes::new())))).await.is_ok() && ping {
            self.pinged = now;
        }
        if !beat {
            // The client's script sees no pings: its heart-beat is still due.
            self.sent = sent;
        }
    }

    /// Writes all and flushes once. What was written is progress, so only a client that takes nothing at all for the
    /// time allowed is given up.
    async fn write(&mut self, frames: impl IntoIterator<Item = Frame>) -> Result<(), Closed> {
        for frame in frames {
            let fed = timeout(self.stall, self.socket.feed(frame)).await;
            self.progress(fed)?;
        }
        let flushed = timeout(self.stall, self.socket.flush()).await;
        self.progress(flushed)
    }

    fn progress(&mut self, result: Result<Result<(), Error>, tokio::time::error::Elapsed>) -> Result<(), Closed> {
        if let Ok(Ok(())) = result {
            self.sent = Instant::now();
            Ok(())
        } else {
            self.stage = Stage::Over;
            Err(Closed)
        }
    }

    async fn leave(&mut self, code: u16, reason: &str) {
        let mut end = reason.len().min(REASON);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        let frame = Frame::Close(Some(CloseFrame { code, reason: reason[..end].into() }));
        if let Ok(Ok(())) = timeout(LEAVE, self.socket.send(frame)).await {
            self.drain().await;
        }
        self.stage = Stage::Over;
    }

    /// Reads until the client has closed as well: a connection that is dropped with something unread is reset, and the
    /// client might lose the closing.
    async fn drain(&mut self) {
        let silence = async {
            while let Some(read) = self.socket.next().await {
                if read.is_err_and(|error| matches!(fault(error), Stage::Closing(..))) {
                    // What comes cannot be read any more, but the client may still read.
                    sleep(LEAVE).await;
                }
            }
        };
        let _ = timeout(LEAVE, silence).await;
        self.stage = Stage::Over;
    }
}

/// What an error of reading leads to.
fn fault(error: Error) -> Stage {
    match error.into_inner().downcast_ref() {
        Some(tungstenite::Error::Capacity(_)) => Stage::Closing(1009, "Message too big"),
        Some(tungstenite::Error::Io(cause)) if cause.kind() == ErrorKind::FileTooLarge => {
            Stage::Closing(1009, "Message too big")
        }
        Some(tungstenite::Error::Utf8(_)) => Stage::Closing(1007, "Text that is not UTF-8"),
        Some(tungstenite::Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => {
            Stage::Over
        }
        Some(tungstenite::Error::Protocol(_)) => Stage::Closing(1002, "Protocol error"),
        _ => Stage::Over,
    }
}
