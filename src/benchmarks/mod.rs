//! Parts of the way of a message, for `benches/` to measure each by itself. What it hands out is opaque or plain, so that
//! nothing inside is public for its sake. Beyond that, none of it is built.

mod frames;
mod room;

pub use frames::{decode, message, message_parts};
pub use room::{Happened, Room};

use crate::chat::text;

/// Characters of a message, as by default.
const MAX_CHARACTERS: usize = 10_000;

/// What is kept of the content of a message.
///
/// # Panics
/// For content that is refused.
pub fn cleaned(content: &str) -> String {
    let kept = text::content(content, MAX_CHARACTERS, false).expect("only good content is measured");
    kept.unwrap_or_default()
}
