//! The array of messages that a client sends, as strict JSON. It is read without loss: a client may cut its text between
//! the two surrogates of a character, which JSON can express and UTF-8 cannot.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{SeqAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;

/// The text is no JSON array of strings and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvalidArray;

/// The messages of one array. The text is kept as it came and read one message at a time, so that a quarter of a
/// megabyte of empty strings takes no more memory than it has bytes.
#[derive(Debug, Clone)]
pub(super) struct MessageArray {
    text: String,
    /// Where the next message begins, or the bracket after the last.
    at: usize,
}

impl MessageArray {
    /// Checks the whole array, so that no message of an invalid one is delivered.
    pub(super) fn new(text: String) -> Result<Self, InvalidArray> {
        let mut json = Deserializer::from_str(&text);
        json.deserialize_seq(Checked).and_then(|()| json.end()).map_err(|_| InvalidArray)?;
        let at = text.find('[').ok_or(InvalidArray)? + 1;
        Ok(Self { text, at })
    }

    /// The next message, or `None` after the last. A high surrogate at its end is kept in `pending`.
    pub(super) fn next(&mut self, pending: &mut PendingSurrogate) -> Option<String> {
        let rest = &self.text[self.at..];
        let rest = rest.trim_start_matches([',', ' ', '\t', '\n', '\r']);
        let start = self.text.len() - rest.len();
        if rest.starts_with(']') {
            self.at = start;
            return None;
        }
        let mut values = Deserializer::from_str(rest).into_iter::<&RawValue>();
        let message = values.next()?.ok()?.get();
        self.at = start + values.byte_offset();
        let mut out = String::new();
        match message.starts_with('"') {
            true => Deserializer::from_str(message).deserialize_bytes(Joined { pending, out: &mut out }).ok()?,
            false => pending.push_text(message, &mut out),
        }
        Some(out)
    }
}

/// The high surrogate at the end of a session's last message, if there is one. It is joined with the low surrogate at
/// the start of the next message; a surrogate that stays alone becomes U+FFFD.
#[derive(Debug, Default)]
pub(super) struct PendingSurrogate(Option<u16>);

impl PendingSurrogate {
    fn push_text(&mut self, text: &str, out: &mut String) {
        if !text.is_empty() && self.0.take().is_some() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
        out.push_str(text);
    }

    fn push_surrogate(&mut self, surrogate: u16, out: &mut String) {
        match self.0.take().map(|high| char::decode_utf16([high, surrogate]).next()) {
            Some(Some(Ok(joined))) => return out.push(joined),
            Some(_) => out.push(char::REPLACEMENT_CHARACTER),
            None => {}
        }
        match surrogate {
            0xd800..0xdc00 => self.0 = Some(surrogate),
            _ => out.push(char::REPLACEMENT_CHARACTER),
        }
    }
}

/// An array that holds nothing but strings and numbers; a number counts as the string of its digits.
struct Checked;

impl<'de> Visitor<'de> for Checked {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an array of strings and numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while let Some(value) = array.next_element::<&RawValue>()? {
            if !value.get().starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
                return Err(serde::de::Error::custom("neither a string nor a number"));
            }
        }
        Ok(())
    }
}

/// A string whose surrogates are joined with those of its neighbours. As bytes, `serde_json` gives a surrogate that is
/// alone in the form that UTF-8 would have for it: 0xED, and two bytes of which the first is 0xA0 or more.
struct Joined<'p> {
    pending: &'p mut PendingSurrogate,
    out: &'p mut String,
}

impl Visitor<'_> for Joined<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<(), E> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let valid = rest.utf8_chunks().next().map_or("", |chunk| chunk.valid());
            self.pending.push_text(valid, self.out);
            rest = &rest[valid.len()..];
            if let [0xed, second, third, after @ ..] = rest {
                let surrogate = 0xd000 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f);
                self.pending.push_surrogate(surrogate, self.out);
                rest = after;
            } else {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_with(text: &str, pending: &mut PendingSurrogate) -> Result<Vec<String>, InvalidArray> {
        let mut array = MessageArray::new(text.to_owned())?;
        Ok(std::iter::from_fn(|| array.next(pending)).collect())
    }

    fn read(text: &str) -> Result<Vec<String>, InvalidArray> {
        read_with(text, &mut PendingSurrogate::default())
    }

    #[test]
    fn strings_are_read_and_numbers_are_their_digits() {
        assert_eq!(
            read(r#" [ "a" , "b\n\"\\\/\b\f\r\t\u00e9" ,1,-0.5e+3 ] "#).unwrap(),
            ["a", "b\n\"\\/\u{8}\u{c}\r\té", "1", "-0.5e+3"]
        );
        assert!(read("[]").unwrap().is_empty());
        assert!(read("[ \n]").unwrap().is_empty());
        assert_eq!(read(r#"["",""]"#).unwrap(), ["", ""]);
        assert_eq!(read("[\"👍\\ud83d\\udc4d\u{7f}\"]").unwrap(), ["👍👍\u{7f}"]);
    }

    #[test]
    fn what_is_no_array_of_strings_is_broken() {
        for text in [
            "",
            " ",
            "[",
            "]",
            "[\"a",
            "[\"a\"",
            "\"a\"",
            "{}",
            "1",
            "null",
            "[null]",
            "[true]",
            "[[]]",
            "[{}]",
            "[,]",
            "[\"a\",]",
            "[\"a\" \"b\"]",
            "[\"a\"]x",
            "[\"a\"][]",
            "[01]",
            "[1.]",
            "[.5]",
            "[-]",
            "[1e]",
            "[+1]",
            "[NaN]",
            "['a']",
            r#"["\x"]"#,
            r#"["\u12"]"#,
            r#"["\u12g4"]"#,
            "[\"\n\"]",
            "[\"\u{0}\"]",
            "[\"a\\\"]",
            "\u{feff}[]",
        ] {
            assert_eq!(read(text), Err(InvalidArray), "{text:?}");
        }
    }

    #[test]
    fn halves_of_a_character_are_joined_across_messages() {
        let mut pending = PendingSurrogate::default();
        assert_eq!(read_with(r#"["a\ud83d"]"#, &mut pending).unwrap(), ["a"]);
        assert_eq!(read_with(r#"["\udc4db","\ud83d","","\udc4d"]"#, &mut pending).unwrap(), ["👍b", "", "", "👍"]);
    }

    #[test]
    fn a_half_that_stays_alone_is_replaced() {
        assert_eq!(read(r#"["\udc4d"]"#).unwrap(), ["\u{fffd}"]);
        assert_eq!(read(r#"["\ud83dx"]"#).unwrap(), ["\u{fffd}x"]);
        assert_eq!(read(r#"["\ud83d\ud83d\udc4d"]"#).unwrap(), ["\u{fffd}👍"]);
        assert_eq!(read(r#"["\ud83d\u0041"]"#).unwrap(), ["\u{fffd}A"]);
        assert_eq!(read(r#"["\udc4d\ud83d","x"]"#).unwrap(), ["\u{fffd}", "\u{fffd}x"]);
    }

    proptest! {
        #[test]
        fn whatever_json_reads_is_read_alike(texts in prop::collection::vec(any::<String>(), 0..8)) {
            prop_assert_eq!(read(&serde_json::to_string(&texts).unwrap()).unwrap(), texts);
        }

        #[test]
        fn any_text_is_judged_as_json_judges_it(text in r#"[\[\]",a\\u0d8é 1.e-]{0,24}"#) {
            let mine = read(&text);
            match serde_json::from_str::<Vec<serde_json::Value>>(&text) {
                Ok(values) if values.iter().all(|value| value.is_string() || value.is_number()) => {
                    let mine = mine.unwrap();
                    prop_assert_eq!(mine.len(), values.len());
                    for (mine, value) in mine.iter().zip(&values) {
                        prop_assert!(value.is_number() || value.as_str() == Some(mine));
                    }
                }
                // Halves of characters and numbers out of range are what the two judge differently.
                _ => prop_assert!(mine.is_err() || text.contains('d') || text.contains('8') || text.contains('e')),
            }
        }

        #[test]
        fn text_cut_anywhere_comes_out_whole(text in any::<String>(), cut in any::<prop::sample::Index>()) {
            let units: Vec<u16> = text.encode_utf16().collect();
            let cut = cut.index(units.len() + 1);
            let mut pending = PendingSurrogate::default();
            let mut whole = String::new();
            for part in [&units[..cut], &units[cut..]] {
                let escaped: String = part.iter().map(|unit| format!("\\u{unit:04X}")).collect();
                whole += &read_with(&format!("[\"{escaped}\"]"), &mut pending).unwrap().concat();
            }
            prop_assert_eq!(whole, text);
        }

        #[test]
        fn no_text_stops_the_reader(text in any::<String>()) {
            let _ = read(&text);
        }
    }
}
