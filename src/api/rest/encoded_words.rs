//! Encoded words (RFC 2047): text of mail in ASCII, `=?utf-8?B?w5w=?=`, which some clients write into a form, too. It knows
//! UTF-8, ISO-8859-1 and ASCII, and leaves what it cannot read as it is.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Characters of a text that is not UTF-8 only where its charset says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    Utf8,
    Latin1,
}

impl Charset {
    /// The charset of this name; ASCII is UTF-8.
    pub fn of(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" | "us-ascii" | "ascii" => Some(Self::Utf8),
            "iso-8859-1" | "iso8859-1" | "iso_8859-1" | "latin1" => Some(Self::Latin1),
            _ => None,
        }
    }

    /// The text that bytes are, if they are one.
    pub fn decode(self, bytes: Vec<u8>) -> Option<String> {
        match self {
            Self::Utf8 => String::from_utf8(bytes).ok(),
            Self::Latin1 => Some(bytes.into_iter().map(char::from).collect()),
        }
    }
}

/// The text with its encoded words read. Blanks between two of them are part of neither, and a character may begin in one
/// and end in the next.
pub(crate) fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut run = Run::default();
    let mut rest = text;
    while let Some(at) = rest.find("=?") {
        let (before, from) = rest.split_at(at);
        let Some(word) = Word::read(from) else {
            run.end(&mut decoded);
            decoded.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
            continue;
        };
        if !run.goes_on_with(before, &word) {
            run.end(&mut decoded);
            // Blanks between words are dropped even where their charsets differ.
            if !(run.ended_with_word && before.trim().is_empty()) {
                decoded.push_str(before);
            }
        }
        rest = &from[word.length..];
        run.add(before, &from[..word.length], word);
    }
    run.end(&mut decoded);
    decoded.push_str(rest);
    decoded
}

/// A word, as it is read.
struct Word {
    charset: Charset,
    bytes: Vec<u8>,
    /// Bytes that it takes in the text.
    length: usize,
}

impl Word {
    /// The word that a text begins with.
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("=?")?.splitn(4, '?');
        let (charset, encoding, data, rest) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        rest.strip_prefix('=')?;
        // A language may follow behind a star.
        let charset = Charset::of(charset.split('*').next()?)?;
        let bytes = match encoding {
            "B" | "b" => BASE64.decode(data).ok()?,
            "Q" | "q" => quoted_printable(data)?,
            _ => return None,
        };
        Some(Self { charset, bytes, length: text.len() - rest.len() + 1 })
    }
}

/// Words of one charset that follow each other.
#[derive(Default)]
struct Run {
    charset: Option<Charset>,
    bytes: Vec<u8>,
    /// The same as it was written.
    written: String,
    /// Whether what was decoded last were words.
    ended_with_word: bool,
}

impl Run {
    fn goes_on_with(&self, before: &str, word: &Word) -> bool {
        self.charset == Some(word.charset) && before.trim().is_empty()
    }

    fn add(&mut self, before: &str, written: &str, word: Word) {
        if self.charset.is_some() {
            self.written.push_str(before);
        }
        self.charset = Some(word.charset);
        self.bytes.extend(word.bytes);
        self.written.push_str(written);
    }

    /// Writes what the words are; where they are no text, as they were written.
    fn end(&mut self, decoded: &mut String) {
        let Some(charset) = self.charset.take() else {
            self.ended_with_word = false;
            return;
        };
        let read = charset.decode(std::mem::take(&mut self.bytes));
        self.ended_with_word = read.is_some();
        decoded.push_str(&read.unwrap_or_else(|| self.written.clone()));
        self.written.clear();
    }
}

fn quoted_printable(data: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(data.len());
    let mut rest = data.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        match byte {
            b'_' => bytes.push(b' '),
            b'=' => {
                let (pair, behind) = behind.split_at_checked(2)?;
                bytes.extend(hex::decode(pair).ok()?);
                rest = behind;
            }
            byte => bytes.push(*byte),
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn encoded_words_are_read_and_what_is_broken_stays() {
        let cases = [
            ("plain.txt", "plain.txt"),
            ("=?utf-8?B?w5xidW5nLnR4dA==?=", "Übung.txt"),
            ("=?UTF-8?b?w5xidW5nLnR4dA?=", "Übung.txt"),
            ("=?utf-8?Q?=C3=9Cbung_1.txt?=", "Übung 1.txt"),
            ("=?iso-8859-1?q?=DCbung?=.txt", "Übung.txt"),
            ("=?utf-8*de?Q?=C3=9C?=", "Ü"),
            ("=?utf-8?Q?a?= =?utf-8?Q?b?=\t=?utf-8?Q?c?=", "abc"),
            ("=?utf-8?Q?=C3?= =?utf-8?Q?=9C?=", "Ü"),
            ("=?utf-8?Q?a?= =?iso-8859-1?Q?=DC?= b", "aÜ b"),
            ("a =?utf-8?Q?b?= c", "a b c"),
            ("=?utf-8?Q?a?= c =?utf-8?Q?b?=", "a c b"),
            ("=?utf-8?Q?=C3?=.txt", "=?utf-8?Q?=C3?=.txt"),
            ("=?utf-8?B?!!?=", "=?utf-8?B?!!?="),
            ("=?utf-8?Q?=ZZ?=", "=?utf-8?Q?=ZZ?="),
            ("=?shift-jis?B?gqA=?=", "=?shift-jis?B?gqA=?="),
            ("=?utf-8?X?a?=", "=?utf-8?X?a?="),
            ("=?utf-8?Q?a", "=?utf-8?Q?a"),
            ("=?=?utf-8?Q?a?=", "=?a"),
            ("what=?", "what=?"),
        ];
        for (text, expected) in cases {
            assert_eq!(decode(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_its_words(text in "\\PC{0,40}") {
            let word = |text: &[u8]| format!("=?utf-8?B?{}?=", BASE64.encode(text));
            let (one, two) = text.as_bytes().split_at(text.len() / 2);
            prop_assert_eq!(decode(&word(text.as_bytes())), text.as_str());
            prop_assert_eq!(decode(&format!("{} {}", word(one), word(two))), text.as_str());
        }

        #[test]
        fn what_has_no_word_stays(text in "([a-z?=_ ]|utf-8|=\\?){0,20}") {
            prop_assume!(!text.contains("?="));
            prop_assert_eq!(decode(&text), text);
        }
    }
}
