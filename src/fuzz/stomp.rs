//! Bytes for the decoder of STOMP.

use bytes::BytesMut;

use super::input::{choice, pieces};
use crate::api::stomp::frame::{BadFrame, Decoder, Frame, Item, MAX_FRAME_BYTES, MAX_HEADERS};

/// Of this many bytes and fewer, a stream is cut into single bytes, too.
const SHORT_BYTES: usize = 400;
/// Now and then, a stream is repeated until it has as many, and so meets the limits.
const LONG_BYTES: usize = MAX_FRAME_BYTES + 4_096;

/// A stream comes to the same frames and the same error however it is cut. What is held is never more than a frame may have
/// and what was pushed last. A frame that is written and read again is the same, and is written in the same bytes.
pub fn stomp_decoder(data: &[u8]) {
    let (seed, stream) = choice(data);
    let whole = decode(&[stream]);
    assert_eq!(decode(&pieces(seed, stream)), whole, "cut by {seed}");
    if stream.len() <= SHORT_BYTES {
        assert_eq!(decode(&pieces(0, stream)), whole, "cut into single bytes");
    }
    for item in &whole.0 {
        if let Item::Frame(frame) = item {
            assert_is_read_as_written(frame);
        }
    }
    if seed == 0xff && stream.len() % 8 == 7 {
        let long: Vec<u8> = stream.iter().copied().cycle().take(LONG_BYTES).collect();
        assert_eq!(decode(&[&long]), decode(&long.chunks(1_021).collect::<Vec<_>>()));
    }
}

fn decode(pieces: &[&[u8]]) -> (Vec<Item>, Option<BadFrame>) {
    let mut decoder = Decoder::new();
    let mut items = Vec::new();
    for piece in pieces {
        let held = decoder.held_bytes();
        decoder.push(piece);
        assert!(decoder.held_bytes() <= held + piece.len());
        loop {
            match decoder.pull() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(bad) => {
                    assert_eq!(decoder.held_bytes(), 0, "behind an error nothing is kept");
                    assert_eq!(decoder.pull(), Err(bad.clone()));
                    return (items, Some(bad));
                }
            }
        }
        assert!(decoder.held_bytes() <= MAX_FRAME_BYTES + 1, "{} bytes are held", decoder.held_bytes());
        assert!(decoder.is_inside_frame() || decoder.held_bytes() == 0, "between frames nothing is held");
    }
    (items, None)
}

fn assert_is_read_as_written(frame: &Frame) {
    let written = write(frame);
    // The encoder's own `content-length` may be what takes a frame over a limit.
    if written.len() > MAX_FRAME_BYTES || frame.headers.len() == MAX_HEADERS {
        return;
    }
    let (items, bad) = decode(&[&written]);
    let [Item::Frame(again)] = &items[..] else { panic!("{frame:?} comes back as {items:?}, {bad:?}") };
    assert_eq!(bad, None);
    let without_length = |frame: &Frame| {
        let headers = frame.headers.iter().filter(|(name, _)| name != "content-length").cloned().collect::<Vec<_>>();
        (frame.command, headers, frame.body.clone())
    };
    assert_eq!(without_length(again), without_length(frame));
    assert_eq!(write(again), written);
}

fn write(frame: &Frame) -> BytesMut {
    let mut out = BytesMut::new();
    frame.encode(&mut out);
    out
}
