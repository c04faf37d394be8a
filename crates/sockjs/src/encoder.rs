//! Writes the frames of a server (RFC 6455, 5): whole messages, unmasked, each with a head of its own, into a buffer that
//! the caller has. It does no input or output.

use super::head::{BINARY, CLOSE, FINAL, PING, PONG, TEXT};
use super::{Message, frame};

/// Appends a message as the client is to read it.
pub(super) fn message(message: &Message, framed: bool, out: &mut Vec<u8>) {
    match message {
        Message::Text(plain) if framed => array(plain.as_bytes(), out),
        Message::Binary(_) if framed => array(message.as_text().as_bytes(), out),
        Message::Text(plain) => text(plain.as_bytes(), out),
        Message::Binary(bytes) => binary(bytes, out),
    }
}

/// A message of UTF-8.
pub(super) fn text(payload: &[u8], out: &mut Vec<u8>) {
    frame(TEXT, payload, out);
}

/// A message of any bytes.
pub(super) fn binary(payload: &[u8], out: &mut Vec<u8>) {
    frame(BINARY, payload, out);
}

/// A message of SockJS around a text: `a["…"]`, escaped where it is written.
pub(super) fn array(text: &[u8], out: &mut Vec<u8>) {
    const AROUND: usize = 5;
    // What is escaped is longer than this; mostly the head has the size that this says.
    let guess = head_size(text.len() + AROUND);
    let start = out.len();
    out.reserve(guess + text.len() + text.len() / 8 + AROUND);
    out.resize(start + guess, 0);
    out.extend_from_slice(b"a[");
    frame::quote_into(text, out);
    out.push(b']');
    let length = out.len() - start - guess;
    let size = head_size(length);
    if size > guess {
        out.resize(out.len() + size - guess, 0);
        out.copy_within(start + guess..start + guess + length, start + size);
    }
    let (head, _) = head(TEXT, length);
    out[start..start + size].copy_from_slice(&head[..size]);
}

/// An empty ping.
pub(super) fn ping(out: &mut Vec<u8>) {
    frame(PING, &[], out);
}

/// The answer to a ping, with its payload.
pub(super) fn pong(payload: &[u8], out: &mut Vec<u8>) {
    frame(PONG, payload, out);
}

/// A close frame with a payload: nothing, or a code and a reason.
pub(super) fn close(payload: &[u8], out: &mut Vec<u8>) {
    frame(CLOSE, payload, out);
}

fn frame(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    let (head, size) = head(opcode, payload.len());
    out.reserve(size + payload.len());
    out.extend_from_slice(&head[..size]);
    out.extend_from_slice(payload);
}

fn head(opcode: u8, length: usize) -> ([u8; 10], usize) {
    let mut head = [FINAL | opcode, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    match (head_size(length), (length as u64).to_be_bytes()) {
        (2, [.., short]) => head[1] = short,
        (4, [.., high, low]) => head[1..4].copy_from_slice(&[126, high, low]),
        (_, long) => {
            head[1] = 127;
            head[2..].copy_from_slice(&long);
        }
    }
    (head, head_size(length))
}

fn head_size(length: usize) -> usize {
    match length {
        ..126 => 2,
        126..0x1_0000 => 4,
        _ => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = b"before".to_vec();
        write(&mut out);
        assert!(out.starts_with(b"before"));
        out.split_off(6)
    }

    #[test]
    fn a_head_is_as_short_as_the_length_allows() {
        for (length, expected) in [
            (0, &[0x81, 0][..]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (0xffff, &[0x81, 126, 0xff, 0xff]),
            (0x1_0000, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = vec![b'x'; length];
            assert_eq!(written(|out| text(&payload, out)), [expected, &payload].concat(), "{length}");
        }
        assert_eq!(written(|out| close(b"\x03\xe8bye", out)), b"\x88\x05\x03\xe8bye");
        assert_eq!(written(|out| pong(b"a", out)), b"\x8a\x01a");
        assert_eq!(written(ping), b"\x89\x00");
        assert_eq!(written(|out| binary(&[0xff], out)), b"\x82\x01\xff");
    }

    #[test]
    fn an_array_has_the_head_of_what_was_escaped() {
        for plain in [0, 1, 100, 119, 120, 121, 125, 126, 65_529, 65_530, 65_531, 70_000] {
            for quotes in [0, 1, 5, 600] {
                let message = "x".repeat(plain) + &"\"".repeat(quotes);
                let payload = frame::messages(&[frame::quote(&message)]);
                let expected = written(|out| text(payload.as_bytes(), out));
                assert_eq!(written(|out| array(message.as_bytes(), out)), expected, "{plain} {quotes}");
            }
        }
    }
}
