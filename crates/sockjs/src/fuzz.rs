//! What reads bytes of strangers, each with what it promises of them: a function that takes any bytes and panics where a
//! promise is broken. Beyond tests and `fuzz/` of this repository, none of it is built.

use serde_json::Value;
use serde_json::value::RawValue;

use super::decoder::{Decoder, Event, Violation};
use super::head::MAX_CONTROL_BYTES;
use super::message_array::{MessageArray, PendingSurrogate};
use super::resource::{Resource, resource};
use super::transport::{Action, Transport};
use super::{encoder, frame};

/// Takes any bytes, and panics where a promise is broken.
pub type Target = fn(&[u8]);

/// What bytes are thrown at, by name.
pub const TARGETS: [(&str, Target); 3] =
    [("sockjs_bodies", sockjs_bodies), ("sockjs_paths", sockjs_paths), ("websocket_frames", websocket_frames)];

/// An array of messages is read as JSON reads it, but for halves of characters and numbers out of range, which are taken. A
/// text that is framed is read again as it was, also where it is cut into two messages between any two of its units.
pub fn sockjs_bodies(data: &[u8]) {
    let Ok(text) = String::from_utf8(data.to_vec()) else { return };
    let read = MessageArray::new(text.clone()).map(all);
    match (&read, serde_json::from_str::<Vec<Value>>(&text)) {
        (Ok(read), Ok(values)) => {
            let written: Vec<&RawValue> = serde_json::from_str(&text).expect("it was read just now");
            assert_eq!(read.len(), values.len());
            for ((read, value), written) in read.iter().zip(&values).zip(written) {
                assert!(value.as_str().map_or(value.is_number() && written.get() == read, |text| text == read));
            }
        }
        (Ok(_), Err(cause)) => {
            let cause = cause.to_string();
            let known = ["surrogate", "hex escape", "number out of range"];
            assert!(known.iter().any(|known| cause.contains(known)), "{text}: {cause}");
        }
        (Err(_), Ok(values)) => assert!(values.iter().any(|value| !value.is_string() && !value.is_number()), "{text}"),
        (Err(_), Err(_)) => {}
    }
    if let Ok(read) = &read {
        assert!(read.iter().map(String::len).sum::<usize>() <= 2 * text.len());
    }
    framed(&text);
}

fn all(mut array: MessageArray) -> Vec<String> {
    let mut pending = PendingSurrogate::default();
    std::iter::from_fn(|| array.next(&mut pending)).collect()
}

fn framed(text: &str) {
    let mut written = Vec::new();
    encoder::array(text.as_bytes(), &mut written);
    let frame = String::from_utf8(payload(&written).to_vec()).expect("an array of text is text");
    let array = frame.strip_prefix('a').expect("a frame of messages begins so");
    assert_eq!(serde_json::from_str::<[String; 1]>(array).ok(), Some([text.to_owned()]), "{frame}");
    assert_eq!(frame::messages(&[frame::quote(text)]), frame);
    let units: Vec<u16> = text.encode_utf16().collect();
    let (one, two) = units.split_at(units.len() / 2);
    let escaped = |units: &[u16]| units.iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    let cut = format!("[\"{}\",\"{}\"]", escaped(one), escaped(two));
    assert_eq!(MessageArray::new(cut).map(all).map(|read| read.concat()).as_deref(), Ok(text));
}

/// What stands behind the head of a frame that the server has written.
fn payload(frame: &[u8]) -> &[u8] {
    let (size, length) = match *frame {
        [_, 127, a, b, c, d, e, f, g, h, ..] => (10, u64::from_be_bytes([a, b, c, d, e, f, g, h])),
        [_, 126, a, b, ..] => (4, u64::from(u16::from_be_bytes([a, b]))),
        [_, short, ..] => (2, u64::from(short)),
        _ => panic!("a frame has a head"),
    };
    assert_eq!((frame.len() - size) as u64, length);
    &frame[size..]
}

/// Bytes of a message that is taken where frames are thrown.
const MESSAGE_LIMIT: usize = 1024;

/// However the bytes of a client are cut, the same is read of them, up to the same violation. What is read is no longer than the bytes
/// that it was read from, a message no longer than the limit, and what can be answered has the form of an answer.
pub fn websocket_frames(data: &[u8]) {
    let (events, violation) = decoded(std::iter::once(data));
    // The first byte says where they are cut.
    let size = usize::from(data.first().copied().unwrap_or(1) % 16 + 1);
    assert_eq!(decoded(data.chunks(size)), (events.clone(), violation));
    assert_eq!(decoded(data.chunks(1)), (events.clone(), violation));
    let mut read = 0;
    for event in &events {
        read += match event {
            Event::Text(text) if text.len() <= MESSAGE_LIMIT => text.len(),
            Event::Binary(bytes) if bytes.len() <= MESSAGE_LIMIT => bytes.len(),
            Event::Pong => 0,
            Event::Ping(payload) if payload.len() <= MAX_CONTROL_BYTES => payload.len(),
            Event::Close(payload) if payload.len() <= MAX_CONTROL_BYTES && payload.len() != 1 => payload.len(),
            other => panic!("{other:?}"),
        };
    }
    assert!(read + 6 * events.len() <= data.len());
}

/// What is read of bytes that come in these pieces, and what ended it.
fn decoded<'d>(pieces: impl Iterator<Item = &'d [u8]>) -> (Vec<Event>, Option<Violation>) {
    let mut decoder = Decoder::new(MESSAGE_LIMIT);
    let mut events = Vec::new();
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut from = 0;
        while from < piece.len() {
            match decoder.read(&mut piece[from..]) {
                Err(violation) => return (events, Some(violation)),
                Ok((taken, event)) => {
                    assert!(taken > 0 && (event.is_some() || from + taken == piece.len()));
                    from += taken;
                    events.extend(event);
                }
            }
        }
    }
    (events, None)
}

/// Of all paths below the prefix only those are found that the protocol of SockJS has, and each is what the protocol says.
pub fn sockjs_paths(data: &[u8]) {
    let Ok(path) = str::from_utf8(data) else { return };
    assert_eq!(resource(path), expected(path), "{path:?}");
}

/// What the protocol says of a path, read from its end.
fn expected(path: &str) -> Option<Resource<'_>> {
    let segments: Vec<&str> = path.split('/').collect();
    let is_id = |id: &str| (1..=128).contains(&id.len()) && id.chars().all(|c| c != '.');
    match segments[..] {
        [""] | ["", ""] => Some(Resource::Greeting),
        ["", "info"] => Some(Resource::Info),
        ["", "websocket"] => Some(Resource::RawWebSocket),
        ["", page] => {
            let version = page.strip_suffix(".html")?.strip_prefix("iframe")?;
            let is_other = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c));
            (!version.contains(is_other)).then_some(Resource::Iframe)
        }
        ["", server, id, action] if is_id(server) && is_id(id) => {
            let (action, methods) = match action {
                "websocket" => (Action::Connect, "GET"),
                "xhr_send" => (Action::Send, "POST,OPTIONS"),
                "xhr" => (Action::Receive(Transport::Xhr), "POST,OPTIONS"),
                "xhr_streaming" => (Action::Receive(Transport::XhrStreaming), "POST,OPTIONS"),
                "eventsource" => (Action::Receive(Transport::EventSource), "GET"),
                "htmlfile" => (Action::Receive(Transport::HtmlFile), "GET,OPTIONS"),
                _ => return None,
            };
            Some(Resource::Session { id, action, methods })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn what_was_thrown_before_is_stood_and_each_target_has_it() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
        for (name, target) in TARGETS {
            let folder = root.join("corpus").join(name);
            let files: Vec<_> = fs::read_dir(&folder).expect("a folder for each").map(|file| file.unwrap()).collect();
            assert!(files.len() >= 10, "{name} has {} files", files.len());
            files.iter().for_each(|file| target(&fs::read(file.path()).unwrap()));
            let line = format!("#![no_main]\nlibfuzzer_sys::fuzz_target!(|data: &[u8]| sockjs::fuzz::{name}(data));\n");
            let written = fs::read_to_string(root.join("fuzz_targets").join(format!("{name}.rs"))).unwrap();
            assert_eq!(written, line);
        }
    }
}
