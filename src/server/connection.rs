//! An open connection as HTTP has it, over TLS or without: the clock that looks at a peer whose request does not come, and
//! how much a peer may say of whom it is not known who it is.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::heads::{HeadClock, UnderWay};
use super::slots::SlotOwner;
use super::socket::Socket;
use super::streams::Streams;
use crate::http::peer::MAX_STRANGER_BYTES;

/// The first bytes of a peer that speaks HTTP/2.
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection goes over.
pub(super) enum Transport {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

/// A connection to its end.
pub(super) struct Connection {
    transport: Transport,
    greeting: Option<Greeting>,
    /// None on a connection that has become a socket, or speaks HTTP/2.
    head: Option<HeadClock>,
    owner: Arc<SlotOwner>,
    /// Bytes that came over a socket of which it was not known whose it is.
    anonymous_bytes: usize,
    streams: Arc<Streams>,
}

/// What the peer has said of its first bytes, which tell what HTTP it speaks.
struct Greeting {
    said: usize,
    is_http2: bool,
}

impl Connection {
    /// A connection of this owner, whose first head may come `HEAD_TIMEOUT` from now.
    pub fn new(transport: Transport, owner: Arc<SlotOwner>, under_way: UnderWay, streams: Arc<Streams>) -> Self {
        Self {
            transport,
            greeting: Some(Greeting { said: 0, is_http2: true }),
            head: Some(HeadClock::new(under_way)),
            owner,
            anonymous_bytes: 0,
            streams,
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
        let polled = match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(task, into),
            Transport::Tls(stream) => Pin::new(stream).poll_read(task, into),
        };
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
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(task, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write(task, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(task),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(task),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(task),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(task),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write_vectored(task, slices),
            Transport::Tls(stream) => Pin::new(stream).poll_write_vectored(task, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
