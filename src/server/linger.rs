//! A connection that is closed without being cut off. A socket that is closed while its peer still sends is reset by the
//! system, and a reset takes from the peer what was answered last: a refusal, or the close frame that says why.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONNECTION, EXPECT};
use axum::http::{HeaderValue, Request, Response, Version};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use parking_lot::{Mutex, MutexGuard};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a peer that says nothing more, and one that never stops, is waited for.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(1);
const LINGER_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a body that are read although nobody wants them, and how long.
const MAX_UNWANTED_BYTES: usize = 64 * 1024;
const UNWANTED_TIMEOUT: Duration = Duration::from_millis(20);

/// Says that nothing more comes, and forgets what the peer still sends until it is done, or for [`LINGER_TIMEOUT`].
pub(super) async fn linger(mut stream: TcpStream) {
    let silence = async {
        stream.shutdown().await?;
        let mut forgotten = vec![0; 16 * 1024];
        while let Ok(read) = timeout(SILENCE_TIMEOUT, stream.read(&mut forgotten)).await {
            if read? == 0 {
                break;
            }
        }
        io::Result::Ok(())
    };
    let _cut_off = timeout(LINGER_TIMEOUT, silence).await;
}

/// Runs a request. Where it was not read to its end and is not short, the answer says that the connection ends with it: a
/// client that sends its next request on it would be cut off.
pub(super) async fn answer<F>(request: Request<Incoming>, run: impl FnOnce(Request<Body>) -> F) -> Response<Body>
where
    F: Future<Output = Response<Body>>,
{
    // To read on would ask a client to send that waits to be asked.
    let (is_old, waits) = (request.version() < Version::HTTP_2, request.headers().contains_key(EXPECT));
    let (head, body) = request.into_parts();
    let body = SharedBody(Arc::new(Mutex::new(body)));
    let mut response = run(Request::from_parts(head, Body::new(body.clone()))).await;
    if is_old && !body.is_end_stream() && (waits || !body.ends_soon().await) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A body that outlives whoever reads it.
#[derive(Clone)]
struct SharedBody(Arc<Mutex<Incoming>>);

impl SharedBody {
    fn lock(&self) -> MutexGuard<'_, Incoming> {
        self.0.lock()
    }

    /// Reads on for a moment: most of what nobody wants to read is short and here already.
    async fn ends_soon(mut self) -> bool {
        let rest = async {
            let mut left = MAX_UNWANTED_BYTES;
            loop {
                match poll_fn(|task| Pin::new(&mut self).poll_frame(task)).await {
                    None => return true,
                    Some(Ok(frame)) => left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len)),
                    Some(Err(_)) => return false,
                }
                if self.is_end_stream() || left == 0 {
                    return self.is_end_stream();
                }
            }
        };
        timeout(UNWANTED_TIMEOUT, rest).await.unwrap_or(false)
    }
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut *self.lock()).poll_frame(task)
    }

    fn is_end_stream(&self) -> bool {
        self.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().size_hint()
    }
}
