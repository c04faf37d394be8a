//! Parts of a session for `benches/` to measure. Beyond that, none of it is built.

use super::encoder;
use super::message_array::{MessageArray, PendingSurrogate};

/// The frame around one message of the application.
pub fn frame(text: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    encoder::array(text.as_bytes(), &mut frame);
    frame
}

/// How many messages of a client stand in an array, each read.
///
/// # Panics
/// For what is no array of messages.
pub fn read(array: &str) -> usize {
    let Ok(mut array) = MessageArray::new(array.to_owned()) else { panic!("only good arrays are measured") };
    let mut pending = PendingSurrogate::default();
    std::iter::from_fn(|| array.next(&mut pending)).count()
}
