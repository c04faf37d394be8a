//! Escapes in the strings of a document that the specification has and the engine's parser does not read: pairs of
//! surrogates, `\u{…}`, and `\"""` in a block string.

use std::borrow::Cow;

use super::scan::{end_of_comment, end_of_string};

/// What stands for three quotes in a block string.
const ESCAPED_QUOTES: &str = "\\\"\"\"";

/// The document with those escapes replaced by their characters. What is no character, such as a surrogate by itself,
/// stays as it is, for the parser to refuse. A text that passed the scan keeps its lines; its columns may move.
pub(super) fn resolve(text: &str) -> Cow<'_, str> {
    if !text.contains("\\u") && !text.contains(ESCAPED_QUOTES) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut resolved = String::with_capacity(text.len());
    let mut start = 0;
    while let Some(byte) = bytes.get(start) {
        let end = match byte {
            b'#' => end_of_comment(bytes, start),
            b'"' => end_of_string(bytes, start).unwrap_or(bytes.len()),
            _ => text[start..].find(['#', '"']).map_or(bytes.len(), |length| start + length),
        };
        let part = &text[start..end];
        if let Some(block) = part.strip_prefix("\"\"\"").and_then(|rest| rest.strip_suffix("\"\"\"")) {
            if block.contains(ESCAPED_QUOTES) {
                resolve_block(block, &mut resolved);
            } else {
                resolved.push_str(part);
            }
        } else if part.starts_with('"') {
            resolve_string(part, &mut resolved);
        } else {
            resolved.push_str(part);
        }
        start = end;
    }
    Cow::Owned(resolved)
}

fn resolve_string(mut rest: &str, into: &mut String) {
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        into.push_str(plain);
        let length = match character(escape) {
            Some((character, length)) => {
                push(character, into);
                length
            }
            None => {
                // An escaped backslash or quote opens nothing.
                let length = 1 + escape[1..].chars().next().map_or(0, char::len_utf8);
                into.push_str(&escape[..length]);
                length
            }
        };
        rest = &escape[length..];
    }
    into.push_str(rest);
}

/// A block string as the string that it means, and behind it the ends of its lines. The specification takes away the
/// indentation that all lines but the first have, and blank lines at the start and the end.
fn resolve_block(block: &str, into: &mut String) {
    let block = block.replace("\r\n", "\n").replace('\r', "\n");
    let is_blank = |line: &&str| line.bytes().all(|byte| matches!(byte, b' ' | b'\t'));
    let indentation = |line: &str| line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let common = block.split('\n').skip(1).filter(|line| !is_blank(line)).map(indentation).min().unwrap_or(0);
    let stripped = block.split('\n').enumerate().map(|(number, line)| match number {
        0 => line,
        _ => line.get(common..).unwrap_or_default(),
    });
    let lines: Vec<&str> = stripped.collect();
    let first = lines.iter().position(|line| !is_blank(line)).unwrap_or(lines.len());
    let last = lines.iter().rposition(|line| !is_blank(line)).map_or(first, |last| last + 1);
    let text = lines[first..last].join("\n").replace(ESCAPED_QUOTES, "\"\"\"");
    into.push('"');
    text.chars().for_each(|character| push(character, into));
    into.push('"');
    into.extend(std::iter::repeat_n('\n', lines.len() - 1));
}

/// The character of an escape that the parser does not read, and how long the escape is.
fn character(escape: &str) -> Option<(char, usize)> {
    let code = escape.strip_prefix("\\u")?;
    if let Some(digits) = code.strip_prefix('{') {
        let digits = &digits[..digits.find('}')?];
        return Some((char::from_u32(hex(digits)?)?, digits.len() + "\\u{}".len()));
    }
    let low = code.get(4..)?.strip_prefix("\\u")?;
    let (high, low) = (hex(code.get(..4)?)?, hex(low.get(..4)?)?);
    let is_pair = (0xD800..0xDC00).contains(&high) && (0xDC00..0xE000).contains(&low);
    let scalar = is_pair.then(|| 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00))?;
    Some((char::from_u32(scalar)?, "\\uD83D\\uDE00".len()))
}

/// A number of hexadecimal digits alone: the library would take a sign, too.
fn hex(digits: &str) -> Option<u32> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_plain.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

/// What ends a string, a line or the parser's patience is escaped in the way that it reads.
fn push(character: char, into: &mut String) {
    if character.is_control() || matches!(character, '"' | '\\') {
        into.push_str(&format!("\\u{:04x}", u32::from(character)));
    } else {
        into.push(character);
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::Value;
    use async_graphql::parser::parse_query;
    use async_graphql::parser::types::Selection;

    use super::*;

    /// What the engine reads as the argument of `{ f(a: …) }`.
    fn read(literal: &str) -> Option<String> {
        let text = format!("{{ f(a: {literal}) }}");
        let document = parse_query(resolve(&text)).ok()?;
        let (_, operation) = document.operations.iter().next()?;
        let Selection::Field(field) = &operation.node.selection_set.node.items.first()?.node else { return None };
        match field.node.arguments.first()?.1.node.clone().into_const()? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    #[test]
    fn pairs_of_surrogates_and_braces_are_read() {
        for (literal, text) in [
            (r#""\ud83d\ude00""#, "😀"),
            (r#""\uD83D\uDE00!""#, "😀!"),
            (r#""\u{1F600}""#, "😀"),
            (r#""\u{1f600}\u{41}\u{00000000042}""#, "😀AB"),
            (r#""\u0041\u{22}\u{5c}\u{a}""#, "A\"\\\n"),
            (r#""\\u{41}\\ud83d\\ude00""#, "\\u{41}\\ud83d\\ude00"),
            (r#""\"\u{41}\"""#, "\"A\""),
            (r#""é\u{e9}""#, "éé"),
            (r#""""\u{41} \ud83d\ude00""""#, r"\u{41} \ud83d\ude00"),
            ("\"\"\"\\\"\"\"\"\"\"", "\"\"\""),
            (
                "\"\"\"\n\n    a\\n\r\n\t  \r      b \\\"\"\" \"c\"\n\n    é\n  \n\"\"\"",
                "a\\n\n\n  b \"\"\" \"c\"\n\né",
            ),
            ("\"\"\"   x \\\"\"\"\n   y\"\"\"", "   x \"\"\"\ny"),
        ] {
            assert_eq!(read(literal).as_deref(), Some(text), "{literal}");
        }
    }

    #[test]
    fn what_is_no_character_is_refused_by_the_parser() {
        for literal in [
            r#""\ud83d""#,
            r#""\ude00\ud83d""#,
            r#""\ud83d\ud83d""#,
            r#""\ud83d\u{de00}""#,
            r#""\u{d83d}""#,
            r#""\u{110000}""#,
            r#""\u{}""#,
            r#""\u{+41}""#,
            r#""\u{41""#,
            r#""\u{ffffffffff}""#,
            r#""\u12""#,
        ] {
            assert_eq!(read(literal), None, "{literal}");
        }
    }

    #[test]
    fn comments_and_what_has_no_such_escape_stay_as_they_are() {
        assert!(matches!(resolve("{ me { id } }"), Cow::Borrowed(_)));
        let comment = "# \"\\ud83d\\ude00\n{ f(a: \"x\", b: \"\") }";
        assert_eq!(resolve(comment), comment);
        let block = "{ f(a: \"\"\"x \\u{41}\n\"y\"\"\"\", b: 1) }";
        assert_eq!(resolve(block), block);
    }

    #[test]
    fn what_stands_behind_a_block_string_keeps_its_line() {
        let text = "{ f(a: \"\"\"\n\\\"\"\"\r\n b\r\"\"\")\n  g(b: nothing) h! }";
        let lines = |text: &str| text.split("h!").next().unwrap().replace("\r\n", "\n").matches(['\n', '\r']).count();
        assert_eq!(lines(&resolve(text)), lines(text));
    }
}
