//! A session over HTTP: what waits for its client, who is reading, and when it is over. Requests come and go, the pipe
//! stays. It knows no HTTP and no framing.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::session::Closed;
use super::strings::Strings;
use super::{Options, Transport, frame};

/// How long a second receiving request waits for the first to be noticed as gone, before it is turned away.
const GRACE: Duration = Duration::from_millis(100);

/// Bytes a second at which the slowest client is taken to receive: half of what 128 kbit/s are. What was answered is still
/// on its way when it has been handed over, and no receiving request is to be expected before it is there; the system
/// does not say when, and what it says of a proxy in between says nothing of the client.
const SLOWEST_BYTES_PER_SECOND: u64 = 8 * 1024;

/// Messages that one request delivered, and the room that they take until they are read.
pub(super) type Delivery = (Strings, OwnedSemaphorePermit);

/// One session.
pub(super) struct Pipe {
    pub(super) transport: Transport,
    pub(super) owner: OnceLock<i64>,
    heartbeat: Duration,
    disconnect_delay: Duration,
    stall: Duration,
    queue_limit: usize,
    inbox_limit: usize,
    silent: AtomicBool,
    state: Mutex<State>,
    /// Room for messages that were received and not yet read, in bytes.
    room: Arc<Semaphore>,
    /// There is something to receive, for the one who is reading.
    ready: Notify,
    /// Something was received, for the session that waits to send.
    taken: Notify,
    /// Somebody began or ceased to read.
    moved: Notify,
}

struct State {
    opened: bool,
    waiting: VecDeque<String>,
    bytes: usize,
    reading: bool,
    /// When somebody last began or ceased to read, or the session ended; later, where what was taken is on its way then.
    since: Instant,
    /// When the slowest client has all that was taken.
    arrived: Instant,
    /// When something waiting was last taken, or began to wait.
    progress: Instant,
    /// Bounded by `room`. Gone once the session is over.
    inbox: Option<mpsc::UnboundedSender<Delivery>>,
    /// The closing frame, once the session is over.
    ended: Option<String>,
}

/// What a reader is to show its client.
pub(super) enum Taken {
    Open,
    Heartbeat,
    /// Messages, each quoted.
    Messages(Vec<String>),
    /// The closing frame.
    Closed(String),
}

impl Pipe {
    pub(super) fn new(transport: Transport, options: &Options) -> (Arc<Self>, mpsc::UnboundedReceiver<Delivery>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let now = Instant::now();
        let inbox_limit = options.message_limit.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        let pipe = Self {
            transport,
            owner: OnceLock::new(),
            heartbeat: options.heartbeat,
            disconnect_delay: options.disconnect_delay,
            stall: options.stall,
            queue_limit: options.queue_limit,
            inbox_limit,
            silent: AtomicBool::new(false),
            state: Mutex::new(State {
                opened: false,
                waiting: VecDeque::new(),
                bytes: 0,
                reading: false,
                since: now,
                arrived: now,
                progress: now,
                inbox: Some(sender),
                ended: None,
            }),
            room: Arc::new(Semaphore::new(inbox_limit)),
            ready: Notify::new(),
            taken: Notify::new(),
            moved: Notify::new(),
        };
        (Arc::new(pipe), receiver)
    }

    /// Hands what a client sent to the session, once there is room for that many bytes.
    pub(super) async fn deliver(&self, strings: Strings, bytes: usize) -> Result<(), Closed> {
        let bytes = u32::try_from(bytes.clamp(1, self.inbox_limit)).map_err(|_| Closed)?;
        let permit = self.room.clone().acquire_many_owned(bytes).await.map_err(|_| Closed)?;
        let inbox = lock(&self.state).inbox.clone().ok_or(Closed)?;
        inbox.send((strings, permit)).map_err(|_| Closed)
    }

    /// Lets messages wait for the client; waits itself while there is no room for them.
    pub(super) async fn send(&self, text: &str) -> Result<(), Closed> {
        let mut quoted = Some(frame::quote(text));
        loop {
            let taken = self.taken.notified();
            let stalled = {
                let mut state = lock(&self.state);
                if state.ended.is_some() {
                    return Err(Closed);
                }
                if state.waiting.is_empty() {
                    state.progress = Instant::now();
                }
                if state.waiting.is_empty() || state.bytes < self.queue_limit {
                    let quoted = quoted.take().unwrap_or_default();
                    state.bytes += quoted.len();
                    state.waiting.push_back(quoted);
                    self.ready.notify_one();
                    return Ok(());
                }
                state.progress + self.stall
            };
            tokio::select! {
                () = taken => (),
                () = sleep_until(stalled) => {
                    if lock(&self.state).progress + self.stall <= Instant::now() {
                        self.end(4500, "Slow consumer");
                    }
                }
            }
        }
    }

    /// How long something has waited without anything being taken.
    pub(super) fn stalled(&self) -> Duration {
        let state = lock(&self.state);
        if state.waiting.is_empty() { Duration::ZERO } else { state.progress.elapsed() }
    }

    /// No more heart-beats.
    pub(super) fn silence(&self) {
        self.silent.store(true, Ordering::Relaxed);
        self.ready.notify_one();
    }

    /// The session is over, unless it was already. What waits may still be received.
    pub(super) fn end(&self, code: u16, reason: &str) {
        let mut state = lock(&self.state);
        if state.ended.is_none() {
            state.ended = Some(frame::close(code, reason));
            state.since = state.arrived.max(Instant::now());
            state.inbox = None;
            self.room.close();
            self.ready.notify_one();
            self.taken.notify_waiters();
            self.moved.notify_waiters();
        }
    }

    /// Becomes the one who reads. `None` if somebody else is, even after a moment.
    pub(super) async fn read(self: Arc<Self>) -> Option<Reader> {
        let deadline = Instant::now() + GRACE;
        loop {
            let moved = self.moved.notified();
            {
                let mut state = lock(&self.state);
                if !state.reading {
                    state.reading = true;
                    state.since = Instant::now();
                    self.moved.notify_waiters();
                    break;
                }
            }
            timeout(deadline.saturating_duration_since(Instant::now()), moved).await.ok()?;
        }
        Some(Reader { pipe: self, released: false })
    }

    /// Waits until nobody has read for as long as a session may be left alone; one that is over is not waited for longer
    /// than that, since a client that takes nothing would seem to read for ever.
    pub(super) async fn abandoned(&self) {
        loop {
            let moved = self.moved.notified();
            let left = {
                let state = lock(&self.state);
                (!state.reading || state.ended.is_some()).then(|| state.since + self.disconnect_delay)
            };
            match left {
                Some(until) if until <= Instant::now() => return,
                Some(until) => drop(tokio::time::timeout_at(until, moved).await),
                None => moved.await,
            }
        }
    }
}

/// The one who reads from a session. If it is dropped before it is released, its client has gone away in the middle,
/// and nobody knows what it has seen: the session is over.
pub(super) struct Reader {
    pipe: Arc<Pipe>,
    released: bool,
}

impl Reader {
    /// The next thing to show, waiting for it. All waiting messages at once, or else one.
    pub(super) async fn next(&self, all: bool) -> Taken {
        loop {
            if let Some(taken) = self.pipe.take(all) {
                return taken;
            }
            if self.pipe.silent.load(Ordering::Relaxed) {
                self.pipe.ready.notified().await;
                continue;
            }
            tokio::select! {
                () = self.pipe.ready.notified() => (),
                () = sleep(self.pipe.heartbeat) => return Taken::Heartbeat,
            }
        }
    }

    /// Lets the next request read.
    pub(super) fn release(&mut self) {
        if !self.released {
            self.released = true;
            self.pipe.leave();
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if !self.released {
            self.pipe.end(1002, "Connection interrupted");
            self.pipe.leave();
        }
    }
}

impl Pipe {
    fn take(&self, all: bool) -> Option<Taken> {
        let mut state = lock(&self.state);
        if !state.opened {
            state.opened = true;
            return Some(Taken::Open);
        }
        let most = if all { state.waiting.len() } else { state.waiting.len().min(1) };
        if most == 0 {
            return state.ended.clone().map(Taken::Closed);
        }
        let messages: Vec<String> = state.waiting.drain(..most).collect();
        let (bytes, now) = (messages.iter().map(String::len).sum::<usize>(), Instant::now());
        state.bytes -= bytes;
        state.progress = now;
        let takes = Duration::from_millis(bytes as u64 * 1000 / SLOWEST_BYTES_PER_SECOND);
        state.arrived = state.arrived.max(now) + takes;
        self.taken.notify_waiters();
        Some(Taken::Messages(messages))
    }

    fn leave(&self) {
        let mut state = lock(&self.state);
        state.reading = false;
        state.since = state.arrived.max(Instant::now());
        self.moved.notify_waiters();
    }
}

/// A panic elsewhere leaves nothing half done in these short sections.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
