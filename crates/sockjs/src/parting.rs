//! How a WebSocket ends: with a code and a reason for a client that can still read, and without making it lose them.

use std::io::ErrorKind;
use std::time::Duration;

use hyper::rt::{Read, Write};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::decoder::{Event, Violation};
use super::stream::{FrameStream, ReadError};
use super::{close, encoder};

/// How long a close frame may wait to be written, and how long the client may take to answer it.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);

/// How far a WebSocket is on its way to its end.
pub(super) enum Stage {
    Open,
    /// A close frame with this payload has to be queued.
    Closing {
        payload: Vec<u8>,
        then: Then,
    },
    /// It is queued, and has to be written before this moment.
    Flushing {
        until: Instant,
        then: Then,
    },
    /// It is written. The client has until this moment to close as well.
    Leaving {
        until: Instant,
        then: Then,
    },
    Over,
}

/// What is waited for once a close frame is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The close frame of the client.
    Answer,
    /// The end of the connection: what the client sends cannot be read any more, but the client may still read.
    Silence,
    /// Nothing: the client was the first to close.
    Nothing,
}

impl Stage {
    /// Closes with a code and a reason, or the beginning of it that fits.
    pub(super) fn closing(code: u16, reason: &str) -> Self {
        Self::Closing { payload: close::payload(code, reason), then: Then::Answer }
    }

    /// Closes as the client has, with its code and reason.
    pub(super) fn answering(payload: Vec<u8>) -> Self {
        Self::Closing { payload, then: Then::Nothing }
    }

    /// Where an error of reading leads.
    pub(super) fn after(error: &ReadError) -> Self {
        let stage = match error {
            ReadError::Violation(Violation::TooLarge) => Stage::closing(1009, "The message is too large"),
            // A listener that counts bytes says so when a client has sent too many.
            ReadError::Io(cause) if is_too_long(cause) => Stage::closing(1009, "The message is too large"),
            ReadError::Violation(Violation::NotUtf8) => Stage::closing(1007, "The text is not UTF-8"),
            ReadError::Violation(Violation::Malformed) => Stage::closing(1002, "The frame is malformed"),
            ReadError::Io(_) => Self::Over,
        };
        match stage {
            Self::Closing { payload, .. } => Self::Closing { payload, then: Then::Silence },
            other => other,
        }
    }

    /// Sends the close frame that is due, and reads until the client has closed as well: the peer of a connection that
    /// is dropped with something unread may lose the close frame. It can be cancelled and begun anew.
    pub(super) async fn leave<Io: Read + Write + Unpin>(&mut self, frames: &mut FrameStream<Io>) {
        if let Self::Closing { payload, then } = self {
            frames.queue(|out| encoder::close(payload, out));
            *self = Self::Flushing { until: Instant::now() + LEAVE_TIMEOUT, then: *then };
        }
        if let Self::Flushing { until, then } = *self {
            let written = timeout_at(until, frames.flush(None)).await;
            let is_written = matches!(written, Ok(Ok(())));
            let until = Instant::now() + LEAVE_TIMEOUT;
            *self = if is_written && then != Then::Nothing { Self::Leaving { until, then } } else { Self::Over };
        }
        if let Self::Leaving { until, then } = *self {
            let _ = timeout_at(until, farewell(frames, until, then)).await;
        }
        *self = Self::Over;
    }
}

/// Waits for what is to come after a close frame.
async fn farewell<Io: Read + Write + Unpin>(frames: &mut FrameStream<Io>, until: Instant, then: Then) {
    if then == Then::Answer && is_answered(frames).await {
        return;
    }
    if frames.discard().await.is_err_and(|cause| is_too_long(&cause)) {
        // Nothing more is read of this client, but it may still read.
        sleep_until(until).await;
    }
}

/// Reads until the client has closed as well, or is gone; false where what it sends cannot be read.
async fn is_answered<Io: Read + Write + Unpin>(frames: &mut FrameStream<Io>) -> bool {
    loop {
        match frames.next().await {
            None | Some(Ok(Event::Close(_))) => return true,
            Some(Ok(_)) => {}
            Some(Err(error)) => return matches!(Stage::after(&error), Stage::Over),
        }
    }
}

fn is_too_long(cause: &std::io::Error) -> bool {
    cause.kind() == ErrorKind::FileTooLarge
}
