//! Measures the raw text of a document, before the parser may recurse over it.

use super::limits::{QueryLimits, TOO_DEEP};
use crate::error::{Error, Result};

/// The deepest nesting that the parser may be given in a stack of 2 MB, whatever the settings say.
const MAX_BRACKETS: usize = 64;

/// One pass over the bytes. It must see strings and comments exactly as the parser does, for a bracket inside them does
/// not nest; where a text is malformed it may count too much but never too little.
pub(super) fn scan(text: &str, limits: &QueryLimits) -> Result<()> {
    let bytes = text.as_bytes();
    if bytes.len() > limits.size {
        return Err(Error::bad_request("The query is too long"));
    }
    let max_brackets = limits.brackets.min(MAX_BRACKETS);
    let (mut at, mut tokens, mut brackets, mut directives) = (0, 0, 0_usize, 0);
    while let Some(&byte) = bytes.get(at) {
        at = match byte {
            b' ' | b',' | b'\t' | b'\r' | b'\n' | 0x80.. => {
                at += 1;
                continue;
            }
            b'#' => {
                at = end_of_comment(bytes, at);
                continue;
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'1'..=b'9' => {
                let end = end_of_word(bytes, at);
                if end - at > limits.name {
                    return Err(Error::bad_request("The query has a name that is too long"));
                }
                end
            }
            b'(' | b'[' | b'{' => {
                brackets += 1;
                if brackets > max_brackets {
                    return Err(Error::bad_request(TOO_DEEP));
                }
                at + 1
            }
            b')' | b']' | b'}' => {
                brackets = brackets.saturating_sub(1);
                at + 1
            }
            b'"' => end_of_string(bytes, at)
                .ok_or_else(|| Error::bad_request("The query has a string that is not closed"))?,
            b'@' => {
                directives += 1;
                if directives > limits.directives {
                    return Err(Error::bad_request("The query has too many directives"));
                }
                at + 1
            }
            b'.' if bytes[at..].starts_with(b"...") => at + 3,
            _ => at + 1,
        };
        tokens += 1;
        if tokens > limits.tokens {
            return Err(Error::bad_request("The query has too many parts"));
        }
    }
    Ok(())
}

fn end_of_word(bytes: &[u8], start: usize) -> usize {
    let rest = bytes[start..].iter();
    start + rest.take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
}

pub(super) fn end_of_comment(bytes: &[u8], start: usize) -> usize {
    start + bytes[start..].iter().take_while(|byte| !matches!(byte, b'\r' | b'\n')).count()
}

/// Where the string that opens at `start` ends; `None` if it does not. That is refused here because the parser would
/// read an unclosed block string again as an empty string with something behind it.
pub(super) fn end_of_string(bytes: &[u8], start: usize) -> Option<usize> {
    let block = bytes[start..].starts_with(b"\"\"\"");
    let mut at = start + if block { 3 } else { 1 };
    loop {
        at += match bytes.get(at)? {
            b'\\' if !block => 2,
            b'\\' if bytes[at..].starts_with(b"\\\"\"\"") => 4,
            b'"' if !block => return Some(at + 1),
            b'"' if bytes[at..].starts_with(b"\"\"\"") => return Some(at + 3),
            b'\r' | b'\n' if !block => return None,
            _ => 1,
        };
    }
}
