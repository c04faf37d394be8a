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

/// `a["…"]` around one message.
pub(super) fn message(text: &str) -> String {
    let mut frame = String::with_capacity(text.len() + text.len() / 8 + 16);
    frame.push_str("a[");
    quote_into(text, &mut frame);
    frame.push(']');
    frame
}

/// `c[code,"reason"]`.
pub(super) fn close(code: u16, reason: &str) -> String {
    format!("c[{code},{}]", quote(reason))
}

/// A JSON string. Beyond what JSON demands, characters that browsers lose or change on the way are escaped.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + text.len() / 8 + 8);
    quote_into(text, &mut quoted);
    quoted
}

fn quote_into(text: &str, out: &mut String) {
    out.push('"');
    let mut plain = 0;
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        // Only these can begin a character that is escaped; all others pass without being decoded.
        if !matches!(byte, ..0x20 | b'"' | b'\\' | 0xe2 | 0xef | 0xf0..) {
            at += 1;
            continue;
        }
        let Some(found) = text[at..].chars().next() else { break };
        if escaped(found) {
            out.push_str(&text[plain..at]);
            escape(found, out);
            plain = at + found.len_utf8();
        }
        at += found.len_utf8();
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

fn escaped(found: char) -> bool {
    matches!(
        found,
        ..'\u{20}'
            | '"'
            | '\\'
            | '\u{200c}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff0}'..
    )
}

fn escape(found: char, out: &mut String) {
    let short = match found {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\u{8}' => "\\b",
        '\u{c}' => "\\f",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        _ => "",
    };
    if !short.is_empty() {
        return out.push_str(short);
    }
    for unit in found.encode_utf16(&mut [0; 2]) {
        out.push_str("\\u");
        for shift in [12, 8, 4, 0] {
            out.push(char::from(b"0123456789abcdef"[usize::from(*unit >> shift & 0xf)]));
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
        assert_eq!(message("x"), r#"a["x"]"#);
        assert_eq!(close(3000, "Go away!"), r#"c[3000,"Go away!"]"#);
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back_as_it_was(text in any::<String>()) {
            prop_assert_eq!(serde_json::from_str::<String>(&quote(&text)).unwrap(), text);
        }
    }
}
