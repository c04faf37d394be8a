//! Reading a request's body: bounded in bytes and in time, never decompressed, and only of the type that is taken.

use std::time::Duration;

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

use crate::error::{Error, Kind, Result};

/// Bytes of a JSON body, at most (protocol §5).
pub const MAX_JSON_BYTES: usize = 256 * 1024;
/// How long a body of JSON may take.
pub const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A body that is declared to be JSON, of up to [`MAX_JSON_BYTES`], unread.
///
/// # Errors
/// Those of [`must_be_json`] and [`read`].
pub async fn read_json(request: Request) -> Result<Bytes> {
    must_be_json(request.headers())?;
    read(request).await
}

/// The whole body, of up to [`MAX_JSON_BYTES`].
///
/// # Errors
/// `PayloadTooLarge`, `Timeout` after 30 s, `UnsupportedMediaType` for a compressed one, `BadRequest` for one that
/// breaks off.
pub async fn read(request: Request) -> Result<Bytes> {
    check_head(request.headers(), MAX_JSON_BYTES as u64)?;
    let reading = async {
        let mut body = request.into_body();
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| broke_off())?;
            if let Some(data) = frame.data_ref() {
                if read.len() + data.len() > MAX_JSON_BYTES {
                    return Err(too_large());
                }
                read.extend_from_slice(data);
            }
        }
        Ok(read.freeze())
    };
    tokio::time::timeout(READ_TIMEOUT, reading)
        .await
        .map_err(|_| Error::new(Kind::Timeout, "The body did not come in time"))?
}

/// The failure of a body that is longer than it may be.
pub fn too_large() -> Error {
    Error::new(Kind::PayloadTooLarge, "The body is too large")
}

/// The failure of a body that ends before it should.
pub fn broke_off() -> Error {
    Error::bad_request("The body broke off")
}

/// Whether a body may be read, by what its headers say of it.
///
/// # Errors
/// `UnsupportedMediaType` for any content encoding, since a small body could unfold into a huge one; `PayloadTooLarge`
/// for one that announces more than `max_bytes`.
pub fn check_head(headers: &HeaderMap, max_bytes: u64) -> Result<()> {
    refuse_compressed(headers)?;
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > max_bytes) { Err(too_large()) } else { Ok(()) }
}

fn refuse_compressed(headers: &HeaderMap) -> Result<()> {
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(Error::new(Kind::UnsupportedMediaType, "Compressed bodies are not taken"))
        }
        _ => Ok(()),
    }
}

/// # Errors
/// `UnsupportedMediaType` unless the headers declare JSON.
pub fn must_be_json(headers: &HeaderMap) -> Result<()> {
    let declared = media_type(headers);
    let is_json = declared == "application/json"
        || declared.strip_prefix("application/").is_some_and(|rest| rest.ends_with("+json"));
    if is_json { Ok(()) } else { Err(Error::new(Kind::UnsupportedMediaType, "The body must be application/json")) }
}

/// The media type that the headers declare, in lower case and without parameters; empty where they declare none.
pub fn media_type(headers: &HeaderMap) -> String {
    let declared = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads a JSON object into an input. A list is none: its entries would be taken for the fields in their order.
///
/// # Errors
/// As [`from_json`].
pub fn object_from_json<T: DeserializeOwned>(json: &[u8]) -> Result<T> {
    if is_list(json) {
        return Err(Error::bad_request("The body must be a JSON object"));
    }
    from_json(json)
}

/// Whether a JSON text is a list, if it is JSON at all.
pub fn is_list(json: &[u8]) -> bool {
    without_mark(json).trim_ascii_start().starts_with(b"[")
}

/// Whether there is no JSON, or nothing but null.
pub fn is_absent(json: &[u8]) -> bool {
    matches!(without_mark(json).trim_ascii(), b"" | b"null")
}

/// A JSON text without the byte-order mark that some clients write before it (RFC 8259 lets readers pass it over).
pub(crate) fn without_mark(json: &[u8]) -> &[u8] {
    json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json)
}

/// Reads JSON into an input, naming the field that does not fit.
///
/// # Errors
/// `BadRequest`, never with more than a few words of the input.
pub fn from_json<T: DeserializeOwned>(json: &[u8]) -> Result<T> {
    // Of fields that nobody reads, the reader would not look at the bytes.
    let json = without_mark(json);
    std::str::from_utf8(json).map_err(|_| Error::bad_request("The body is not UTF-8"))?;
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() { misfit(&path, &inner) } else { Error::bad_request("The body is not valid JSON") }
    })?;
    reader.end().map_err(|_| Error::bad_request("The body is not valid JSON"))?;
    Ok(value)
}

/// The sentence without the place in the text, without quoted input, and not longer than a line.
fn misfit(path: &str, cause: &serde_json::Error) -> Error {
    let said = cause.to_string();
    let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
    let expected = said.split_once("expected ").map_or(said, |(_, expected)| expected);
    // The names of our types are nobody's business.
    let expected = if expected.starts_with("struct ") { "an object" } else { expected };
    let expected: String = expected.chars().take(100).collect();
    let path: String = path.chars().take(64).collect();
    if path == "." || path == "?" {
        return Error::bad_request(format!("The body does not fit: {}", wanted(said, &expected)));
    }
    Error::bad_request(format!("{path} does not fit: {}", wanted(said, &expected)))
}

fn wanted(said: &str, expected: &str) -> String {
    if said.contains("expected ") { format!("expected {expected}") } else { expected.to_owned() }
}
