//! A form with a file, read part after part: bounded in bytes, in parts, in the heads of parts and in time, and never
//! held in memory.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use futures_util::Stream;
use tokio::time::{Instant, timeout_at};

use super::parameters::parameters;
use super::part_name::PartName;
use crate::error::{Error, Kind, Result};
use crate::http::body;

/// What a form may hold beside its file, in bytes, and how many parts.
const MAX_OTHER_BYTES: u64 = 64 * 1024;
const MAX_PARTS: usize = 10;
/// Bytes of a boundary: more than the 70 that a client may take (RFC 2046).
const MAX_BOUNDARY_BYTES: usize = 200;
/// Bytes that may come before a part, or a piece of one, can be made of them: what is longer is a head without end.
const MAX_UNCLAIMED_BYTES: usize = 512 * 1024;
/// Bytes a second that a form has to come with, on the whole: half of what a slow uplink (128 kbit/s) does. Only what
/// comes slower for longer than the server waits ends; a bound on the whole time would end large files or none.
const MIN_BYTES_PER_SECOND: u64 = 8 * 1024;

/// A form that is being read.
pub(crate) struct Form {
    parts: Multipart,
    state: Arc<FormState>,
    seen: usize,
    pace: Pace,
}

/// How far the form may be behind the slowest pace.
#[derive(Clone, Copy)]
struct Pace {
    grace: Duration,
}

/// What the form and its source tell each other.
#[derive(Default)]
struct FormState {
    /// Bytes that came, and microseconds that they were waited for: what the server takes for its own work is not counted.
    came: AtomicU64,
    waited: AtomicU64,
    unclaimed: AtomicUsize,
    refused: OnceLock<Error>,
}

impl Form {
    /// The form of a request, whose file has up to `max_file_bytes`, and which may be late for `grace`.
    ///
    /// # Errors
    /// `UnsupportedMediaType` for another type and a compressed body, `BadRequest` without a boundary,
    /// `PayloadTooLarge` for a body that announces too much.
    pub async fn open(request: Request, max_file_bytes: u64, grace: Duration) -> Result<Self> {
        must_be_form(request.headers())?;
        let max_bytes = max_file_bytes.saturating_add(MAX_OTHER_BYTES);
        body::check_head(request.headers(), max_bytes)?;
        let (mut head, body) = request.into_parts();
        head.headers.insert(CONTENT_TYPE, with_boundary(&head.headers)?);
        let state = Arc::<FormState>::default();
        let source = BoundedBody {
            body: body.into_data_stream(),
            state: Arc::clone(&state),
            left: max_bytes,
            has_yielded: false,
        };
        let parts = Multipart::from_request(Request::from_parts(head, Body::from_stream(source)), &()).await;
        let parts = parts.map_err(|_| no_boundary())?;
        Ok(Self { parts, state, seen: 0, pace: Pace { grace } })
    }

    /// The next part, if there is one.
    ///
    /// # Errors
    /// `BadRequest` for a broken form, one part too many, or a part without a name; `UnsupportedMediaType` for a part whose
    /// bytes are encoded; `PayloadTooLarge`, `Timeout`.
    pub async fn next(&mut self) -> Result<Option<Part<'_>>> {
        self.seen += 1;
        if self.seen > MAX_PARTS + 1 {
            return Err(Error::bad_request(format!("A form has at most {MAX_PARTS} parts")));
        }
        let field = match self.pace.read_within(&self.state, self.parts.next_field()).await? {
            Ok(field) => field,
            Err(cause) => return Err(self.state.broken(&cause)),
        };
        self.state.unclaimed.store(0, Ordering::Relaxed);
        let Some(field) = field else { return Ok(None) };
        let name = PartName::of(field.headers().get(CONTENT_DISPOSITION).map_or(b"", HeaderValue::as_bytes))?;
        if name.name.is_empty() {
            return Err(Error::bad_request("Every part of a form needs a name"));
        }
        must_be_plain(field.headers())?;
        Ok(Some(Part { name, field, state: &self.state, pace: self.pace }))
    }
}

/// A part of a form.
pub(crate) struct Part<'f> {
    name: PartName,
    field: Field<'f>,
    state: &'f FormState,
    pace: Pace,
}

impl Part<'_> {
    pub fn name(&self) -> &str {
        &self.name.name
    }

    pub fn file_name(&self) -> Option<&str> {
        self.name.file_name.as_deref()
    }

    pub fn content_type(&self) -> Option<&str> {
        self.field.content_type()
    }

    /// The next bytes of the part, if there are more.
    ///
    /// # Errors
    /// As [`Form::next`].
    pub async fn piece(&mut self) -> Result<Option<Bytes>> {
        let piece = self.pace.read_within(self.state, self.field.chunk()).await?;
        let piece = piece.map_err(|cause| self.state.broken(&cause))?;
        self.state.unclaimed.store(0, Ordering::Relaxed);
        Ok(piece)
    }

    /// All of a short part.
    ///
    /// # Errors
    /// `BadRequest` for more than `max_bytes` and for what is no text, besides those of [`Form::next`].
    pub async fn text(mut self, max_bytes: usize) -> Result<String> {
        let mut text = Vec::new();
        while let Some(piece) = self.piece().await? {
            text.extend_from_slice(&piece);
            if text.len() > max_bytes {
                return Err(Error::bad_request(format!("{} is too long", self.name())));
            }
        }
        String::from_utf8(text).map_err(|_| Error::bad_request("A part of the form is not UTF-8"))
    }
}

impl Pace {
    /// Reads on, unless the form falls too far behind the slowest pace.
    async fn read_within<T>(self, state: &FormState, reading: impl Future<Output = T>) -> Result<T> {
        let (mut reading, began) = (pin!(reading), Instant::now());
        let waited = Duration::from_micros(state.waited.load(Ordering::Relaxed));
        loop {
            let came = state.came.load(Ordering::Relaxed);
            let may_wait = self.grace + Duration::from_millis(came.saturating_mul(1000) / MIN_BYTES_PER_SECOND);
            let read = timeout_at(began + may_wait.saturating_sub(waited), reading.as_mut()).await;
            let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            if let Ok(read) = read {
                state.waited.fetch_add(micros, Ordering::Relaxed);
                return Ok(read);
            }
            // A piece may be found long after its first bytes came.
            if state.came.load(Ordering::Relaxed) == came {
                return Err(Error::new(Kind::Timeout, "The form did not come in time"));
            }
        }
    }
}

fn must_be_form(headers: &HeaderMap) -> Result<()> {
    match body::media_type(headers).as_str() {
        "multipart/form-data" => Ok(()),
        _ => Err(Error::new(Kind::UnsupportedMediaType, "The body must be multipart/form-data")),
    }
}

/// The type of the form with its boundary as the parser reads it, in quotation marks: clients leave them out where they
/// belong, too.
fn with_boundary(headers: &HeaderMap) -> Result<HeaderValue> {
    let given = headers.get(CONTENT_TYPE).map_or(b"".as_slice(), HeaderValue::as_bytes);
    let found = parameters(given).into_iter().find(|(name, _)| name == "boundary");
    let boundary = found.and_then(|(_, value)| String::from_utf8(value).ok()).ok_or_else(no_boundary)?;
    let fits = |c: char| c == ' ' || c.is_ascii_graphic() && c != '"' && c != '\\';
    if boundary.is_empty() || boundary.len() > MAX_BOUNDARY_BYTES || !boundary.chars().all(fits) {
        return Err(no_boundary());
    }
    HeaderValue::try_from(format!("multipart/form-data; boundary=\"{boundary}\"")).map_err(|_| no_boundary())
}

fn no_boundary() -> Error {
    Error::bad_request("The form has no boundary")
}

/// Refuses a part whose bytes are not its file's: nobody undoes an encoding that HTTP has no use for (RFC 7578, 4.7).
fn must_be_plain(part: &HeaderMap) -> Result<()> {
    const TRANSFER_ENCODING: HeaderName = HeaderName::from_static("content-transfer-encoding");
    let encoding = part.get(TRANSFER_ENCODING).map_or(b"binary".as_slice(), HeaderValue::as_bytes).trim_ascii();
    match [&b"binary"[..], b"8bit", b"7bit"].iter().any(|plain| encoding.eq_ignore_ascii_case(plain)) {
        true => Ok(()),
        false => Err(Error::new(Kind::UnsupportedMediaType, "The parts of a form cannot have a transfer encoding")),
    }
}

impl FormState {
    /// Why the form cannot be read: the reason of its source, or else its own form.
    fn broken(&self, cause: &MultipartError) -> Error {
        tracing::debug!(%cause, "a form is broken");
        self.refused.get().cloned().unwrap_or_else(|| Error::bad_request("The form is malformed"))
    }
}

/// The body as the parser may see it: a piece at a time, since it would hold all that has come, and no more than is
/// allowed.
struct BoundedBody {
    body: BodyDataStream,
    state: Arc<FormState>,
    left: u64,
    has_yielded: bool,
}

impl Stream for BoundedBody {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.has_yielded) {
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some(piece) = ready!(Pin::new(&mut self.body).poll_next(task)) else { return Poll::Ready(None) };
        let outcome = piece.map_err(|_| body::broke_off()).and_then(|piece| {
            let size = piece.len();
            self.state.came.fetch_add(size as u64, Ordering::Relaxed);
            self.left = self.left.checked_sub(size as u64).ok_or_else(body::too_large)?;
            if self.state.unclaimed.fetch_add(size, Ordering::Relaxed) > MAX_UNCLAIMED_BYTES {
                return Err(Error::bad_request("The form is malformed"));
            }
            Ok(piece)
        });
        self.has_yielded = true;
        if let Err(error) = &outcome {
            let _first = self.state.refused.set(error.clone());
        }
        Poll::Ready(Some(outcome))
    }
}
