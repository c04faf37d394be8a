//! The socket of a connection: its slot among those of a node, the clock that looks at a peer which takes nothing
//! (protocol §8.8), and an end that cuts nobody off. It knows nothing of what is said over it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::linger::linger;
use super::slots::ConnectionSlot;

/// A socket and its slot. The slot is given back when the socket is closed, whatever became of the connection:
/// WebSockets keep theirs.
pub(super) struct Socket {
    open: Option<(TcpStream, ConnectionSlot)>,
    stall_timeout: Duration,
    /// Runs while bytes wait that the peer does not take.
    stalled: Option<Pin<Box<Sleep>>>,
    has_timed_out: bool,
}

impl Socket {
    /// A socket whose peer may take nothing for `stall_timeout`.
    pub fn new(stream: TcpStream, slot: ConnectionSlot, stall_timeout: Duration) -> Self {
        Self { open: Some((stream, slot)), stall_timeout, stalled: None, has_timed_out: false }
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

impl Drop for Socket {
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

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, task: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_read(task, into)
    }
}

impl AsyncWrite for Socket {
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
