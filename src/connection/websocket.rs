//! A WebSocket as a wire: small buffers, bounded messages, and the close codes of what it refuses.

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use bytes::Bytes;
use futures_util::SinkExt;

use super::{Frame, Gone, Goodbye, Received, Wire};

/// Bytes of one message, at most (contract §5).
pub const LARGEST: usize = 256 * 1024;
/// The library's default of 128 KiB is allocated for each connection and stays.
const READ_BUFFER: usize = 4 * 1024;
const WRITE_BUFFER: usize = 16 * 1024;
/// What a peer that takes nothing can make the server keep.
const WRITE_LIMIT: usize = 4 * 1024 * 1024;

/// An upgrade with the limits of this server.
pub fn limited<F>(upgrade: WebSocketUpgrade<F>) -> WebSocketUpgrade<F> {
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(WRITE_LIMIT)
        .max_message_size(LARGEST)
        .max_frame_size(LARGEST)
}

impl Wire for WebSocket {
    async fn receive(&mut self) -> Option<Received> {
        Some(match self.recv().await? {
            Ok(Message::Text(text)) => Received::Text(text.into()),
            Ok(Message::Binary(bytes)) => Received::Binary(bytes),
            Ok(Message::Ping(_) | Message::Pong(_)) => Received::Alive,
            Ok(Message::Close(_)) => {
                // The library has made the answer; without it the peer would take this for a lost connection.
                let _gone = self.flush().await;
                return None;
            }
            Err(cause) => Received::Refused(refusal(&cause.to_string())?),
        })
    }

    async fn send(&mut self, frames: &[Frame]) -> Result<(), Gone> {
        for frame in frames {
            self.feed(message(frame)).await.map_err(|_| Gone)?;
        }
        self.flush().await.map_err(|_| Gone)
    }

    async fn close(mut self, goodbye: Goodbye) {
        let reason = Utf8Bytes::from(goodbye.reason.as_ref());
        if SinkExt::send(&mut self, Message::Close(Some(CloseFrame { code: goodbye.code, reason }))).await.is_ok() {
            // The peer's own close frame ends the handshake; whatever else it still says is not heard.
            while let Some(Ok(_)) = self.recv().await {}
        }
    }
}

fn message(frame: &Frame) -> Message {
    match frame {
        Frame::Text(text) => match Utf8Bytes::try_from(text.clone()) {
            Ok(text) => Message::Text(text),
            Err(_) => Message::Binary(text.clone()),
        },
        Frame::Binary(bytes) => Message::Binary(bytes.clone()),
        Frame::Ping => Message::Ping(Bytes::new()),
    }
}

/// The close code of what the library refused, if the peer is still there to read it.
fn refusal(text: &str) -> Option<Goodbye> {
    let text = text.to_lowercase();
    if text.contains("too long") || text.contains("too big") {
        Some(Goodbye::new(1009, "The message is too large"))
    } else if text.contains("utf-8") {
        Some(Goodbye::new(1007, "The text is not UTF-8"))
    } else if text.contains("protocol") {
        Some(Goodbye::new(1002, "The frame is malformed"))
    } else {
        None
    }
}
