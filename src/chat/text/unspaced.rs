//! Scripts that are written without blanks between words: a program sees no words there, only runs of characters.

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

/// Letters of Han, kana, Thai, Lao, Khmer and Burmese; digits are not among them.
pub(super) fn is_unspaced(c: char) -> bool {
    is_kana(c)
        || is_han(c)
        || matches!(c, '\u{E01}'..='\u{EDF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17DD}'
            | '\u{A9E0}'..='\u{A9FE}' | '\u{AA60}'..='\u{AA7F}')
            && (c.is_alphabetic() || is_combining_mark(c))
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3005}' | '\u{3007}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFD}')
}

/// Japanese syllables, with their marks of length and repetition.
fn is_kana(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{3096}' | '\u{309D}'..='\u{309F}' | '\u{30A1}'..='\u{30FA}' | '\u{30FC}'..='\u{30FF}'
        | '\u{31F0}'..='\u{31FF}' | '\u{1AFF0}'..='\u{1B16F}')
}

/// Text in stretches, of which each is unspaced from its first character to its last or has no such character at the
/// beginning of a grapheme.
pub(super) fn runs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let unspaced = rest.starts_with(is_unspaced);
        let mut graphemes = rest.grapheme_indices(true);
        let end = graphemes.find(|(_, grapheme)| grapheme.starts_with(is_unspaced) != unspaced);
        let (run, after) = rest.split_at(end.map_or(rest.len(), |(end, _)| end));
        rest = after;
        (!run.is_empty()).then_some(run)
    })
}
