//! One way to the other nodes, kept open: frames go out of a bounded queue, what is heard is opened and handed on, and
//! whoever does not hear its own beats for a while knows that it is deaf.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Backplane, Listener, Speaker};
use crate::cluster::frame::{Frame, News, NodeId, Seal};
use crate::cluster::outgoing::Outgoing;
use crate::telemetry;

/// Without its own beat for so long a node does not hear (protocol §14).
pub const DEAF_AFTER: Duration = Duration::from_secs(3);
/// How long one step may take: connecting, and telling a frame.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const TELL_TIMEOUT: Duration = Duration::from_secs(1);
/// Pauses before it is connected again.
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// What was heard of other nodes.
#[derive(Debug)]
pub enum Heard {
    Frame(Frame),
    /// Something may have been missed.
    Gap,
}

/// One way to the other nodes.
pub struct Way {
    pub name: &'static str,
    pub max_frame_bytes: usize,
    outgoing: Outgoing,
    /// Whether this node hears itself.
    up: AtomicBool,
    /// How many frames this node had told with the last one that came back to it.
    came_back: AtomicU64,
    /// When it was connected, or heard its own beat last.
    heard_self: Mutex<Instant>,
    /// Whether frames were dropped that nobody took.
    overflowed: AtomicBool,
}

impl Way {
    pub fn of<B: Backplane>() -> Arc<Self> {
        Arc::new(Self {
            name: B::NAME,
            max_frame_bytes: B::MAX_FRAME_BYTES,
            outgoing: Outgoing::default(),
            up: AtomicBool::new(false),
            came_back: AtomicU64::new(0),
            heard_self: Mutex::new(Instant::now()),
            overflowed: AtomicBool::new(false),
        })
    }

    /// Whether this node hears itself by it.
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    /// Whether the frame of this number has come back, and so gone to everybody who listens.
    pub fn has_come_back(&self, number: u64) -> bool {
        self.came_back.load(Ordering::Acquire) > number
    }

    /// Puts a frame behind those that wait.
    pub fn push(&self, frame: String) {
        let dropped = self.outgoing.push(frame);
        if dropped > 0 {
            telemetry::frames_dropped(self.name, dropped);
        }
    }

    /// Carries frames until `stopping`. `opened` is called whenever it was connected. What is heard goes into `heard`, whose reader never has to be waited for: where it
    /// is full, a gap is told later.
    pub async fn run<B: Backplane>(
        self: Arc<Self>,
        backplane: B,
        me: NodeId,
        seal: Seal,
        heard: mpsc::Sender<Heard>,
        opened: impl Fn() + Send,
        stopping: CancellationToken,
    ) {
        let mut pause = MIN_PAUSE;
        while !stopping.is_cancelled() {
            let connected = stopping.run_until_cancelled(timeout(CONNECT_TIMEOUT, backplane.connect())).await;
            let cause = match connected {
                None => return,
                Some(Ok(Ok((speaker, listener)))) => {
                    pause = MIN_PAUSE;
                    self.outgoing.clear();
                    *self.heard_self.lock() = Instant::now();
                    self.hand_on(&heard, Heard::Gap);
                    opened();
                    let ended = async {
                        tokio::select! {
                            cause = self.tell_all(speaker) => cause,
                            cause = self.hear_all(listener, &me, &seal, &heard) => cause,
                            cause = self.notice_silence() => cause,
                        }
                    };
                    match stopping.run_until_cancelled(ended).await {
                        None => return,
                        Some(cause) => cause,
                    }
                }
                Some(Ok(Err(cause))) => cause,
                Some(Err(_)) => anyhow::anyhow!("it does not answer"),
            };
            self.is_down(&cause);
            sleep(pause + jitter(pause)).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    async fn tell_all(&self, mut speaker: impl Speaker) -> anyhow::Error {
        loop {
            let frame = self.outgoing.next().await;
            match timeout(TELL_TIMEOUT, speaker.tell(&frame)).await {
                Ok(Ok(())) => telemetry::frame_told(self.name),
                Ok(Err(cause)) => return cause,
                Err(_) => return anyhow::anyhow!("it takes no frame"),
            }
        }
    }

    async fn hear_all(
        &self,
        mut listener: impl Listener,
        me: &NodeId,
        seal: &Seal,
        heard: &mpsc::Sender<Heard>,
    ) -> anyhow::Error {
        loop {
            let text = match listener.next().await {
                Ok(text) => text,
                Err(cause) => return cause,
            };
            match seal.open(&text) {
                Ok(Frame { node, number, news, .. }) if node == *me => {
                    self.came_back.store(number + 1, Ordering::Release);
                    if matches!(news, News::Beat { .. }) {
                        *self.heard_self.lock() = Instant::now();
                        self.is_heard();
                    }
                }
                Ok(frame) => {
                    telemetry::frame_heard(self.name);
                    self.hand_on(heard, Heard::Frame(frame));
                }
                Err(why) => telemetry::frame_ignored(why.name()),
            }
        }
    }

    /// Ends when this node has not heard itself for too long.
    async fn notice_silence(&self) -> anyhow::Error {
        loop {
            let due = *self.heard_self.lock() + DEAF_AFTER;
            if due <= Instant::now() {
                return anyhow::anyhow!("this node does not hear itself");
            }
            tokio::time::sleep_until(due).await;
        }
    }

    /// Never waits: a driver that queues without bound is drained at once.
    fn hand_on(&self, heard: &mpsc::Sender<Heard>, what: Heard) {
        let after_a_gap = self.overflowed.load(Ordering::Acquire);
        if after_a_gap && heard.try_send(Heard::Gap).is_ok() {
            self.overflowed.store(false, Ordering::Release);
        }
        if heard.try_send(what).is_err() {
            self.overflowed.store(true, Ordering::Release);
        }
    }

    fn is_heard(&self) {
        if !self.up.swap(true, Ordering::AcqRel) {
            tracing::info!("nodes hear each other through {}", self.name);
            telemetry::backplane_up(self.name, true);
        }
    }

    fn is_down(&self, cause: &anyhow::Error) {
        if self.up.swap(false, Ordering::AcqRel) {
            tracing::warn!(%cause, "{} does not carry what nodes tell each other", self.name);
        } else {
            tracing::debug!(%cause, "{} is tried again", self.name);
        }
        telemetry::backplane_up(self.name, false);
    }
}

/// Up to half of a pause, so that nodes do not come back in step.
fn jitter(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(0);
    pause.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
}
