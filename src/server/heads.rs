//! The heads of requests on a connection of HTTP/1: when one has to be complete, and whom it says it is for.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::HOST;
use axum::http::{HeaderMap, Response, Version};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::error::{Error, Result};

/// How long a client may take for the head of a request, from its first byte; for the first one, since it connected.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The requests that are under way on a connection: from the end of their heads to the last bytes of their responses.
#[derive(Clone, Default)]
pub(super) struct UnderWay(Arc<Counts>);

#[derive(Default)]
struct Counts {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

/// One of them, until it is dropped.
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

impl OneUnderWay {
    /// Lets it end with the response.
    pub fn hold(self, response: Response<Body>) -> Response<Body> {
        response.map(|body| Body::new(HeldBody { body, _one: self }))
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

/// Whether a request says once for which host it is, as HTTP/1.1 asks it to (RFC 9112 §3.2). One that says it twice may be
/// meant for one host by whoever let it through, and for another one here.
///
/// # Errors
/// `BadRequest` for two `Host` headers, and for none in HTTP/1.1.
pub(super) fn check_host(version: Version, headers: &HeaderMap) -> Result<()> {
    match headers.get_all(HOST).iter().count() {
        1 => Ok(()),
        0 if version != Version::HTTP_11 => Ok(()),
        0 => Err(Error::bad_request("The header Host is missing")),
        _ => Err(Error::bad_request("The header Host stands there twice")),
    }
}

/// The body of a response whose request is under way.
struct HeldBody {
    body: Body,
    _one: OneUnderWay,
}

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(task)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
