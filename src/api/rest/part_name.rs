//! What a part of a form is called, and what its file is called (RFC 7578): clients agree on the header and on little else.
//! `filename*` goes before `filename`, in which browsers escape three characters, and others write words of mail.

use percent_encoding::percent_decode;

use super::encoded_words::{self, Charset};
use super::parameters::parameters;
use crate::error::{Error, Result};

/// The two names of a part.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PartName {
    /// Empty where there is none.
    pub name: String,
    pub file_name: Option<String>,
}

impl PartName {
    /// The names in a `Content-Disposition`.
    ///
    /// # Errors
    /// `BadRequest` for one that is not UTF-8.
    pub fn of(disposition: &[u8]) -> Result<Self> {
        let mut parameters = parameters(disposition);
        let mut take = |wanted: &str| {
            let at = parameters.iter().position(|(name, _)| name == wanted)?;
            Some(parameters.swap_remove(at).1)
        };
        let extended = take("filename*").and_then(|value| extended(&value));
        let file_name = match (extended, take("filename")) {
            (Some(name), _) => Some(name),
            (None, Some(plain)) => Some(plain_file_name(text(plain)?)),
            (None, None) => None,
        };
        let name = take("name").map(text).transpose()?.unwrap_or_default();
        Ok(Self { name: unescape(&name), file_name })
    }
}

fn text(value: Vec<u8>) -> Result<String> {
    String::from_utf8(value).map_err(|_| Error::bad_request("The names in a form must be UTF-8"))
}

fn plain_file_name(name: String) -> String {
    let decoded = encoded_words::decode(&name);
    if decoded == name { unescape(&name) } else { decoded }
}

/// What browsers escape (HTML, multipart/form-data encoding algorithm), and nothing else: `100%.txt` is a name.
fn unescape(name: &str) -> String {
    name.replace("%22", "\"").replace("%0D", "\r").replace("%0d", "\r").replace("%0A", "\n").replace("%0a", "\n")
}

/// An extended value (RFC 8187), `UTF-8''%C3%9C.txt`; none for what is broken, so that the plain one counts.
fn extended(value: &[u8]) -> Option<String> {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let (charset, _language, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    let charset = Charset::of(std::str::from_utf8(charset).ok()?)?;
    let is_escape = |rest: &[u8]| rest.len() >= 2 && rest[..2].iter().all(u8::is_ascii_hexdigit);
    let mut escapes = encoded.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    if !escapes.all(|(at, _)| is_escape(&encoded[at + 1..])) {
        return None;
    }
    charset.decode(percent_decode(encoded).collect()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_read_as_clients_write_them() {
        let cases: [(&[u8], Option<&str>); 18] = [
            (b"form-data; name=\"file\"", None),
            (b"form-data; name=\"file\"; filename=\"a.txt\"", Some("a.txt")),
            ("form-data; name=\"file\"; filename=\"Übung.txt\"".as_bytes(), Some("Übung.txt")),
            (b"form-data; name=file; filename=\"=?utf-8?B?w5xidW5nLnR4dA==?=\"", Some("Übung.txt")),
            (b"form-data; name=file; filename=a.txt; filename*=utf-8''%C3%9Cbung.txt", Some("Übung.txt")),
            (b"form-data; name=file; filename*=utf-8'de'%C3%9Cbung.txt; filename=a.txt", Some("Übung.txt")),
            (b"form-data; name=file; filename*=\"UTF-8''%C3%9C.txt\"", Some("Ü.txt")),
            (b"form-data; name=file; filename*=iso-8859-1''%DCbung.txt", Some("Übung.txt")),
            (b"form-data; name=file; filename*=utf-8''it's.txt", Some("it's.txt")),
            (b"form-data; name=file; filename=a.txt; filename*=utf-8''%C3", Some("a.txt")),
            (b"form-data; name=file; filename=a.txt; filename*=utf-8''%ZZ", Some("a.txt")),
            (b"form-data; name=file; filename=a.txt; filename*=koi8-r''%C3", Some("a.txt")),
            (b"form-data; name=file; filename=a.txt; filename*=b.txt", Some("a.txt")),
            (b"form-data; name=file; filename*=utf-8''%22%25.txt", Some("\"%.txt")),
            (b"form-data; name=file; filename=\"a%22b%20c%.txt\"", Some("a\"b%20c%.txt")),
            (b"form-data; name=file; filename=\"a%0D%0Ab\"", Some("a\r\nb")),
            (b"form-data; name=file; filename=\"a\\\"b.txt\"", Some("a\"b.txt")),
            (b"form-data; name=file; filename=\"\"", Some("")),
        ];
        for (header, expected) in cases {
            let read = PartName::of(header).unwrap();
            assert_eq!(
                (read.name.as_str(), read.file_name.as_deref()),
                ("file", expected),
                "{:?}",
                header.escape_ascii().to_string()
            );
        }
        assert_eq!(PartName::of(b"form-data; filename=a").unwrap().name, "");
        assert!(PartName::of(b"form-data; name=file; filename=\"caf\xe9\"").is_err());
    }
}
