//! The frames that a client reads: `o`, `h`, `a[…]` and `c[…]`, and the escaping of what stands in them.

pub(super) const OPEN: &str = "o";
pub(super) const HEARTBEAT: &str = "h";

/// `a[…]` around messages that [`quote`] has made.
pub(super) fn messages<S: AsRef<str>>(quoted: &[S]) -> String {
    let size = quoted.iter().map(|one| one.as_ref().len() + 1).sum::<usize>() + 2;
    let mut frame = String::with_capacity(size);
    frame.push_str("a[");
    for (at, one) in quoted.iter().enumerate() {
        if at > 0 {
            frame.push(',');
        }
        frame.push_str(one.as_ref());
    }
    frame.push(']');
    frame
}

/// `c[code,"reason"]`.
pub(super) fn close(code: u16, reason: &str) -> String {
    format!("c[{code},{}]", quote(reason))
}

/// A JSON string. Beyond what JSON demands, characters that browsers lose or change on the way are escaped.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = Vec::with_capacity(text.len() + text.len() / 8 + 8);
    quote_into(text.as_bytes(), &mut quoted);
    String::from_utf8(quoted).expect("of UTF-8, only whole characters are replaced, by ASCII")
}

/// As [`quote`], for a text that is known to be UTF-8.
pub(super) fn quote_into(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let (mut plain, mut from) = (0, 0);
    while let Some(at) = next_suspect(text, from) {
        let Some((found, size)) = escaped(&text[at..]) else {
            from = at + 1;
            continue;
        };
        out.extend_from_slice(&text[plain..at]);
        escape(found, out);
        from = at + size;
        plain = from;
    }
    out.extend_from_slice(&text[plain..]);
    out.push(b'"');
}

/// Where the next byte stands with which a character may begin that is escaped; all others pass without being decoded, and
/// 0xe3 to 0xee, which are told from them later, are looked at for nothing. A text is quoted for each client, so eight bytes
/// are looked at together.
fn next_suspect(text: &[u8], mut from: usize) -> Option<usize> {
    while let Some(eight) = text.get(from..).and_then(|rest| rest.first_chunk()) {
        let found = suspects(u64::from_le_bytes(*eight));
        if found != 0 {
            return Some(from + found.trailing_zeros() as usize / 8);
        }
        from += 8;
    }
    let is_suspect = |byte: &u8| matches!(byte, ..0x20 | b'"' | b'\\' | 0xe2..);
    Some(from + text.get(from..)?.iter().position(is_suspect)?)
}

/// The highest bit of the first of these eight bytes that is suspect, and of some behind it; 0 where none is.
fn suspects(eight: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHEST: u64 = ONES << 7;
    // The first byte that borrows from the one behind it is less itself, so the first one that is found is one.
    let less_than = |bytes: u64, least: u64| bytes.wrapping_sub(ONES * least) & !bytes;
    let equal = |byte: u8| less_than(eight ^ (ONES * u64::from(byte)), 1);
    let at_least_0xe2 = eight & ((eight & !HIGHEST) + ONES * (0x100 - 0xe2));
    (less_than(eight, 0x20) | equal(b'"') | equal(b'\\') | at_least_0xe2) & HIGHEST
}

/// The character at the beginning and its size, if it is to be escaped.
fn escaped(text: &[u8]) -> Option<(char, usize)> {
    let (code, size) = match *text {
        [byte @ (..0x20 | b'"' | b'\\'), ..] => (u32::from(byte), 1),
        // U+200C to U+200F, U+2028 to U+202F, U+2060 to U+206F, and what comes after U+FFEF.
        [0xe2, b @ 0x80, c @ (0x8c..=0x8f | 0xa8..=0xaf), ..]
        | [0xe2, b @ 0x81, c @ 0xa0..=0xaf, ..]
        | [0xef, b @ 0xbf, c @ 0xb0..=0xbf, ..] => (u32::from(text[0] & 0xf) << 12 | bits(b) << 6 | bits(c), 3),
        [a @ 0xf0..=0xf7, b, c, d, ..] => (u32::from(a & 7) << 18 | bits(b) << 12 | bits(c) << 6 | bits(d), 4),
        _ => return None,
    };
    char::from_u32(code).map(|found| (found, size))
}

/// The bits of a character that a byte behind its first one has.
fn bits(byte: u8) -> u32 {
    u32::from(byte & 0x3f)
}

fn escape(found: char, out: &mut Vec<u8>) {
    let short: &[u8] = match found {
        '"' => b"\\\"",
        '\\' => b"\\\\",
        '\u{8}' => b"\\b",
        '\u{c}' => b"\\f",
        '\n' => b"\\n",
        '\r' => b"\\r",
        '\t' => b"\\t",
        _ => b"",
    };
    if !short.is_empty() {
        return out.extend_from_slice(short);
    }
    for unit in found.encode_utf16(&mut [0; 2]) {
        out.extend_from_slice(b"\\u");
        for shift in [12, 8, 4, 0] {
            out.push(b"0123456789abcdef"[usize::from(*unit >> shift & 0xf)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_browsers_lose_is_escaped_in_lower_case() {
        assert_eq!(quote("a\"\\\n\r\t\u{8}\u{c}\0\u{1f}é"), r#""a\"\\\n\r\t\b\f\u0000\u001fé""#);
        assert_eq!(quote("\u{200b}\u{200c}\u{200f}\u{2010}"), "\"\u{200b}\\u200c\\u200f\u{2010}\"");
        assert_eq!(quote("\u{2027}\u{2028}\u{202f}\u{2030}"), "\"\u{2027}\\u2028\\u202f\u{2030}\"");
        assert_eq!(quote("\u{205f}\u{2060}\u{206f}\u{2070}"), "\"\u{205f}\\u2060\\u206f\u{2070}\"");
        assert_eq!(quote("\u{ffef}\u{fff0}\u{ffff}"), "\"\u{ffef}\\ufff0\\uffff\"");
        assert_eq!(quote("👍\u{10ffff}"), r#""\ud83d\udc4d\udbff\udfff""#);
        assert_eq!(quote("\u{7f}"), "\"\u{7f}\"");
    }

    #[test]
    fn frames_look_as_the_protocol_says() {
        assert_eq!(messages(&[quote("a"), quote("b\n")]), r#"a["a","b\n"]"#);
        assert_eq!(close(3000, "Go away!"), r#"c[3000,"Go away!"]"#);
    }

    #[test]
    fn what_may_be_escaped_is_found_wherever_it_stands() {
        for byte in 0..=0xff {
            let is_suspect = byte < 0x20 || byte == b'"' || byte == b'\\' || byte >= 0xe2;
            for around in [0x20, b'!', b'#', b'[', b']', 0x7f, 0x80, 0xe1] {
                for (at, length) in (0..20).flat_map(|length| (0..length).map(move |at| (at, length))) {
                    let mut text = vec![around; length];
                    text[at] = byte;
                    assert_eq!(next_suspect(&text, 0), is_suspect.then_some(at), "{byte} in {around}");
                    text[at..].fill(byte);
                    assert_eq!(next_suspect(&text, 0), is_suspect.then_some(at), "{byte} behind {around}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back_as_it_was(text in any::<String>()) {
            prop_assert_eq!(serde_json::from_str::<String>(&quote(&text)).unwrap(), text);
        }
    }
}
