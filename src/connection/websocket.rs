//! WebSockets, and sessions of SockJS, as wires. Pings, limits, floods and close codes are those of the library `sockjs`,
//! the same for every door.

use std::task::{Context, Poll};

use axum::response::Response;
use sockjs::{Options, Session, WebSocketUpgrade};

use super::{Gone, Goodbye, Message, Wire};

/// The limits and deadlines of every WebSocket of this server: the defaults of the library (protocol §5), without a stall
/// timer of its own. The server itself ends a connection whose peer takes nothing (protocol §8.8).
pub fn options() -> Options {
    Options { websocket_stall_timeout: None, ..Options::default() }
}

/// Accepts a WebSocket and hands it to `handler`.
pub fn accept<H, F>(upgrade: WebSocketUpgrade, handler: H) -> Response
where
    H: FnOnce(Session) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    sockjs::accept(upgrade, &options(), handler)
}

impl Wire for Session {
    async fn receive(&mut self) -> Option<Message> {
        Session::receive(self).await
    }

    /// Sockets, channels and timers know their task until they have woken it.
    fn wakes_when_dropped(&self) -> bool {
        self.is_open()
    }

    async fn send(&mut self, messages: impl ExactSizeIterator<Item = Message> + Send) -> Result<(), Gone> {
        Session::send(self, messages).await.map_err(|_| Gone)
    }

    fn poll_send(&mut self, task: &mut Context<'_>, messages: &mut Vec<Message>) -> Poll<Result<(), Gone>> {
        Session::poll_send(self, task, messages).map_err(|_| Gone)
    }

    async fn close(self, goodbye: Goodbye) {
        Session::close(self, goodbye.code, &goodbye.reason).await;
    }
}
