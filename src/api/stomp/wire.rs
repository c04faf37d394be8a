//! A SockJS session, or a WebSocket without its framing, as a wire for [`crate::connection`].

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::connection::{Frame, Gone, Goodbye, Received, Wire};
use sockjs::{Message, Session};

/// What the session of STOMP has found out that its carrier has to know.
#[derive(Default)]
pub(super) struct Agreed {
    /// Whose it is; requests of others are turned away from then on.
    pub user: OnceLock<i64>,
    /// Whether STOMP beats: the carrier's own beats stop.
    pub beats: AtomicBool,
}

pub(super) struct StompWire {
    session: Session,
    agreed: Arc<Agreed>,
    told: bool,
}

impl StompWire {
    pub fn new(session: Session, agreed: Arc<Agreed>) -> Self {
        Self { session, agreed, told: false }
    }

    fn tell_carrier(&mut self) {
        let Some(user) = self.agreed.user.get().filter(|_| !self.told) else { return };
        self.session.claim(*user);
        if self.agreed.beats.load(Ordering::Acquire) {
            self.session.stop_heartbeat();
        }
        self.told = true;
    }
}

impl Wire for StompWire {
    /// SockJS pings WebSockets and watches requests itself.
    const PINGS: bool = false;

    async fn receive(&mut self) -> Option<Received> {
        Some(match self.session.receive().await? {
            Message::Text(text) => Received::Text(text.into()),
            Message::Binary(bytes) => Received::Binary(bytes),
        })
    }

    async fn send(&mut self, frames: &[Frame]) -> Result<(), Gone> {
        self.tell_carrier();
        let messages = frames.iter().filter_map(|frame| match frame {
            Frame::Text(text) => Some(Message::text(text.clone())),
            Frame::Binary(bytes) => Some(Message::Binary(bytes.clone())),
            Frame::Ping => None,
        });
        self.session.send(messages.collect()).await.map_err(|_| Gone)
    }

    async fn close(self, goodbye: Goodbye) {
        self.session.close(goodbye.code, &goodbye.reason).await;
    }
}
