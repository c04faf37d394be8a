//! Bytes over HTTP: a range of them, or none where the caller has them already, under headers that keep a browser
//! from running them.

use std::ops::Range;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, IF_RANGE, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa::IntoResponses;
use utoipa::openapi::ContentBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};

use super::disposition::disposition;
use super::refusals::{Answers, header};
use crate::chat::files::{self, Bytes};
use crate::error::{Error, Kind, Result};
use crate::http::error::error_response;
use crate::http::etag;

/// All bytes, a range of them, or none.
pub(super) struct Downloaded(Response);

impl IntoResponse for Downloaded {
    fn into_response(self) -> Response {
        self.0
    }
}

impl IntoResponses for Downloaded {
    fn responses() -> Answers {
        let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
        let bytes = ObjectBuilder::new().schema_type(Type::String).format(Some(binary));
        let bytes = ContentBuilder::new().schema(Some(bytes)).build();
        let answer = |said: &str| ResponseBuilder::new().description(said);
        // Of whatever type the file is; the first one is for programs that take no pattern.
        let of_bytes = |answer: ResponseBuilder| {
            answer.content("application/octet-stream", bytes.clone()).content("*/*", bytes.clone())
        };
        let range = answer("The range").header("Content-Range", header(Type::String, "Which bytes, and of how many"));
        let answers = [
            ("200", of_bytes(answer("All bytes"))),
            ("206", of_bytes(range)),
            ("304", answer("The client has it already, by `If-None-Match`")),
        ];
        answers.map(|(status, answer)| (status.to_owned(), answer.into())).into()
    }
}

/// The answer to a request with these headers.
///
/// # Errors
/// `NotFound` for bytes that were removed a moment ago, `Unavailable`.
pub(super) async fn download(request: &HeaderMap, bytes: Bytes) -> Result<Downloaded> {
    let (size, tag) = (bytes.size, format!("\"{}\"", bytes.tag));
    let headers = headers(&bytes, &tag);
    if etag::is_held(request, &tag) {
        return Ok(Downloaded(answer(StatusCode::NOT_MODIFIED, headers, Body::empty())));
    }
    let range = match range(request, size, &tag) {
        Ok(range) => range,
        Err(unsatisfiable) => return Ok(Downloaded(range_error_response(&unsatisfiable, size))),
    };
    let (status, range) = range.map_or((StatusCode::OK, 0..size), |range| (StatusCode::PARTIAL_CONTENT, range));
    let mut headers = headers;
    if status == StatusCode::PARTIAL_CONTENT {
        headers.insert(CONTENT_RANGE, value(&format!("bytes {}-{}/{size}", range.start, range.end - 1)));
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    Ok(Downloaded(answer(status, headers, Body::from_stream(bytes.read(range).await?))))
}

fn answer(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn headers(bytes: &Bytes, tag: &str) -> HeaderMap {
    let content_type = match bytes.content_type.as_str() {
        "text/plain" => "text/plain; charset=utf-8",
        other => other,
    };
    let shown = files::is_shown(&bytes.content_type, &bytes.file_name);
    HeaderMap::from_iter([
        (CONTENT_TYPE, value(content_type)),
        (CONTENT_DISPOSITION, disposition(shown, &bytes.file_name)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'")),
        (CACHE_CONTROL, caching(bytes)),
        (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (ETAG, value(tag)),
    ])
}

/// Bytes never change, but whether they may be read does: somebody with a token asks again, and a link holds until its end.
fn caching(bytes: &Bytes) -> HeaderValue {
    match bytes.link_left {
        Some(left) => value(&format!("private, max-age={}, immutable", left.as_secs())),
        None => HeaderValue::from_static("private, no-cache"),
    }
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// The one range that is asked for. Several at once are answered with the whole file (protocol §12): nobody who plays or
/// resumes a file asks so, and an answer in parts could be larger than the file.
fn range(request: &HeaderMap, size: u64, tag: &str) -> Result<Option<Range<u64>>> {
    let Some(range) = request.get(RANGE).and_then(|range| range.to_str().ok()) else { return Ok(None) };
    if request.get(IF_RANGE).is_some_and(|known| known.as_bytes() != tag.as_bytes()) {
        return Ok(None);
    }
    let Some((unit, range)) = range.split_once('=') else { return Ok(None) };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Ok(None);
    }
    if range.contains(',') {
        return Ok(None);
    }
    let unsatisfiable = || Error::new(Kind::RangeNotSatisfiable, "This range is not in the file");
    let (first, last) = range.trim().split_once('-').ok_or_else(unsatisfiable)?;
    let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are beyond any file.
        true => Ok(text.parse::<u64>().unwrap_or(u64::MAX)),
        false => Err(unsatisfiable()),
    };
    let range = match (first, last) {
        ("", "") => return Err(unsatisfiable()),
        ("", length) => size.saturating_sub(number(length)?)..size,
        (first, "") => number(first)?..size,
        (first, last) => number(first)?..number(last)?.saturating_add(1).min(size),
    };
    if range.is_empty() { Err(unsatisfiable()) } else { Ok(Some(range)) }
}

fn range_error_response(unsatisfiable: &Error, size: u64) -> Response {
    let mut response = error_response(unsatisfiable);
    response.headers_mut().insert(CONTENT_RANGE, value(&format!("bytes */{size}")));
    response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    response
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(range: &str) -> HeaderMap {
        HeaderMap::from_iter([(RANGE, HeaderValue::try_from(range).unwrap())])
    }

    #[test]
    fn one_range_is_answered_and_anything_else_is_refused_or_ignored() {
        let cases: [(&str, Option<Option<Range<u64>>>); 17] = [
            ("bytes=0-0", Some(Some(0..1))),
            ("bytes=2-4", Some(Some(2..5))),
            ("Bytes=2-", Some(Some(2..10))),
            ("bytes=-3", Some(Some(7..10))),
            ("bytes=-99", Some(Some(0..10))),
            ("bytes=5-99999999999999999999999", Some(Some(5..10))),
            ("bytes=10-", None),
            ("bytes=10-12", None),
            ("bytes=4-2", None),
            ("bytes=-0", None),
            ("bytes=-", None),
            ("bytes=--5", None),
            ("bytes=-5-2", None),
            ("bytes=a-b", None),
            ("bytes=0-,0-,0-", Some(None)),
            ("items=0-1", Some(None)),
            ("bytes", Some(None)),
        ];
        for (text, expected) in cases {
            assert_eq!(range(&asked(text), 10, "\"t\"").ok(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_range_lies_within_the_file(text in "bytes=[0-9]{0,3}-[0-9]{0,3}", size in 1_u64..400) {
            if let Ok(Some(range)) = range(&asked(&text), size, "\"t\"") {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }
    }
}
