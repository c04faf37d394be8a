//! Files on their way: what they are called, the forms they come in, and what they are taken for.

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use futures_util::stream;
use std::time::Duration;

use super::input::{choice, line, pieces};
use super::runtime::wait;
use crate::api::rest::disposition::disposition;
use crate::api::rest::encoded_words;
use crate::api::rest::form::Form;
use crate::api::rest::part_name::PartName;
use crate::chat::files::kind::told::told;
use crate::error::{Error, Kind};

/// The header that we write for a name is ASCII on one line, and we read the name in it; so we do where a browser writes it
/// into a form. The names in any header are no longer than the header.
pub fn content_disposition(data: &[u8]) {
    if let Ok(read) = PartName::of(data) {
        let longest = data.len().max(16);
        assert!(read.name.len() <= longest && read.file_name.is_none_or(|name| name.len() <= 2 * longest));
    }
    let Ok(name) = str::from_utf8(data) else { return };
    for shown in [true, false] {
        let header = disposition(shown, name);
        let bytes = header.as_bytes();
        assert!(bytes.iter().all(|byte| (b' '..=b'~').contains(byte)), "{header:?}");
        assert_eq!(file_name(bytes).as_deref(), Some(name), "{header:?}");
    }
    let decoded = encoded_words::decode(name);
    assert!(decoded.len() <= 2 * name.len());
    // Of these, a form does not tell whether the browser or the name has them.
    let is_clear = !["%22", "%0D", "%0d", "%0A", "%0a", "\\"].iter().any(|ambiguous| name.contains(ambiguous));
    let escaped = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
    if is_clear && encoded_words::decode(&escaped) == escaped {
        let header = format!("form-data; name=\"file\"; filename=\"{escaped}\"");
        assert_eq!(file_name(header.as_bytes()).as_deref(), Some(name), "{header:?}");
    }
}

fn file_name(header: &[u8]) -> Option<String> {
    PartName::of(header).ok().and_then(|read| read.file_name)
}

/// Bytes of a file in a form.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// A form comes to the same parts, or the same refusal, however its bytes are cut. It has ten parts at most, which hold no
/// more than came.
pub fn multipart(data: &[u8]) {
    let (seed, rest) = choice(data);
    let (boundary, body) = line(rest);
    let Ok(kind) = HeaderValue::from_bytes(&[b"multipart/form-data; boundary=", boundary].concat()) else { return };
    let whole = wait(read_form(kind.clone(), &[body]));
    if let Ok(parts) = &whole {
        assert!(parts.len() <= 10 && parts.iter().map(|part| part.bytes.len()).sum::<usize>() <= body.len());
    }
    assert_eq!(wait(read_form(kind, &pieces(seed, body))), whole, "cut by {seed}");
}

#[derive(Debug, PartialEq)]
struct Part {
    name: String,
    file_name: Option<String>,
    content_type: Option<String>,
    bytes: Vec<u8>,
}

async fn read_form(kind: HeaderValue, pieces: &[&[u8]]) -> Result<Vec<Part>, (Kind, String)> {
    let pieces: Vec<_> = pieces.iter().map(|piece| Ok::<_, Error>(Bytes::copy_from_slice(piece))).collect();
    let mut request = Request::new(Body::from_stream(stream::iter(pieces)));
    request.headers_mut().insert(CONTENT_TYPE, kind);
    read_parts(request).await.map_err(|refused| (refused.kind, refused.message.into_owned()))
}

async fn read_parts(request: Request) -> Result<Vec<Part>, Error> {
    let mut form = Form::open(request, MAX_FILE_BYTES, Duration::from_secs(5)).await?;
    let mut parts = Vec::new();
    while let Some(mut part) = form.next().await? {
        let mut read = Part {
            name: part.name().to_owned(),
            file_name: part.file_name().map(str::to_owned),
            content_type: part.content_type().map(str::to_owned),
            bytes: Vec::new(),
        };
        while let Some(piece) = part.piece().await? {
            read.bytes.extend_from_slice(&piece);
        }
        parts.push(read);
    }
    Ok(parts)
}

const DECLARED: [Option<&str>; 4] = [None, Some("text/plain"), Some("image/png"), Some("application/octet-stream")];

/// A file is taken for the same whether all of it is at hand or its beginning alone, and each time; for one of the types that
/// its beginning said it might be. What is read for that is bounded.
pub fn file_kinds(data: &[u8]) {
    let (choice, bytes) = choice(data);
    let declared = DECLARED[usize::from(choice % 4)];
    let at_hand = wait(told(bytes, bytes.len(), declared));
    let stored = wait(told(bytes, usize::from(choice), declared));
    assert_eq!(at_hand.read_bytes, 0);
    assert!(stored.reads <= 128 && stored.read_bytes <= 4 << 20, "{stored:?}");
    assert_eq!(at_hand.kind, stored.kind);
    assert_eq!(wait(told(bytes, usize::from(choice), declared)), stored);
}
