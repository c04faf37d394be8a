//! The streams of an HTTP/2 connection. Their bytes wait for the peer's leave, stream by stream, while the socket itself
//! moves: so each stream has a clock of its own, and the connection one that runs while there is no stream.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Response;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::rt::Executor;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

/// Bytes that are handed over at once: a slow peer's progress is seen in pieces of this size.
const PIECE_BYTES: usize = 16 * 1024;

tokio::task_local! {
    static PACE: Arc<Pace>;
}

/// The streams of one connection.
pub(super) struct Streams {
    state: Mutex<State>,
    /// Rings when that has changed, for the one who waits.
    changed: Notify,
    stall_timeout: Duration,
}

#[derive(Default)]
struct State {
    open: usize,
    /// Since when no stream is open; none on a connection that does not speak HTTP/2.
    idle_since: Option<Instant>,
}

/// Runs the streams of a connection, each on a task of its own.
#[derive(Clone)]
pub(super) struct StreamExecutor(pub Arc<Streams>);

/// Since when the peer has not taken a piece of a response that was handed over; none while there is no such piece.
#[derive(Default)]
struct Pace(Mutex<Option<Instant>>);

impl Streams {
    /// Streams whose peer may take nothing of them for `stall_timeout`.
    pub fn new(stall_timeout: Duration) -> Self {
        Self { state: Mutex::default(), changed: Notify::new(), stall_timeout }
    }

    /// The connection speaks HTTP/2.
    pub fn begin_http2(&self) {
        self.change(|state| state.idle_since = Some(Instant::now()));
    }

    /// Waits until an HTTP/2 connection has had no stream for so long; for ever on any other. One at a time waits.
    pub async fn idle_for(&self, time: Duration) {
        loop {
            let since = self.state.lock().idle_since;
            match since {
                Some(since) => tokio::select! {
                    () = sleep_until(since + time) => return,
                    () = self.changed.notified() => {}
                },
                None => self.changed.notified().await,
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.changed.notify_one();
    }

    fn open(self: &Arc<Self>) -> OpenStream {
        self.change(|state| *state = State { open: state.open + 1, idle_since: None });
        OpenStream(Arc::clone(self))
    }
}

/// A stream that is open.
struct OpenStream(Arc<Streams>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.change(|state| {
            state.open -= 1;
            state.idle_since = (state.open == 0).then(Instant::now);
        });
    }
}

impl<F> Executor<F> for StreamExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let open = self.0.open();
        let pace = Arc::<Pace>::default();
        let stall_timeout = self.0.stall_timeout;
        tokio::spawn(PACE.scope(Arc::clone(&pace), async move {
            let _open = open;
            // Dropping a stream resets it.
            until_stalled(stream, &pace, stall_timeout).await;
        }));
    }
}

/// Runs a stream to its end, or until its peer has taken nothing of the response for too long.
async fn until_stalled(stream: impl Future<Output = ()>, pace: &Pace, stall_timeout: Duration) {
    let (mut stream, mut clock) = (pin!(stream), pin!(sleep(stall_timeout)));
    std::future::poll_fn(|task| {
        if stream.as_mut().poll(task).is_ready() {
            return Poll::Ready(());
        }
        let Some(since) = pace.waiting_since() else { return Poll::Pending };
        if clock.deadline() != since + stall_timeout {
            clock.as_mut().reset(since + stall_timeout);
        }
        clock.as_mut().poll(task)
    })
    .await;
}

impl Pace {
    fn waiting_since(&self) -> Option<Instant> {
        *self.0.lock()
    }

    fn set(&self, waiting_since: Option<Instant>) {
        *self.0.lock() = waiting_since;
    }
}

/// Lets the clock of the stream see how its response is taken. Without effect outside of HTTP/2.
pub(super) fn paced(response: Response<Body>) -> Response<Body> {
    match PACE.try_with(Arc::clone) {
        Ok(pace) => response.map(|body| Body::new(PacedBody { body, rest: Bytes::new(), pace })),
        Err(_) => response,
    }
}

/// A body in small pieces, each of which is asked for when there is leave to send the one before.
struct PacedBody {
    body: Body,
    rest: Bytes,
    pace: Arc<Pace>,
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.pace.set(None);
        let polled = if self.rest.is_empty() {
            Pin::new(&mut self.body).poll_frame(task)
        } else {
            Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.rest)))))
        };
        let polled = polled.map_ok(|frame| {
            frame.map_data(|mut data| {
                self.rest = data.split_off(data.len().min(PIECE_BYTES));
                data
            })
        });
        if polled.is_ready() {
            self.pace.set(Some(Instant::now()));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}
