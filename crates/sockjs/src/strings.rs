//! The array of strings that a client sends, read without loss: a client may cut its text between the two halves of a
//! character, which JSON can say and UTF-8 cannot. Apart from that it is strict JSON.

use axum::extract::ws::Utf8Bytes;

/// The text is no JSON array of strings and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

/// The strings of one array. The array is kept as it came and read one string at a time, so that a quarter of a
/// megabyte of empty strings takes no more memory than it has bytes.
#[derive(Debug, Clone)]
pub(super) struct Strings {
    text: Utf8Bytes,
    at: usize,
}

impl Strings {
    /// Looks at the whole array first, so that nothing of a broken one is delivered.
    pub(super) fn new(text: Utf8Bytes) -> Result<Self, Broken> {
        let mut scan = Scan { text: text.as_str(), at: 0 };
        scan.blank();
        scan.expect(b'[')?;
        scan.blank();
        let first = scan.at;
        if scan.peek() == Some(b']') {
            scan.at += 1;
        } else {
            loop {
                scan.element(&mut |_| ())?;
                scan.blank();
                match scan.next() {
                    Some(b',') => scan.blank(),
                    Some(b']') => break,
                    _ => return Err(Broken),
                }
            }
        }
        scan.blank();
        if scan.at < scan.text.len() { Err(Broken) } else { Ok(Self { text, at: first }) }
    }

    /// The next string, or `None` after the last. Half a character at its end is kept in `half`.
    pub(super) fn next(&mut self, half: &mut Half) -> Option<String> {
        let mut scan = Scan { text: self.text.as_str(), at: self.at };
        if scan.peek() == Some(b']') {
            return None;
        }
        let mut out = String::new();
        scan.element(&mut |piece| match piece {
            Piece::Text(text) => half.text(text, &mut out),
            Piece::Unit(unit) => half.unit(unit, &mut out),
        })
        .ok()?;
        scan.blank();
        if scan.peek() == Some(b',') {
            scan.at += 1;
            scan.blank();
        }
        self.at = scan.at;
        Some(out)
    }
}

/// The first half of a character (a high surrogate) at the end of a session's last message, if there is one. It is
/// joined with the second half at the start of the next; a half that stays alone becomes U+FFFD.
#[derive(Debug, Default)]
pub(super) struct Half(Option<u16>);

impl Half {
    fn text(&mut self, text: &str, out: &mut String) {
        if self.0.take().is_some() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
        out.push_str(text);
    }

    fn unit(&mut self, unit: u16, out: &mut String) {
        let joined = self.0.and_then(|high| char::decode_utf16([high, unit]).next()?.ok());
        if let Some(joined) = joined {
            self.0 = None;
            out.push(joined);
        } else if matches!(unit, 0xd800..0xdc00) {
            self.text("", out);
            self.0 = Some(unit);
        } else {
            let whole = char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER);
            self.text(whole.encode_utf8(&mut [0; 4]), out);
        }
    }
}

enum Piece<'t> {
    Text(&'t str),
    Unit(u16),
}

/// A place in a text, moving on.
struct Scan<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scan<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Result<(), Broken> {
        if self.next() == Some(byte) { Ok(()) } else { Err(Broken) }
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// A string, or a number, which counts as the string of its digits.
    fn element(&mut self, sink: &mut dyn FnMut(Piece<'t>)) -> Result<(), Broken> {
        match self.peek() {
            Some(b'"') => self.string(sink),
            Some(b'-' | b'0'..=b'9') => self.number(sink),
            _ => Err(Broken),
        }
    }

    fn string(&mut self, sink: &mut dyn FnMut(Piece<'t>)) -> Result<(), Broken> {
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
                _ => return Err(Broken),
            }
        }
    }

    fn escape(&mut self) -> Result<Piece<'t>, Broken> {
        Ok(Piece::Text(match self.next().ok_or(Broken)? {
            b'"' => "\"",
            b'\\' => "\\",
            b'/' => "/",
            b'b' => "\u{8}",
            b'f' => "\u{c}",
            b'n' => "\n",
            b'r' => "\r",
            b't' => "\t",
            b'u' => return self.unit().map(Piece::Unit),
            _ => return Err(Broken),
        }))
    }

    fn unit(&mut self) -> Result<u16, Broken> {
        (0..4).try_fold(0, |unit, _| {
            let digit = self.next().and_then(|byte| char::from(byte).to_digit(16)).ok_or(Broken)?;
            Ok(unit << 4 | u16::try_from(digit).map_err(|_| Broken)?)
        })
    }

    fn number(&mut self, sink: &mut dyn FnMut(Piece<'t>)) -> Result<(), Broken> {
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

    fn digits(&mut self) -> Result<(), Broken> {
        let start = self.at;
        while self.skip(b"0123456789") {}
        if self.at > start { Ok(()) } else { Err(Broken) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_with(text: &str, half: &mut Half) -> Result<Vec<String>, Broken> {
        let mut strings = Strings::new(text.to_owned().into())?;
        Ok(std::iter::from_fn(|| strings.next(half)).collect())
    }

    fn read(text: &str) -> Result<Vec<String>, Broken> {
        read_with(text, &mut Half::default())
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
            assert_eq!(read(text), Err(Broken), "{text:?}");
        }
    }

    #[test]
    fn halves_of_a_character_are_joined_across_messages() {
        let mut half = Half::default();
        assert_eq!(read_with(r#"["a\ud83d"]"#, &mut half).unwrap(), ["a"]);
        assert_eq!(read_with(r#"["\udc4db","\ud83d","","\udc4d"]"#, &mut half).unwrap(), ["👍b", "", "", "👍"]);
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
            let mut half = Half::default();
            let mut whole = String::new();
            for part in [&units[..cut], &units[cut..]] {
                let escaped: String = part.iter().map(|unit| format!("\\u{unit:04X}")).collect();
                whole += &read_with(&format!("[\"{escaped}\"]"), &mut half).unwrap().concat();
            }
            prop_assert_eq!(whole, text);
        }

        #[test]
        fn no_text_stops_the_reader(text in any::<String>()) {
            let _ = read(&text);
        }
    }
}
