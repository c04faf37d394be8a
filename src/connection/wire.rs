//! What carries a connection: a WebSocket, a SockJS session made of requests, or a response that goes on.

use std::task::{Context, Poll};

use super::{Goodbye, Message};

/// What carries a connection. It keeps the connection alive by itself, with pings or otherwise.
pub trait Wire: Send {
    /// The next message of the client; `None` once the connection is over. Cancelling it loses nothing.
    fn receive(&mut self) -> impl Future<Output = Option<Message>> + Send;

    /// Whether a wait for a message that was dropped still wakes its task when one comes: then others may have the
    /// connection meanwhile.
    fn wakes_when_dropped(&self) -> bool {
        false
    }

    /// Writes all messages, after what waits to be written, and flushes.
    ///
    /// # Errors
    /// [`Gone`] once the client is. A client that takes nothing for a minute is gone, too (protocol §8.8): the server
    /// sees that where the bytes leave, and there alone.
    fn send(
        &mut self,
        messages: impl ExactSizeIterator<Item = Message> + Send,
    ) -> impl Future<Output = Result<(), Gone>> + Send;

    /// As [`Wire::send`], without waiting, where the carrier can do that: `Pending` where not all was written. What it has
    /// taken of `messages` is written by the next call of this or of [`Wire::send`], with further messages or with none.
    ///
    /// # Errors
    /// [`Gone`] once the client is.
    fn poll_send(&mut self, _task: &mut Context<'_>, _messages: &mut Vec<Message>) -> Poll<Result<(), Gone>> {
        Poll::Pending
    }

    /// Tells the client why the connection ends, and closes it.
    fn close(self, goodbye: Goodbye) -> impl Future<Output = ()> + Send;
}

/// The client is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;
