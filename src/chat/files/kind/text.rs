//! Whether all bytes of a file are text.

/// Tells whether bytes are UTF-8 without U+0000, however they are cut.
#[derive(Default)]
pub(in crate::chat::files) struct Text {
    /// The bytes of a character that goes on in the next piece.
    open: Vec<u8>,
    broken: bool,
}

impl Text {
    pub fn take(&mut self, piece: &[u8]) {
        if self.broken {
            return;
        }
        let mut rest = piece;
        while let (false, [first, after @ ..]) = (self.open.is_empty() || self.broken, rest) {
            self.open.push(*first);
            rest = after;
            match std::str::from_utf8(&self.open) {
                Ok(_) => self.open.clear(),
                Err(cause) => self.broken = cause.error_len().is_some(),
            }
        }
        self.broken |= rest.contains(&0);
        if let Err(cause) = std::str::from_utf8(rest) {
            self.broken |= cause.error_len().is_some();
            self.open = rest[cause.valid_up_to()..].to_vec();
        }
    }

    /// Whether all that came is text, and no character is left half.
    pub fn is_whole(&self) -> bool {
        !self.broken && self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &[u8], piece: usize) -> bool {
        let mut text = Text::default();
        bytes.chunks(piece).for_each(|piece| text.take(piece));
        text.is_whole()
    }

    proptest! {
        #[test]
        fn text_is_text_however_it_is_cut(words in "[^\0]{0,40}", piece in 1_usize..7) {
            prop_assert!(text(words.as_bytes(), piece));
            prop_assert_eq!(text(&[words.as_bytes(), &[0xc3]].concat(), piece), false);
        }

        #[test]
        fn any_bytes_are_judged_as_if_they_came_at_once(bytes in proptest::collection::vec(1_u8.., 0..12), piece in 1_usize..5) {
            prop_assert_eq!(text(&bytes, piece), std::str::from_utf8(&bytes).is_ok());
        }
    }
}
