//! The discipline of any long connection, whatever it speaks and whatever carries it: deadlines, pings, drain and
//! flush, a bound on how long a peer may take nothing, and goodbye on shutdown.

pub mod websocket;

use std::borrow::Cow;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::task::unconstrained;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// Something to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// UTF-8.
    Text(Bytes),
    Binary(Bytes),
    Ping,
}

impl Frame {
    /// Bytes that it carries.
    pub fn size(&self) -> usize {
        match self {
            Frame::Text(bytes) | Frame::Binary(bytes) => bytes.len(),
            Frame::Ping => 0,
        }
    }
}

/// Something that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    Text(Bytes),
    Binary(Bytes),
    /// A ping or a pong of the carrier itself: a sign of life.
    Alive,
    /// The carrier refuses what came, and the connection has to end so.
    Refused(Goodbye),
}

/// How a connection ends: a WebSocket close code and a reason of up to 123 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goodbye {
    pub code: u16,
    pub reason: Cow<'static, str>,
}

impl Goodbye {
    pub fn new(code: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { code, reason: reason.into() }
    }
}

/// What carries a connection: a WebSocket, or a session made of requests.
pub trait Wire: Send {
    /// Whether a silent peer has to be pinged; false where the carrier looks after that by itself.
    const PINGS: bool = true;

    /// The next thing that came; `None` once the peer is gone. Cancelling it loses nothing.
    fn receive(&mut self) -> impl Future<Output = Option<Received>> + Send;

    /// Writes all of it and flushes once.
    ///
    /// # Errors
    /// [`Gone`] once the peer is, or has taken nothing for a minute (contract §8.8): that is seen where the bytes leave.
    fn send(&mut self, frames: &[Frame]) -> impl Future<Output = Result<(), Gone>> + Send;

    /// Says goodbye and closes.
    fn close(self, goodbye: Goodbye) -> impl Future<Output = ()> + Send;
}

/// The peer has gone away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// What to do next.
#[derive(Debug)]
pub enum Turn {
    Go,
    /// Write what there is, then call [`Protocol::go_on`]: nothing is received and no news are waited for before.
    More,
    /// Write what there is, then end.
    End(Goodbye),
}

/// What a connection speaks.
pub trait Protocol: Send {
    /// Something to tell that came from elsewhere.
    type News: Send;

    /// Answers what came, in order.
    fn hear(&mut self, received: Received, out: &mut Vec<Frame>) -> impl Future<Output = Turn> + Send;

    /// Waits for news. Cancelling it loses none.
    fn listen(&mut self) -> impl Future<Output = Self::News> + Send;

    /// Tells the news.
    fn tell(&mut self, news: Self::News, out: &mut Vec<Frame>) -> impl Future<Output = Turn> + Send;

    /// Goes on with what was too much to be answered at once. See [`Turn::More`].
    fn go_on(&mut self, _out: &mut Vec<Frame>) -> impl Future<Output = Turn> + Send {
        std::future::ready(Turn::Go)
    }

    /// When [`Protocol::overdue`] has to be called next.
    fn deadline(&self) -> Instant;

    /// When the connection has to end, even if a slow peer has not taken yet what is being written: then
    /// [`Protocol::overdue`] ends it.
    fn ends(&self) -> Instant;

    /// The deadline has come. Something that has already arrived was heard before, unless there is more to go on with:
    /// nobody is silent only because nobody listened.
    fn overdue(&mut self, out: &mut Vec<Frame>) -> impl Future<Output = Turn> + Send;

    /// Frames were written, at this moment.
    fn written(&mut self, _at: Instant) {}

    /// The server is stopping.
    fn going_away(&mut self, out: &mut Vec<Frame>) -> Goodbye;
}

/// How often a peer is pinged, and how long it may be silent: two pings.
const PING: Duration = Duration::from_secs(25);
/// How long a goodbye may take: that long a slow peer outlives the end of its token.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);
/// Frames, and about as many bytes, between two flushes.
const TOGETHER: usize = 32;
const TOGETHER_BYTES: usize = 64 * 1024;

/// Frames, and bytes, after which the rest is answered and told later: what one message of a peer or one burst of news
/// asks for may be a thousand times as much.
const ENOUGH: usize = 256;
const ENOUGH_BYTES: usize = 256 * 1024;
/// How long news wait that cannot be told for want of the database.
pub const PAUSE: Duration = Duration::from_secs(1);

/// Whether so much is to be written that the rest has to wait until it is.
pub fn is_enough(out: &[Frame]) -> bool {
    out.len() >= ENOUGH || out.iter().map(Frame::size).sum::<usize>() >= ENOUGH_BYTES
}

/// Runs a connection to its end.
pub async fn run<W: Wire, P: Protocol>(mut wire: W, mut protocol: P, stopping: CancellationToken) {
    let mut out = Vec::new();
    let mut ping = interval(PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping.tick().await;
    let mut silent_pings = 0;
    let mut more = false;
    loop {
        let deadline = protocol.deadline();
        let mut turn = tokio::select! {
            received = wire.receive(), if !more => match received {
                None => return,
                Some(received) => {
                    silent_pings = 0;
                    hear(&mut protocol, received, &mut out).await
                }
            },
            news = protocol.listen(), if !more => protocol.tell(news, &mut out).await,
            () = std::future::ready(()), if more => {
                more = false;
                protocol.go_on(&mut out).await
            }
            () = sleep_until(deadline) => {
                // Writing to a slow peer may have taken longer than the deadline was away.
                let arrived = if more { None } else { unconstrained(wire.receive()).now_or_never() };
                match arrived {
                    Some(None) => return,
                    Some(Some(received)) => match hear(&mut protocol, received, &mut out).await {
                        Turn::Go => protocol.overdue(&mut out).await,
                        turn => turn,
                    },
                    None => protocol.overdue(&mut out).await,
                }
            }
            () = stopping.cancelled() => Turn::End(protocol.going_away(&mut out)),
            _ = ping.tick(), if W::PINGS => {
                silent_pings += 1;
                if silent_pings > 2 {
                    return;
                }
                out.push(Frame::Ping);
                Turn::Go
            }
        };
        more |= matches!(turn, Turn::More);
        if !out.is_empty() {
            let flushed = tokio::select! {
                biased;
                flushed = flush(&mut wire, &mut out) => flushed,
                // A slow peer may take minutes. Of what it has not taken it gets nothing more then but the goodbye.
                () = stopping.cancelled() => {
                    out.clear();
                    turn = ending(turn).unwrap_or_else(|| Turn::End(protocol.going_away(&mut out)));
                    Ok(())
                }
                () = sleep_until(protocol.ends()) => {
                    out.clear();
                    turn = match ending(turn) {
                        Some(ending) => ending,
                        None => protocol.overdue(&mut out).await,
                    };
                    Ok(())
                }
            };
            if flushed.is_err() {
                return;
            }
            protocol.written(Instant::now());
        }
        if let Turn::End(goodbye) = turn {
            let farewell = async {
                if flush(&mut wire, &mut out).await.is_ok() {
                    wire.close(goodbye).await;
                }
            };
            let _late = timeout(GOODBYE_TIMEOUT, farewell).await;
            return;
        }
    }
}

fn ending(turn: Turn) -> Option<Turn> {
    matches!(turn, Turn::End(_)).then_some(turn)
}

async fn hear<P: Protocol>(protocol: &mut P, received: Received, out: &mut Vec<Frame>) -> Turn {
    match received {
        Received::Refused(goodbye) => Turn::End(goodbye),
        received => protocol.hear(received, out).await,
    }
}

async fn flush<W: Wire>(wire: &mut W, out: &mut Vec<Frame>) -> Result<(), Gone> {
    let mut rest = out.as_slice();
    while !rest.is_empty() {
        let mut bytes = 0;
        let many = rest.iter().take(TOGETHER).take_while(|frame| {
            let fits = bytes < TOGETHER_BYTES;
            bytes += frame.size();
            fits
        });
        let (frames, later) = rest.split_at(many.count());
        wire.send(frames).await?;
        rest = later;
    }
    out.clear();
    // What a burst needed is not kept by a connection that is idle again.
    out.shrink_to(TOGETHER);
    Ok(())
}
