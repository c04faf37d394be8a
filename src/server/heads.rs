//! The heads of requests on a connection of HTTP/1: when one has to be complete, and whether
//! it is well formed.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::header::{HOST, SEC_WEBSOCKET_KEY};
use axum::http::{HeaderMap, HeaderValue, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::{Sleep, sleep};

use crate::error::{Error, Result};

/// How long a client may take for the head of a request, from its first byte; for the first one, since it connected.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of the key of a WebSocket handshake.
const KEY_BYTES: usize = 16;

/// The requests that are under way on a connection: from the end of their heads to the last bytes of their responses.
#[derive(Clone, Default)]
pub(super) struct UnderWay(Arc<Counts>);

#[derive(Default)]
struct Counts {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

/// One of them, until it is dropped: with the last bytes of its response.
pub(super) struct OneUnderWay(UnderWay);

impl UnderWay {
    pub fn begin(&self) -> OneUnderWay {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        OneUnderWay(self.clone())
    }

    fn begun(&self) -> usize {
        self.0.begun.load(Ordering::Relaxed)
    }

    fn is_none(&self) -> bool {
        self.begun() == self.0.ended.load(Ordering::Relaxed)
    }
}

impl Drop for OneUnderWay {
    fn drop(&mut self) {
        self.0.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs while a head is on its way.
pub(super) struct HeadClock {
    under_way: UnderWay,
    /// How many heads had come when the clock was looked at last.
    come: usize,
    clock: Option<Pin<Box<Sleep>>>,
}

impl HeadClock {
    /// Runs from now on, until the first head has come.
    pub fn new(under_way: UnderWay) -> Self {
        Self { under_way, come: 0, clock: Some(Box::pin(sleep(HEAD_TIMEOUT))) }
    }

    /// Looks at the clock where the connection was read; ready when a head takes too long.
    pub fn poll_read(&mut self, task: &mut Context<'_>, bytes: usize, is_pending: bool) -> Poll<()> {
        let come = self.under_way.begun();
        if come != self.come {
            (self.come, self.clock) = (come, None);
        }
        // What comes while a request is under way is its body.
        if bytes > 0 && self.clock.is_none() && self.under_way.is_none() {
            self.clock = Some(Box::pin(sleep(HEAD_TIMEOUT)));
        }
        match &mut self.clock {
            Some(clock) if is_pending => clock.as_mut().poll(task),
            _ => Poll::Pending,
        }
    }
}

/// Whether the head of a request is one that every reader understands in the same way. It says once for which host it is, as
/// HTTP/1.1 asks it to (RFC 9112 §3.2): one that says it twice may be meant for one host by whoever let it through, and for
/// another one here. The key of a WebSocket handshake is the base64 of 16 bytes (RFC 6455 §4.2.1).
///
/// # Errors
/// `BadRequest` for two `Host` headers, for none in HTTP/1.1, and for another key.
pub(super) fn check(version: Version, headers: &HeaderMap) -> Result<()> {
    match headers.get_all(HOST).iter().count() {
        1 => {}
        0 if version != Version::HTTP_11 => {}
        0 => return Err(Error::bad_request("The header Host is missing")),
        _ => return Err(Error::bad_request("The header Host stands there twice")),
    }
    let is_key = |key: &HeaderValue| STANDARD.decode(key.as_bytes()).is_ok_and(|bytes| bytes.len() == KEY_BYTES);
    match headers.get_all(SEC_WEBSOCKET_KEY).iter().all(is_key) {
        true => Ok(()),
        false => Err(Error::bad_request("The WebSocket handshake is malformed")),
    }
}
