//! An open connection as every protocol has it: its slot among those of a node, the clock that looks at a peer whose
//! request does not come, and the one that looks at a peer which takes nothing (protocol §8.8).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::heads::{HeadClock, UnderWay};
use super::linger::linger;
use super::slots::{ConnectionSlot, SlotOwner};
use super::streams::Streams;
use crate::http::peer::MAX_STRANGER_BYTES;

/// The first bytes of a peer that speaks HTTP/2.
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection and its slot. The slot is given back when the socket is closed, whatever became of the connection:
/// WebSockets keep theirs.
pub(super) struct Connection {
    open: Option<(TcpStream, ConnectionSlot)>,
    greeting: Option<Greeting>,
    /// None on a connection that has become a socket, or speaks HTTP/2.
    head: Option<HeadClock>,
    owner: Arc<SlotOwner>,
    /// Bytes that came over a socket of which it was not known whose it is.
    anonymous_bytes: usize,
    streams: Arc<Streams>,
    stall_timeout: Duration,
    /// Runs while bytes wait that the peer does not take.
    stalled: Option<Pin<Box<Sleep>>>,
    has_timed_out: bool,
}

/// What the peer has said of its first bytes, which tell what HTTP it speaks.
struct Greeting {
    said: usize,
    is_http2: bool,
}

impl Connection {
    /// A connection whose peer may take nothing for `stall_timeout`.
    pub fn new(
        stream: TcpStream,
        slot: ConnectionSlot,
        under_way: UnderWay,
        streams: Arc<Streams>,
        stall_timeout: Duration,
    ) -> Self {
        Self {
            owner: slot.owner(),
            open: Some((stream, slot)),
            greeting: Some(Greeting { said: 0, is_http2: true }),
            head: Some(HeadClock::new(under_way)),
            anonymous_bytes: 0,
            streams,
            stall_timeout,
            stalled: None,
            has_timed_out: false,
        }
    }

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        let (stream, _) = self.open.as_mut().expect("only dropping takes the socket");
        Pin::new(stream)
    }

    /// Gives the connection up when its peer has taken nothing for too long. Whatever it takes starts the clock anew.
    fn check_stall<T>(&mut self, task: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stall_timeout = self.stall_timeout;
        let clock = self.stalled.get_or_insert_with(|| Box::pin(sleep(stall_timeout)));
        if clock.as_mut().poll(task).is_pending() {
            return Poll::Pending;
        }
        self.has_timed_out = true;
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes nothing")))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some((stream, slot)) = self.open.take() else { return };
        if self.has_timed_out {
            // What waits would stay with the system for minutes after the close.
            let _it_waits_then = stream.set_zero_linger();
            return;
        }
        // Without a runtime the process is at its end.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                linger(stream).await;
                drop(slot);
            });
        }
    }
}

impl Greeting {
    /// Looks at bytes that came; false once it is known what the peer speaks.
    fn on_bytes(&mut self, bytes: &[u8], streams: &Streams) -> bool {
        let expected = HTTP2_PREFACE.get(self.said..).unwrap_or_default();
        self.is_http2 &= bytes.iter().zip(expected).all(|(said, expected)| said == expected);
        self.said += bytes.len();
        if self.said < HTTP2_PREFACE.len() {
            return true;
        }
        if self.is_http2 {
            streams.begin_http2();
        }
        false
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, task: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = self.stream().poll_read(task, into);
        let this = &mut *self;
        if let Some(greeting) = &mut this.greeting
            && !greeting.on_bytes(&into.filled()[before..], &this.streams)
        {
            if greeting.is_http2 {
                this.head = None;
            }
            this.greeting = None;
        }
        if this.owner.is_socket() {
            this.head = None;
        }
        if let Some(head) = &mut this.head
            && head.poll_read(task, into.filled().len() - before, polled.is_pending()).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if this.owner.is_anonymous_socket() {
            this.anonymous_bytes += into.filled().len() - before;
            if this.anonymous_bytes > MAX_STRANGER_BYTES {
                let cause = "too long for a connection that has not said whose it is";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::FileTooLarge, cause)));
            }
        }
        polled
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.stream().poll_write(task, bytes);
        self.check_stall(task, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(task)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream().poll_write_vectored(task, slices);
        self.check_stall(task, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.open.as_ref().is_some_and(|(stream, _)| stream.is_write_vectored())
    }
}
