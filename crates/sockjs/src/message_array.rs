//! The array of messages that a client sends, as strict JSON. It is read without loss: a client may cut its text between
//! the two surrogates of a character, which JSON can express and UTF-8 cannot.

use axum::extract::ws::Utf8Bytes;

/// The text is no JSON array of strings and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvalidArray;

/// The messages of one array. The text is kept as it came and read one message at a time, so that a quarter of a
/// megabyte of empty strings takes no more memory than it has bytes.
#[derive(Debug, Clone)]
pub(super) struct MessageArray {
    text: Utf8Bytes,
    at: usize,
}

impl MessageArray {
    /// Checks the whole array, so that no message of an invalid one is delivered.
    pub(super) fn new(text: Utf8Bytes) -> Result<Self, InvalidArray> {
        let mut scanner = Scanner { text: text.as_str(), at: 0 };
        scanner.skip_blanks();
        scanner.expect(b'[')?;
        scanner.skip_blanks();
        let first = scanner.at;
        if scanner.peek() == Some(b']') {
            scanner.at += 1;
        } else {
            loop {
                scanner.element(&mut |_| ())?;
                scanner.skip_blanks();
                match scanner.next() {
                    Some(b',') => scanner.skip_blanks(),
                    Some(b']') => break,
                    _ => return Err(InvalidArray),
                }
            }
        }
        scanner.skip_blanks();
        if scanner.at < scanner.text.len() { Err(InvalidArray) } else { Ok(Self { text, at: first }) }
    }

    /// The next message, or `None` after the last. A high surrogate at its end is kept in `pending`.
    pub(super) fn next(&mut self, pending: &mut PendingSurrogate) -> Option<String> {
        let mut scanner = Scanner { text: self.text.as_str(), at: self.at };
        if scanner.peek() == Some(b']') {
            return None;
        }
        let mut out = String::new();
        scanner
            .element(&mut |piece| match piece {
                Piece::Text(text) => pending.push_text(text, &mut out),
                Piece::Unit(unit) => pending.push_unit(unit, &mut out),
            })
            .ok()?;
        scanner.skip_blanks();
        if scanner.peek() == Some(b',') {
            scanner.at += 1;
            scanner.skip_blanks();
        }
        self.at = scanner.at;
        Some(out)
    }
}

/// The high surrogate at the end of a session's last message, if there is one. It is joined with the low surrogate at
/// the start of the next message; a surrogate that stays alone becomes U+FFFD.
#[derive(Debug, Default)]
pub(super) struct PendingSurrogate(Option<u16>);

impl PendingSurrogate {
    fn push_text(&mut self, text: &str, out: &mut String) {
        if self.0.take().is_some() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
        out.push_str(text);
    }

    fn push_unit(&mut self, unit: u16, out: &mut String) {
        let joined = self.0.and_then(|high| char::decode_utf16([high, unit]).next()?.ok());
        if let Some(joined) = joined {
            self.0 = None;
            out.push(joined);
        } else if matches!(unit, 0xd800..0xdc00) {
            self.push_text("", out);
            self.0 = Some(unit);
        } else {
            let whole = char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER);
            self.push_text(whole.encode_utf8(&mut [0; 4]), out);
        }
    }
}

/// A part of a JSON string: plain text, or the UTF-16 code unit of an escape.
enum Piece<'t> {
    Text(&'t str),
    Unit(u16),
}

/// Reads JSON from a position in a text onwards.
struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Result<(), InvalidArray> {
        if self.next() == Some(byte) { Ok(()) } else { Err(InvalidArray) }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// A string, or a number, which counts as the string of its digits.
    fn element(&mut self, sink: &mut dyn FnMut(Piece<'t>)) -> Result<(), InvalidArray> {
        match self.peek() {
            Some(b'"') => self.string(sink),
            Some(b'-' | b'0'..=b'9') => self.number(sink),
            _ => Err(InvalidArray),
        }
    }

    fn string(&mut self, sink: &mut dyn FnMut(Piece<'t>)) -> Result<(), InvalidArray> {
        self.expect(b'"')?;
        loop {
            let start = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | ..0x20)) {
                self.at += 1;
            }
            if self.at > start {
                sink(Piece::Text(&self.text[start..self.at]));
            }
            match self.next() {
                Some(b'"') => return Ok(()),
                Some(b'\\') => sink(self.escape()?),
                _ => return Err(InvalidArray),
            }
        }
    }

    fn escape(&mut self) -> Result<Piece<'t>, InvalidArray> {
        Ok(Piece::Text(match self.next().ok_or(InvalidArray)? {
            b'"' => "\"",
            b'\\' => "\\",
            b'/' => "/",
            b'b' => "\u{8}",
            b'f' => "\u{c}",
            b'n' => "\n",
            b'r' => "\r",
            b't' => "\t",
            b'u' => return self.unit().map(Piece::Unit),
            _ => return Err(InvalidArray),
        }))
    }

    fn unit(&mut self) -> Result<u16, InvalidArray> {
        (0..4).try_fold(0, |unit, _| {
            let digit = self.next().and_then(|byte| char::from(byte).to_digit(16)).ok_or(InvalidArray)?;
            Ok(unit << 4 | u16::try_from(digit).map_err(|_| InvalidArray)?)
        })
    }

    fn number(&mut self, sink: &mut dyn FnMut(Piece<'t>)) -> Result<(), InvalidArray> {
        let start = self.at;
        self.skip(b"-");
        if !self.skip(b"0") {
            self.digits()?;
        }
        if self.skip(b".") {
            self.digits()?;
        }
        if self.skip(b"eE") {
            self.skip(b"+-");
            self.digits()?;
        }
        sink(Piece::Text(&self.text[start..self.at]));
        Ok(())
    }

    fn skip(&mut self, any: &[u8]) -> bool {
        let found = self.peek().is_some_and(|byte| any.contains(&byte));
        self.at += usize::from(found);
        found
    }

    fn digits(&mut self) -> Result<(), InvalidArray> {
        let start = self.at;
        while self.skip(b"0123456789") {}
        if self.at > start { Ok(()) } else { Err(InvalidArray) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_with(text: &str, pending: &mut PendingSurrogate) -> Result<Vec<String>, InvalidArray> {
        let mut array = MessageArray::new(text.to_owned().into())?;
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
