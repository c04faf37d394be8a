//! The parameters of a header, `name=value` behind its first word, as clients write them: in quotation marks or without,
//! with quotation marks inside that are escaped or are not. It knows no header.

/// The parameters in their order, their names in lower case. Whatever is none is passed over.
pub(super) fn parameters(header: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = after(header, b';');
    while !rest.is_empty() {
        let Some(equals) = rest.iter().position(|byte| matches!(byte, b'=' | b';')) else { break };
        if rest[equals] == b';' {
            rest = &rest[equals + 1..];
            continue;
        }
        let name = String::from_utf8_lossy(rest[..equals].trim_ascii()).to_ascii_lowercase();
        let value = rest[equals + 1..].trim_ascii_start();
        let read = match value {
            [b'"', inner @ ..] => quoted(inner, true).or_else(|| quoted(inner, false)),
            value => Some(plain(value)),
        };
        // A quotation mark that is not closed leaves nothing behind it.
        let Some((value, behind)) = read else { break };
        found.push((name, value));
        rest = behind;
    }
    found
}

/// What stands behind the next such byte.
fn after(bytes: &[u8], wanted: u8) -> &[u8] {
    bytes.iter().position(|byte| *byte == wanted).map_or(&[], |at| &bytes[at + 1..])
}

fn plain(value: &[u8]) -> (Vec<u8>, &[u8]) {
    let value_end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    (value[..value_end].trim_ascii().to_vec(), after(value, b';'))
}

/// The value up to the quotation mark that ends it, behind which nothing or a semicolon stands. A backslash escapes a
/// quotation mark or another one; a browser writes it as it is, which shows where no end is found otherwise.
fn quoted(inner: &[u8], with_escapes: bool) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    let mut rest = inner;
    loop {
        match rest {
            [b'\\', escaped @ (b'"' | b'\\'), behind @ ..] if with_escapes => {
                value.push(*escaped);
                rest = behind;
            }
            [b'"', behind @ ..] if matches!(behind.trim_ascii_start(), [] | [b';', ..]) => {
                return Some((value, after(behind, b';')));
            }
            [byte, behind @ ..] => {
                value.push(*byte);
                rest = behind;
            }
            [] => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Vec<(String, String)> {
        let text = |value| String::from_utf8(value).unwrap();
        parameters(header.as_bytes()).into_iter().map(|(name, value)| (name, text(value))).collect()
    }

    #[test]
    fn parameters_are_read_as_clients_write_them() {
        let cases: [(&str, &[(&str, &str)]); 14] = [
            ("form-data", &[]),
            ("form-data;", &[]),
            ("form-data; name", &[]),
            ("form-data; name=file", &[("name", "file")]),
            ("form-data; NAME = file ; x", &[("name", "file")]),
            ("form-data;name=\"file\";filename=\"a;b=c.txt\"", &[("name", "file"), ("filename", "a;b=c.txt")]),
            ("form-data; filename=\"x; name=y\"; name=z", &[("filename", "x; name=y"), ("name", "z")]),
            ("form-data; filename=a b.txt; name=\"\"", &[("filename", "a b.txt"), ("name", "")]),
            (r#"form-data; filename="a\"b\\c.txt""#, &[("filename", r#"a"b\c.txt"#)]),
            (r#"form-data; filename="C:\new\a.txt""#, &[("filename", r"C:\new\a.txt")]),
            (r#"form-data; filename="a\""#, &[("filename", r"a\")]),
            (r#"form-data; filename="a"b".txt"; name=x"#, &[("filename", r#"a"b".txt"#), ("name", "x")]),
            ("form-data; name=x; filename=\"a; b=c", &[("name", "x")]),
            ("multipart/form-data; boundary=----=_Part_1:2", &[("boundary", "----=_Part_1:2")]),
        ];
        for (header, expected) in cases {
            let expected: Vec<_> = expected.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            assert_eq!(read(header), expected, "{header}");
        }
    }
}
