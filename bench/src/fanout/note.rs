//! What is said: 128 bytes that tell who said them, the how-manieth of theirs it is, and when it should have been said. It
//! is found again among other bytes without reading them as text.

/// Bytes of a content.
const LENGTH: usize = 128;
/// A word that nobody else says.
const MARK: &[u8] = b"zqfan ";
/// Digits of the sender, of the number and of the nanoseconds, with a blank after each but the last.
const DIGITS: [usize; 3] = [3, 8, 15];
const MARKED: usize = MARK.len() + 3 + 1 + 8 + 1 + 15;

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    pub sender: u32,
    /// From 0, without holes.
    pub number: u32,
    /// When it should have been sent, since the bench began.
    pub nanos: u64,
}

impl Note {
    /// The content of a message.
    pub fn content(self) -> String {
        let Self { sender, number, nanos } = self;
        let mut content = format!("zqfan {sender:03} {number:08} {nanos:015} and some words that fill it up, ");
        while content.len() < LENGTH {
            content.push_str("word by word ");
        }
        content.truncate(LENGTH - 1);
        content.push('.');
        content
    }

    /// The first one in some bytes, and where it stands. It is looked for at `hint` first, where the last one stood.
    pub fn find(bytes: &[u8], hint: usize) -> Option<(Self, usize)> {
        let stands_at = |place: &usize| bytes.get(*place..).is_some_and(|rest| rest.starts_with(MARK));
        let place = Some(hint).filter(stands_at).or_else(|| position(bytes))?;
        let mut rest = bytes.get(place + MARK.len()..place + MARKED)?;
        let mut values = [0; 3];
        for (value, digits) in values.iter_mut().zip(DIGITS) {
            *value = rest[..digits].iter().fold(0, |sum, digit| sum * 10 + u64::from(digit.wrapping_sub(b'0')));
            rest = rest.get(digits + 1..).unwrap_or_default();
        }
        let [sender, number, nanos] = values;
        Some((Self { sender: u32::try_from(sender).ok()?, number: u32::try_from(number).ok()?, nanos }, place))
    }
}

fn position(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(first) = bytes.get(from..)?.iter().position(|byte| *byte == MARK[0]) {
        from += first;
        if bytes[from..].starts_with(MARK) {
            return Some(from);
        }
        from += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_found_wherever_it_stands_and_has_128_bytes() {
        let note = Note { sender: 12, number: 34_567, nanos: 89_012_345_678 };
        let content = note.content();
        assert_eq!(content.len(), LENGTH);
        let around = format!("zq {{\"content\":\"{content}\"}}");
        let place = around.find("zqfan").unwrap();
        for hint in [0, place, 1_000] {
            assert_eq!(Note::find(around.as_bytes(), hint), Some((note, place)));
        }
        assert_eq!(Note::find(b"nothing of it", 0), None);
        assert_eq!(Note::find(b"zqfan 001 000", 0), None);
    }
}
