//! Text that comes in pieces, cut between any two bytes: each byte is checked once, and the first piece that cannot become UTF-8
//! any more is refused.

/// The bytes are no UTF-8, whatever comes after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotUtf8;

/// The longest that a character is in UTF-8, in bytes.
const MAX_CHAR_BYTES: usize = 4;

/// A text that is not all there yet.
#[derive(Debug, Default)]
pub(super) struct PartialText {
    text: String,
    /// The first bytes of a character of which the others have not come.
    cut: [u8; MAX_CHAR_BYTES],
    cut_bytes: u8,
}

impl PartialText {
    /// How many bytes have come.
    pub(super) fn len(&self) -> usize {
        self.text.len() + usize::from(self.cut_bytes)
    }

    /// Whether so many bytes more take no more memory.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.text.capacity() - self.text.len() >= bytes + usize::from(self.cut_bytes)
    }

    /// Makes room for so many bytes more, and for no others.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.text.reserve_exact(bytes + usize::from(self.cut_bytes));
    }

    /// The next bytes.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), NotUtf8> {
        while self.cut_bytes > 0 {
            let Some((byte, rest)) = bytes.split_first() else { return Ok(()) };
            bytes = rest;
            self.push_to_cut(*byte)?;
        }
        let (whole, cut) = bytes.split_at(bytes.len() - cut_bytes(bytes));
        self.text.push_str(str::from_utf8(whole).map_err(|_| NotUtf8)?);
        cut.iter().try_for_each(|byte| self.push_to_cut(*byte))
    }

    /// The text, if no character is cut at its end.
    pub(super) fn finish(self) -> Result<String, NotUtf8> {
        if self.cut_bytes == 0 { Ok(self.text) } else { Err(NotUtf8) }
    }

    fn push_to_cut(&mut self, byte: u8) -> Result<(), NotUtf8> {
        let place = self.cut.get_mut(usize::from(self.cut_bytes)).ok_or(NotUtf8)?;
        *place = byte;
        self.cut_bytes += 1;
        match str::from_utf8(&self.cut[..usize::from(self.cut_bytes)]) {
            Ok(character) => {
                self.text.push_str(character);
                self.cut_bytes = 0;
                Ok(())
            }
            // No error length: more bytes may make a character of it.
            Err(cause) => cause.error_len().map_or(Ok(()), |_| Err(NotUtf8)),
        }
    }
}

/// How many bytes at the end begin a character and do not end it.
fn cut_bytes(bytes: &[u8]) -> usize {
    let last = bytes.iter().rev().take(MAX_CHAR_BYTES - 1);
    let Some((back, first)) = last.enumerate().find(|(_, byte)| !matches!(byte, 0x80..0xc0)) else { return 0 };
    let whole = match first {
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0.. => 4,
        _ => 1,
    };
    if back + 1 < whole { back + 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(pieces: &[&[u8]]) -> Result<String, NotUtf8> {
        let mut text = PartialText::default();
        pieces.iter().try_for_each(|piece| text.push(piece))?;
        assert_eq!(text.len(), pieces.iter().map(|piece| piece.len()).sum::<usize>());
        text.finish()
    }

    #[test]
    fn what_cannot_become_utf8_is_refused_with_the_byte_that_says_so() {
        for (start, byte) in
            [(&b"a\xf4"[..], 0x90), (b"\xed", 0xa0), (b"\xe0", 0x80), (b"\xf0", 0x8f), (b"", 0xc0), (b"\xc3", b'a')]
        {
            let mut text = PartialText::default();
            assert_eq!(text.push(start), Ok(()), "{start:x?}");
            assert_eq!(text.push(&[byte]), Err(NotUtf8), "{start:x?} {byte:x}");
        }
        assert_eq!(read(&[b"\xe2\x82"]), Err(NotUtf8));
    }

    proptest! {
        #[test]
        fn a_text_cut_anywhere_is_the_text(text in any::<String>(), at in any::<prop::sample::Index>(), size in 1_usize..9) {
            let (one, two) = text.as_bytes().split_at(at.index(text.len() + 1));
            let expected = Ok(text.clone());
            prop_assert_eq!(&read(&[one, two]), &expected);
            prop_assert_eq!(read(&text.as_bytes().chunks(size).collect::<Vec<_>>()), expected);
        }

        #[test]
        fn any_bytes_are_judged_as_the_standard_library_judges_them(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x80_u8..0xc0, 0xe0_u8..0xf8], 0..12),
            at in any::<prop::sample::Index>(),
        ) {
            let (one, two) = bytes.split_at(at.index(bytes.len() + 1));
            prop_assert_eq!(read(&[one, two]).ok(), String::from_utf8(bytes.clone()).ok());
        }
    }
}
