//! The header that says how a browser is to treat a file, and what the file is called (RFC 6266, RFC 8187). It can be
//! given any name.

use axum::http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but the characters that RFC 8187 lets stand.
const NOT_PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// `inline` or `attachment` with the name in ASCII for old clients and in full for all others.
pub(crate) fn disposition(shown: bool, name: &str) -> HeaderValue {
    let plain = |c: char| c.is_ascii_alphanumeric() || " !#$&'()+,-.;=@[]^_`{}~".contains(c);
    let fallback: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    let kind = if shown { "inline" } else { "attachment" };
    let full = utf8_percent_encode(name, NOT_PLAIN);
    let header = format!("{kind}; filename=\"{fallback}\"; filename*=UTF-8''{full}");
    HeaderValue::try_from(header).expect("both names are visible ASCII")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_written_twice() {
        let header = disposition(false, "Übung \"1\".pdf");
        let expected = "attachment; filename=\"_bung _1_.pdf\"; filename*=UTF-8''%C3%9Cbung%20%221%22.pdf";
        assert_eq!(header, expected);
        assert_eq!(disposition(true, "a.png"), "inline; filename=\"a.png\"; filename*=UTF-8''a.png");
    }

    proptest! {
        #[test]
        fn any_name_comes_back_and_breaks_nothing(name in "\\PC{0,60}|[\\x00-\\x7f]{0,40}|(\r\n|\"|\\\\|;|%|\u{202e}|é){0,20}") {
            let header = disposition(false, &name);
            let header = header.to_str().unwrap();
            let (head, full) = header.split_once("; filename*=UTF-8''").unwrap();
            prop_assert_eq!(percent_encoding::percent_decode_str(full).decode_utf8().unwrap(), name.as_str());
            let quoted = head.strip_prefix("attachment; filename=\"").unwrap().strip_suffix('"').unwrap();
            prop_assert!(!quoted.contains(['"', '\\', '%', '\r', '\n']));
            prop_assert_eq!(quoted.chars().count(), name.chars().count());
        }
    }
}
