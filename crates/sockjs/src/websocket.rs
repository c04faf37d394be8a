//! The WebSocket of a session, with SockJS framing or without: it reads and writes, keeps the connection alive, stops
//! floods and closes. Every await in it can be cancelled and begun anew.

use std::borrow::Borrow;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::upgrade::Upgraded;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::decoder::Event;
use super::liveness::Liveness;
use super::message_array::MessageArray;
use super::parting::Stage;
use super::stream::FrameStream;
use super::{Closed, Message, Options, encoder, frame};

/// How long the application's closing may take altogether, with what is to be written before it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Pings and pongs that a client may send in each [`FLOOD_PERIOD`].
const MAX_CONTROL_FRAMES: u32 = 100;
const FLOOD_PERIOD: Duration = Duration::from_secs(10);
/// Bytes after which what is sent is written before more is encoded.
const MAX_BATCH_BYTES: usize = 64 * 1024;
/// The longest message, as it is written.
const MAX_SENT_BYTES: usize = 4 * 1024 * 1024;
/// The part of a heart-beat's time by which it may come early: a client that answers each ping a moment later would otherwise
/// have the timer ring in vain each time before it rings in earnest.
const EARLY_PART: u32 = 16;
/// A client that stays silent for so many heart-beats, in spite of pings, is gone.
const SILENT_HEARTBEATS: u32 = 3;

/// The part of a heart-beat's time by which its timer may ring late, and at most so much of it: the timers of many
/// connections then ring together, and one turn of the runtime sees to them all.
const LATE_PART: u32 = 64;
const MAX_LATE: Duration = Duration::from_millis(250);

pub(super) struct WebSocket {
    frames: FrameStream<Upgraded>,
    framed: bool,
    limits: Limits,
    liveness: Arc<Liveness>,
    last_ping: Instant,
    /// Pings since the client was last heard.
    unanswered_pings: u32,
    last_sent: Instant,
    /// When the current flood period began, and the pings and pongs that came in it.
    control_frames: (Instant, u32),
    /// Never runs out later than the next heart-beat may come. It is moved when it has run out, and not with every message.
    timer: Pin<Box<Sleep>>,
    stage: Stage,
}

/// What a WebSocket takes from the options of its endpoint.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    heartbeat: Duration,
    stall_timeout: Option<Duration>,
    message: usize,
}

impl From<&Options> for Limits {
    fn from(options: &Options) -> Self {
        Self {
            heartbeat: options.heartbeat,
            stall_timeout: options.websocket_stall_timeout,
            message: options.message_limit,
        }
    }
}

/// What a client has sent.
pub(super) enum Incoming {
    /// A message without SockJS framing.
    Message(Message),
    /// A frame of SockJS.
    Array(MessageArray),
}

impl WebSocket {
    pub(super) fn new(connection: Upgraded, framed: bool, limits: Limits) -> Self {
        let now = Instant::now();
        Self {
            frames: FrameStream::new(connection, limits.message),
            framed,
            limits,
            liveness: Arc::new(Liveness::new(limits.heartbeat, framed)),
            last_ping: now,
            unanswered_pings: 0,
            last_sent: now,
            control_frames: (now, 0),
            timer: Box::pin(sleep(limits.heartbeat)),
            stage: Stage::Open,
        }
    }

    /// What the application has to know of the heart-beats, and may change.
    pub(super) fn liveness(&self) -> &Arc<Liveness> {
        &self.liveness
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }

    /// Tells a client of SockJS that the session is open.
    pub(super) async fn open(&mut self) -> Result<(), Closed> {
        if self.framed { self.write(|out| encoder::text(frame::OPEN.as_bytes(), out)).await } else { Ok(()) }
    }

    /// What the client sends next; `None` once the connection is over.
    pub(super) async fn receive(&mut self) -> Option<Incoming> {
        // The application may have asked for earlier pings since.
        let next = self.next_ring();
        if next < self.timer.deadline() {
            self.timer.as_mut().reset(next);
        }
        while let Stage::Open = self.stage {
            let read = tokio::select! {
                biased;
                read = self.frames.next() => read,
                () = self.timer.as_mut() => {
                    let soon = Instant::now() + self.shortest_wait() / EARLY_PART;
                    if self.next_heartbeat() <= soon {
                        // Boxed, as all that is rare: nearly always a connection only waits.
                        Box::pin(self.send_heartbeat(soon)).await;
                    }
                    let next = self.next_ring();
                    self.timer.as_mut().reset(next);
                    continue;
                }
            };
            match read {
                Some(Ok(event)) => {
                    self.liveness.hear();
                    self.unanswered_pings = 0;
                    if let Some(incoming) = self.on_event(event) {
                        return Some(incoming);
                    }
                }
                Some(Err(error)) => self.stage = Stage::after(&error),
                None => self.stage = Stage::Over,
            }
        }
        Box::pin(self.stage.leave(&mut self.frames)).await;
        None
    }

    pub(super) async fn send(&mut self, mut messages: impl ExactSizeIterator<Item = Message>) -> Result<(), Closed> {
        if !self.is_open() {
            // A client that is being closed hears why before its connection is dropped.
            Box::pin(self.stage.leave(&mut self.frames)).await;
            return Err(Closed);
        }
        let framed = self.framed;
        loop {
            let mut fits = true;
            self.write(|out| fits = encode(&mut messages, framed, out)).await?;
            if !fits {
                self.stage = Stage::Over;
                return Err(Closed);
            }
            if messages.len() == 0 {
                return Ok(());
            }
        }
    }

    /// As [`WebSocket::send`], without waiting: `Pending` where not everything was written. What was taken of the messages
    /// is written by the next call, or by [`WebSocket::send`]; the others are still in `messages`.
    pub(super) fn poll_send(
        &mut self,
        task: &mut Context<'_>,
        messages: &mut Vec<Message>,
    ) -> Poll<Result<(), Closed>> {
        if !self.is_open() || self.limits.stall_timeout.is_some() {
            return Poll::Pending;
        }
        let mut taken = 0;
        let sent = loop {
            if self.frames.waiting() == 0 {
                let (mut left, framed, mut fits) = (messages[taken..].iter(), self.framed, true);
                self.frames.queue(|out| fits = encode(&mut left, framed, out));
                taken = messages.len() - left.len();
                if !fits {
                    // What is too long is left to who may wait until the messages before it are written.
                    taken -= 1;
                    break Poll::Pending;
                }
            }
            match self.frames.poll_flush(task) {
                Poll::Ready(Ok(())) if taken == messages.len() => break Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => break Poll::Ready(Err(Closed)),
                Poll::Pending => break Poll::Pending,
            }
        };
        messages.drain(..taken);
        match sent {
            Poll::Ready(Ok(())) => self.last_sent = Instant::now(),
            Poll::Ready(Err(Closed)) => self.stage = Stage::Over,
            Poll::Pending => {}
        }
        sent
    }

    pub(super) async fn close(&mut self, code: u16, reason: &str) {
        let framed = self.framed;
        let last = |out: &mut Vec<u8>| {
            if framed {
                encoder::text(frame::close(code, reason).as_bytes(), out);
            }
        };
        let farewell = async {
            if self.is_open() && self.write(last).await.is_ok() {
                self.stage = Stage::closing(code, reason);
            }
            self.stage.leave(&mut self.frames).await;
        };
        // A client that reads nothing is not waited for.
        let _ = timeout(CLOSE_TIMEOUT, farewell).await;
        self.stage = Stage::Over;
    }

    fn on_event(&mut self, event: Event) -> Option<Incoming> {
        match event {
            Event::Text(text) if !self.framed => return Some(Incoming::Message(text.into())),
            Event::Binary(bytes) if !self.framed => return Some(Incoming::Message(Message::Binary(bytes.into()))),
            Event::Text(text) if text.is_empty() => (),
            Event::Text(text) => match MessageArray::new(text) {
                Ok(array) => return Some(Incoming::Array(array)),
                Err(_) => self.stage = Stage::closing(1007, "Broken JSON encoding"),
            },
            Event::Binary(_) => self.stage = Stage::closing(1003, "Binary messages not supported"),
            Event::Ping(payload) => {
                self.frames.queue(|out| encoder::pong(&payload, out));
                self.count_control_frame();
            }
            Event::Pong => self.count_control_frame(),
            Event::Close(payload) => self.stage = Stage::answering(payload),
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
            self.next_ping().min(self.last_sent + self.limits.heartbeat)
        }
    }

    /// When the timer has to ring: at the next heart-beat, or with those of other connections soon after it.
    fn next_ring(&self) -> Instant {
        together(self.next_heartbeat(), (self.shortest_wait() / LATE_PART).min(MAX_LATE))
    }

    /// The shortest time between two heart-beats.
    fn shortest_wait(&self) -> Duration {
        self.liveness.silence_before_ping().min(self.limits.heartbeat)
    }

    /// As many pings as take the time of [`SILENT_HEARTBEATS`], however soon one follows the other.
    fn max_unanswered_pings(&self) -> u32 {
        let patience = self.limits.heartbeat * SILENT_HEARTBEATS;
        let silence = self.liveness.silence_before_ping().as_millis().max(1);
        u32::try_from(patience.as_millis().div_ceil(silence)).unwrap_or(u32::MAX)
    }

    /// Shows the client that the connection lives, and asks the client for a sign of life, as far as that is due at `soon`.
    async fn send_heartbeat(&mut self, soon: Instant) {
        let ping_is_due = soon >= self.next_ping();
        // Pings are counted and not the time: while what waits for a slow client is written, nobody asks it for anything.
        if ping_is_due && self.unanswered_pings + 1 >= self.max_unanswered_pings() {
            self.stage = Stage::Over;
            return;
        }
        if ping_is_due {
            // Before it is written: whoever cancels that must not have it written twice.
            self.unanswered_pings += 1;
            self.last_ping = Instant::now();
        }
        let last_sent = self.last_sent;
        let frame_is_due = !self.liveness.heartbeat_is_off() && soon >= last_sent + self.limits.heartbeat;
        let _ = self
            .write(|out| {
                if frame_is_due {
                    encoder::text(frame::HEARTBEAT.as_bytes(), out);
                }
                if ping_is_due {
                    encoder::ping(out);
                }
            })
            .await;
        if !frame_is_due {
            // The client's script sees no pings: its heart-beat is still due.
            self.last_sent = last_sent;
        }
    }

    /// Writes what `append` encodes, after what a write that was cancelled has left.
    async fn write(&mut self, append: impl FnOnce(&mut Vec<u8>)) -> Result<(), Closed> {
        let stall_timeout = self.limits.stall_timeout;
        let written = async {
            if self.frames.waiting() > 0 {
                self.frames.flush(stall_timeout).await?;
            }
            self.frames.queue(append);
            self.frames.flush(stall_timeout).await
        };
        match written.await {
            Ok(()) => {
                self.last_sent = Instant::now();
                Ok(())
            }
            Err(_) => {
                self.stage = Stage::Over;
                Err(Closed)
            }
        }
    }
}

/// Encodes messages until that is enough to be written at once; false where one of them is too long, behind those before it.
fn encode(messages: &mut impl Iterator<Item = impl Borrow<Message>>, framed: bool, out: &mut Vec<u8>) -> bool {
    while out.len() < MAX_BATCH_BYTES
        && let Some(message) = messages.next()
    {
        let before = out.len();
        encoder::message(message.borrow(), framed, out);
        if out.len() - before > MAX_SENT_BYTES {
            out.truncate(before);
            return false;
        }
    }
    true
}

/// The next moment, from this one on, at which all timers with this step ring.
fn together(moment: Instant, step: Duration) -> Instant {
    static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let since = milliseconds(moment.saturating_duration_since(*BEGINNING));
    let step = milliseconds(step).max(1);
    moment + Duration::from_millis((step - since % step) % step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_ring_late_by_less_than_a_step_and_then_together() {
        let step = Duration::from_millis(250);
        // The first call of all begins the count.
        let began = together(Instant::now(), step) + step;
        let rings: Vec<Instant> = (0..1_000).map(|ms| together(began + Duration::from_millis(ms), step)).collect();
        for (ms, ring) in (0..).zip(&rings) {
            let moment = began + Duration::from_millis(ms);
            assert!(*ring >= moment && *ring < moment + step);
            assert_eq!(together(*ring, step), *ring, "a timer that is set to it stays as it is");
        }
        let mut different = rings;
        different.dedup();
        assert!(different.len() <= 5, "{different:?}");
        assert_eq!(together(began + step / 2, Duration::ZERO), began + step / 2);
    }

    #[test]
    fn what_a_connection_keeps_is_small() {
        assert!(size_of::<FrameStream<Upgraded>>() <= 256, "{}", size_of::<FrameStream<Upgraded>>());
        assert!(size_of::<WebSocket>() <= 448, "{}", size_of::<WebSocket>());
    }
}
