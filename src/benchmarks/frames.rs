//! The codec of STOMP.

use bytes::BytesMut;

use crate::api::stomp::frame::{Decoder, Item, MessageHead};

/// How many frames a new session reads of some bytes.
///
/// # Panics
/// For bytes that are refused.
pub fn decode(bytes: &[u8]) -> usize {
    let mut decoder = Decoder::new();
    decoder.push(bytes);
    let mut frames = 0;
    while let Some(item) = decoder.pull().expect("only good frames are measured") {
        frames += usize::from(matches!(item, Item::Frame(_)));
    }
    frames
}

/// The MESSAGE that a listener is sent, around a body that is made already.
pub fn encode_message(body: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    let head = MessageHead {
        destination: "/user/queue/chat/messages",
        content_type: "application/json",
        subscription: Some("sub-0"),
        session: "0123456789abcdef0123456789abcdef",
    };
    head.encode(&mut out, 123_456, Some("0123456789abcdef.123456"), body);
    out
}
