//! What a reaction may be: one emoji, in one spelling.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_segmentation::UnicodeSegmentation;

use crate::error::{Error, Result};

/// Bytes of an emoji, at most; the longest, two people with skin tones, have 35.
const MAX_EMOJI_BYTES: usize = 64;
/// Asks for the colourful picture where a character could also be drawn as text. Keyboards leave it out and put it in
/// at will.
const EMOJI_PRESENTATION: char = '\u{FE0F}';

/// Exactly one emoji that Unicode recommends for interchange, in its canonical form, wherever a keyboard leaves the
/// picture selector out or adds one: `❤` becomes `❤️`, `⭐️` becomes `⭐`. Skin tones, flags, keycaps and joined
/// sequences are each one (protocol §4, Reactions).
///
/// # Errors
/// `BadRequest` for anything else: letters, digits, `:thumbsup:`, two emojis, blanks around one.
pub fn emoji(raw: &str) -> Result<String> {
    let one = raw.len() <= MAX_EMOJI_BYTES && raw.graphemes(true).nth(1).is_none();
    let found = if one { known(&raw.replace(EMOJI_PRESENTATION, "")) } else { None };
    found.map(str::to_owned).ok_or_else(|| Error::bad_request("A reaction must be one emoji"))
}

/// The canonical form of an emoji without its picture selectors.
pub(super) fn known(bare: &str) -> Option<&'static str> {
    KNOWN.get(bare).copied()
}

/// Made here, since the crate's own look-up gives couples of other skin tones for some spellings without selectors.
static KNOWN: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let toned = |emoji: &'static emojis::Emoji| emoji.skin_tones().into_iter().flatten();
    let all = emojis::iter().flat_map(|emoji| toned(emoji).chain([emoji]));
    all.map(|emoji| (emoji.as_str().replace(EMOJI_PRESENTATION, ""), emoji.as_str())).collect()
});
