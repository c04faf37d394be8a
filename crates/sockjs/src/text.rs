//! A text on its way from or to a client: bytes that are UTF-8, and are not looked at again to know it.

use std::fmt;

use bytes::Bytes;

/// Bytes that are UTF-8. Cloning it copies no bytes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Text(Bytes);

impl Text {
    /// A text of these bytes.
    ///
    /// # Errors
    /// Gives the bytes back where they are no UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, Bytes> {
        if str::from_utf8(&bytes).is_ok() { Ok(Self(bytes)) } else { Err(bytes) }
    }

    /// A text of bytes that are UTF-8 because of how they were made. In a release build they are not checked; a client that
    /// was sent others would close the connection with 1007.
    pub fn from_known_utf8(bytes: Bytes) -> Self {
        debug_assert!(str::from_utf8(&bytes).is_ok(), "a text that was said to be UTF-8");
        Self(bytes)
    }

    /// The bytes, which are UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, without copying them.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The size of the text in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_utf8_becomes_a_text_and_no_byte_is_copied() {
        let bytes = Bytes::from("é".to_owned());
        let text = Text::from_utf8(bytes.clone()).unwrap();
        assert_eq!((text.as_bytes().as_ptr(), text.len(), text.is_empty()), (bytes.as_ptr(), 2, false));
        assert_eq!(text.clone().into_bytes().as_ptr(), bytes.as_ptr());
        assert_eq!((format!("{text:?}"), text), ("\"é\"".to_owned(), Text::from("é")));
        let broken = Bytes::from_static(b"\xc3");
        assert_eq!(Text::from_utf8(broken.clone()), Err(broken));
    }
}
