//! The codec of STOMP.

use crate::api::stomp::frame::{Decoder, Item, MessageParts};

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

/// What all who listen are sent, around a body.
pub fn message_parts(body: &[u8]) -> MessageParts {
    MessageParts::new("/user/queue/chat/messages", "application/json", Some("0123456789abcdef.123456"), body)
}

/// The MESSAGE that a listener is sent.
pub fn message(parts: &MessageParts) -> Vec<u8> {
    parts.message(Some("sub-0"), "0123456789abcdef0123456789abcdef", 123_456)
}
