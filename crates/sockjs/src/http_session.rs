//! A session over HTTP: what waits for its client, which request receives, and when the session is over. Requests come
//! and go, the session stays. It knows neither requests nor responses.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::message_array::MessageArray;
use super::{Closed, Options, Transport, frame};

/// How long a second receiving request waits for the first to be noticed as gone, before it is turned away.
const TAKEOVER_TIMEOUT: Duration = Duration::from_millis(100);

/// Bytes a second at which the slowest client is taken to receive: half of what 128 kbit/s are. What was answered is still
/// on its way when it has been handed over, and no receiving request is to be expected before it is there; the system
/// does not say when, and what it says of a proxy in between says nothing of the client.
const SLOWEST_BYTES_PER_SECOND: u64 = 8 * 1024;

/// Messages that one request brought, and the room that they take until they are read.
pub(super) type Delivery = (MessageArray, OwnedSemaphorePermit);

/// One session.
pub(super) struct HttpSession {
    pub(super) transport: Transport,
    owner: OnceLock<i64>,
    heartbeat: Duration,
    disconnect_delay: Duration,
    stall_timeout: Duration,
    queue_limit: usize,
    inbox_limit: usize,
    heartbeat_is_off: AtomicBool,
    state: Mutex<State>,
    /// Room for messages that were received and not yet read, in bytes.
    room: Arc<Semaphore>,
    /// Wakes the request that receives: something waits for it.
    ready: Notify,
    /// Wakes a sender that waits for room: something was taken.
    taken: Notify,
    /// Wakes whoever watches the receivers: a request began or ceased to receive.
    receiver_changed: Notify,
}

struct State {
    /// Whether the client was told that the session is open.
    is_opened: bool,
    /// Messages for the client, quoted.
    waiting: VecDeque<String>,
    waiting_bytes: usize,
    has_receiver: bool,
    /// When a request last began or ceased to receive, or the session ended; later, where what was taken is on its way
    /// then.
    idle_since: Instant,
    /// When the slowest client has all that was taken.
    arrives_at: Instant,
    /// When something that waited was last taken, or began to wait.
    last_progress: Instant,
    /// Bounded by `room`. Gone once the session is over.
    inbox: Option<mpsc::UnboundedSender<Delivery>>,
    /// The closing frame, once the session is over.
    closing_frame: Option<String>,
}

/// What a receiving request is to show its client.
pub(super) enum Output {
    Open,
    Heartbeat,
    /// Messages, each quoted.
    Messages(Vec<String>),
    /// The closing frame of a session that is over.
    Closed(String),
}

impl HttpSession {
    /// A session, and the messages of its client.
    pub(super) fn new(transport: Transport, options: &Options) -> (Arc<Self>, mpsc::UnboundedReceiver<Delivery>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let now = Instant::now();
        let inbox_limit = options.message_limit.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        let session = Self {
            transport,
            owner: OnceLock::new(),
            heartbeat: options.heartbeat,
            disconnect_delay: options.disconnect_delay,
            stall_timeout: options.stall_timeout,
            queue_limit: options.queue_limit,
            inbox_limit,
            heartbeat_is_off: AtomicBool::new(false),
            state: Mutex::new(State {
                is_opened: false,
                waiting: VecDeque::new(),
                waiting_bytes: 0,
                has_receiver: false,
                idle_since: now,
                arrives_at: now,
                last_progress: now,
                inbox: Some(sender),
                closing_frame: None,
            }),
            room: Arc::new(Semaphore::new(inbox_limit)),
            ready: Notify::new(),
            taken: Notify::new(),
            receiver_changed: Notify::new(),
        };
        (Arc::new(session), receiver)
    }

    /// The user whose session it is, if it was claimed.
    pub(super) fn owner(&self) -> Option<i64> {
        self.owner.get().copied()
    }

    /// Makes a user the owner, unless there is one.
    pub(super) fn claim(&self, user: i64) {
        self.owner.get_or_init(|| user);
    }

    /// Hands what the client sent to the application, once there is room for that many bytes.
    pub(super) async fn deliver(&self, messages: MessageArray, bytes: usize) -> Result<(), Closed> {
        let bytes = u32::try_from(bytes.clamp(1, self.inbox_limit)).map_err(|_| Closed)?;
        let permit = self.room.clone().acquire_many_owned(bytes).await.map_err(|_| Closed)?;
        let inbox = lock(&self.state).inbox.clone().ok_or(Closed)?;
        inbox.send((messages, permit)).map_err(|_| Closed)
    }

    /// Queues a message for the client, and waits while there is no room for it.
    pub(super) async fn send(&self, text: &str) -> Result<(), Closed> {
        let mut quoted = Some(frame::quote(text));
        loop {
            let taken = self.taken.notified();
            let stalled_at = {
                let mut state = lock(&self.state);
                if state.closing_frame.is_some() {
                    return Err(Closed);
                }
                if state.waiting.is_empty() {
                    state.last_progress = Instant::now();
                }
                if state.waiting.is_empty() || state.waiting_bytes < self.queue_limit {
                    let quoted = quoted.take().unwrap_or_default();
                    state.waiting_bytes += quoted.len();
                    state.waiting.push_back(quoted);
                    self.ready.notify_one();
                    return Ok(());
                }
                state.last_progress + self.stall_timeout
            };
            tokio::select! {
                () = taken => (),
                () = sleep_until(stalled_at) => {
                    if lock(&self.state).last_progress + self.stall_timeout <= Instant::now() {
                        self.end(4500, "Slow consumer");
                    }
                }
            }
        }
    }

    /// How long messages have waited without any of them being taken.
    pub(super) fn stalled(&self) -> Duration {
        let state = lock(&self.state);
        if state.waiting.is_empty() { Duration::ZERO } else { state.last_progress.elapsed() }
    }

    /// Ends the heart-beat frames.
    pub(super) fn stop_heartbeat(&self) {
        self.heartbeat_is_off.store(true, Ordering::Relaxed);
        self.ready.notify_one();
    }

    /// Ends the session, unless it is over. What waits may still be received.
    pub(super) fn end(&self, code: u16, reason: &str) {
        let mut state = lock(&self.state);
        if state.closing_frame.is_none() {
            state.closing_frame = Some(frame::close(code, reason));
            state.idle_since = state.arrives_at.max(Instant::now());
            state.inbox = None;
            self.room.close();
            self.ready.notify_one();
            self.taken.notify_waiters();
            self.receiver_changed.notify_waiters();
        }
    }

    /// Makes a request the one that receives. `None` if another request is, even after a moment.
    pub(super) async fn receiver(self: Arc<Self>) -> Option<Receiver> {
        let deadline = Instant::now() + TAKEOVER_TIMEOUT;
        loop {
            let changed = self.receiver_changed.notified();
            {
                let mut state = lock(&self.state);
                if !state.has_receiver {
                    state.has_receiver = true;
                    state.idle_since = Instant::now();
                    self.receiver_changed.notify_waiters();
                    break;
                }
            }
            timeout(deadline.saturating_duration_since(Instant::now()), changed).await.ok()?;
        }
        Some(Receiver { session: self, is_released: false })
    }

    /// Waits until no request has received for [`Options::disconnect_delay`]. A session that is over is not waited for
    /// longer than that, since a client that takes nothing would seem to receive for ever.
    pub(super) async fn abandoned(&self) {
        loop {
            let changed = self.receiver_changed.notified();
            let deadline = {
                let state = lock(&self.state);
                let is_idle = !state.has_receiver || state.closing_frame.is_some();
                is_idle.then(|| state.idle_since + self.disconnect_delay)
            };
            match deadline {
                Some(until) if until <= Instant::now() => return,
                Some(until) => drop(timeout_at(until, changed).await),
                None => changed.await,
            }
        }
    }
}

/// The request that receives. If it is dropped before it is released, its client has gone away in the middle, and
/// nobody knows what the client has seen: the session is over.
pub(super) struct Receiver {
    session: Arc<HttpSession>,
    is_released: bool,
}

impl Receiver {
    /// Waits for the next output: all messages that wait at once, or one of them.
    pub(super) async fn next(&self, all: bool) -> Output {
        loop {
            if let Some(output) = self.session.take(all) {
                return output;
            }
            if self.session.heartbeat_is_off.load(Ordering::Relaxed) {
                self.session.ready.notified().await;
                continue;
            }
            tokio::select! {
                () = self.session.ready.notified() => (),
                () = sleep(self.session.heartbeat) => return Output::Heartbeat,
            }
        }
    }

    /// Lets the next request receive.
    pub(super) fn release(&mut self) {
        if !self.is_released {
            self.is_released = true;
            self.session.receiver_left();
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if !self.is_released {
            self.session.end(1002, "Connection interrupted");
            self.session.receiver_left();
        }
    }
}

impl HttpSession {
    fn take(&self, all: bool) -> Option<Output> {
        let mut state = lock(&self.state);
        if !state.is_opened {
            state.is_opened = true;
            return Some(Output::Open);
        }
        let count = if all { state.waiting.len() } else { state.waiting.len().min(1) };
        if count == 0 {
            return state.closing_frame.clone().map(Output::Closed);
        }
        let messages: Vec<String> = state.waiting.drain(..count).collect();
        let (bytes, now) = (messages.iter().map(String::len).sum::<usize>(), Instant::now());
        state.waiting_bytes -= bytes;
        state.last_progress = now;
        let transfer = Duration::from_millis(bytes as u64 * 1000 / SLOWEST_BYTES_PER_SECOND);
        state.arrives_at = state.arrives_at.max(now) + transfer;
        self.taken.notify_waiters();
        Some(Output::Messages(messages))
    }

    fn receiver_left(&self) {
        let mut state = lock(&self.state);
        state.has_receiver = false;
        state.idle_since = state.arrives_at.max(Instant::now());
        self.receiver_changed.notify_waiters();
    }
}

/// Locks, whatever became of other holders: a panic leaves nothing half done in these short sections.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
