//! Text as it is compared: without case, accents, strokes and ligatures. It knows no words.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};

use super::characters::is_shapeless;

/// Folds text: compatibility forms, accents, strokes and case taken away, Hangul syllables put together again.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Down, up and down again is what folds `ẞ` and `ß` to `ss` and both small sigmas to one.
    let folded = text.nfkd().flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    let mut plain = String::with_capacity(text.len());
    for c in folded.nfkd().filter(|c| !is_accent(*c) && !is_shapeless(*c)) {
        match without_stroke(c) {
            Some(letters) => plain.push_str(letters),
            None => plain.push(c),
        }
    }
    plain.nfc().collect()
}

/// Small letters that Unicode does not take apart, although their readers do.
fn without_stroke(c: char) -> Option<&'static str> {
    Some(match c {
        'đ' | 'ð' | 'ɖ' | 'ɗ' | 'ƌ' => "d",
        'ł' | 'ƚ' | 'ɫ' | 'ɬ' | 'ⱡ' => "l",
        'ø' | 'ɵ' | 'ⱺ' => "o",
        'ħ' | 'ⱨ' => "h",
        'ŧ' | 'ⱦ' | 'ƭ' | 'ʈ' => "t",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ı' | 'ɨ' => "i",
        'ƀ' | 'ɓ' | 'ƃ' => "b",
        'ȼ' | 'ƈ' => "c",
        'ɇ' => "e",
        'ǥ' | 'ɠ' => "g",
        'ɉ' | 'ȷ' => "j",
        'ĸ' | 'ƙ' | 'ⱪ' => "k",
        'ŋ' | 'ɲ' | 'ƞ' => "n",
        'ᵽ' | 'ƥ' => "p",
        'ɍ' | 'ɽ' => "r",
        'ȿ' => "s",
        'ʉ' => "u",
        'ʋ' => "v",
        'ⱳ' => "w",
        'ɏ' | 'ƴ' => "y",
        'ƶ' | 'ȥ' | 'ⱬ' | 'ɀ' => "z",
        'ⱥ' => "a",
        'ғ' => "г",
        'ҟ' => "к",
        'ұ' => "у",
        'ҍ' => "ь",
        _ => return None,
    })
}

/// Marks that a reader may leave out: accents, points of Hebrew and Arabic, overlays, enclosures, variation selectors.
fn is_accent(c: char) -> bool {
    is_combining_mark(c)
        && match canonical_combining_class(c) {
            1 | 10..=35 | 200..=240 => true,
            0 => is_enclosure(c) || is_selector(c),
            _ => false,
        }
}

fn is_enclosure(c: char) -> bool {
    matches!(c, '\u{488}' | '\u{489}' | '\u{20DD}'..='\u{20E4}' | '\u{A670}'..='\u{A672}')
}

fn is_selector(c: char) -> bool {
    matches!(c, '\u{34F}' | '\u{180B}'..='\u{180F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}
