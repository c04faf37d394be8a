//! Reads the frames of a client (RFC 6455, 5): puts messages together, and finds what the specification forbids with the first
//! byte that shows it. It does no input or output, and keeps nothing but what is unfinished.

use super::close::InvalidClose;
use super::head::{BINARY, CLOSE, Head, MAX_CONTROL_BYTES, MalformedHead, PING, PONG, Payload, TEXT};
use super::utf8::{NotUtf8, PartialText};
use super::{close, mask};

/// What a client has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    Text(String),
    Binary(Vec<u8>),
    /// With the payload that its pong has to have.
    Ping(Vec<u8>),
    Pong,
    /// With a payload that is valid as that of the answer: nothing, or a code and a reason.
    Close(Vec<u8>),
}

/// Why nothing more of a client can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Violation {
    Malformed,
    NotUtf8,
    TooLarge,
}

impl From<InvalidClose> for Violation {
    fn from(invalid: InvalidClose) -> Self {
        match invalid {
            InvalidClose::Code => Self::Malformed,
            InvalidClose::Reason => Self::NotUtf8,
        }
    }
}

impl From<NotUtf8> for Violation {
    fn from(_: NotUtf8) -> Self {
        Self::NotUtf8
    }
}

impl From<MalformedHead> for Violation {
    fn from(_: MalformedHead) -> Self {
        Self::Malformed
    }
}

/// Reads frames, however the bytes are cut. After a violation it is of no more use.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Bytes of a message, at most.
    limit: usize,
    message: Message,
    /// The payload of a control frame, as far as it has come.
    control: Vec<u8>,
    head: Head,
    is_in_payload: bool,
    /// Turned so that it begins with the byte for what comes next.
    mask: [u8; 4],
    /// Bytes of the payload that have not come yet.
    remaining: usize,
}

/// A message of which the last frame has not ended.
#[derive(Debug)]
enum Message {
    None,
    Text(PartialText),
    Binary(Vec<u8>),
}

impl Message {
    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

impl Decoder {
    /// A reader of messages of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            message: Message::None,
            control: Vec::new(),
            head: Head::default(),
            is_in_payload: false,
            mask: [0; 4],
            remaining: 0,
        }
    }

    /// Reads up to the end of the next message or control frame. Tells how many of the bytes it has taken: all of them, if no
    /// event is among them. What it takes is unmasked where it stands.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> Result<(usize, Option<Event>), Violation> {
        let mut taken = 0;
        loop {
            if !self.is_in_payload {
                let is_continued = !matches!(self.message, Message::None);
                let (count, payload) = self.head.read(&bytes[taken..], is_continued)?;
                taken += count;
                let Some(payload) = payload else { return Ok((taken, None)) };
                self.begin_payload(payload)?;
            }
            let count = self.remaining.min(bytes.len() - taken);
            let payload = &mut bytes[taken..taken + count];
            mask::apply(self.mask, payload);
            self.mask.rotate_left(count % 4);
            self.remaining -= count;
            taken += count;
            self.read_payload(payload)?;
            if self.remaining > 0 {
                return Ok((taken, None));
            }
            self.is_in_payload = false;
            if let Some(event) = self.end_frame()? {
                return Ok((taken, Some(event)));
            }
        }
    }

    fn begin_payload(&mut self, payload: Payload) -> Result<(), Violation> {
        let room =
            if self.head.is_control() { MAX_CONTROL_BYTES } else { self.limit.saturating_sub(self.message.len()) };
        let length = usize::try_from(payload.length).ok().filter(|length| *length <= room);
        self.remaining = length.ok_or(Violation::TooLarge)?;
        self.mask = payload.mask;
        self.is_in_payload = true;
        match self.head.opcode() {
            TEXT => self.message = Message::Text(PartialText::default()),
            BINARY => self.message = Message::Binary(Vec::new()),
            _ => {}
        }
        Ok(())
    }

    fn read_payload(&mut self, payload: &[u8]) -> Result<(), Violation> {
        // Room is made for what has come, twice as much each time, and never for what was only announced.
        let room = |have: usize| payload.len().max(have).min(payload.len() + self.remaining);
        match &mut self.message {
            _ if payload.is_empty() => {}
            _ if self.head.is_control() => self.control.extend_from_slice(payload),
            Message::Text(text) => {
                if !text.has_room(payload.len()) {
                    text.reserve(room(text.len()));
                }
                text.push(payload)?;
            }
            Message::Binary(bytes) => {
                if bytes.capacity() - bytes.len() < payload.len() {
                    bytes.reserve_exact(room(bytes.len()));
                }
                bytes.extend_from_slice(payload);
            }
            Message::None => {}
        }
        Ok(())
    }

    fn end_frame(&mut self) -> Result<Option<Event>, Violation> {
        let event = match self.head.opcode() {
            PING => Event::Ping(std::mem::take(&mut self.control)),
            PONG => {
                self.control = Vec::new();
                Event::Pong
            }
            CLOSE => {
                let payload = std::mem::take(&mut self.control);
                close::check(&payload)?;
                Event::Close(payload)
            }
            _ if !self.head.is_final() => return Ok(None),
            _ => match std::mem::replace(&mut self.message, Message::None) {
                Message::Text(text) => Event::Text(text.finish()?),
                Message::Binary(bytes) => Event::Binary(bytes),
                Message::None => return Err(Violation::Malformed),
            },
        };
        Ok(Some(event))
    }
}

#[cfg(test)]
mod tests {
    use super::super::head::CONTINUATION;
    use super::*;
    use proptest::prelude::*;

    const LIMIT: usize = 70_000;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x12, 0x34, 0x56, 0x78];
        let mut frame = vec![first];
        match payload.len() {
            length @ ..126 => frame.push(0x80 | length as u8),
            length @ ..0x1_0000 => frame.extend([&[0x80 | 126][..], &(length as u16).to_be_bytes()].concat()),
            length => frame.extend([&[0x80 | 127][..], &(length as u64).to_be_bytes()].concat()),
        }
        frame.extend(mask.into_iter().chain(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask)));
        frame
    }

    /// Everything that is read of bytes which come in pieces, and what ended it.
    fn read<'b>(pieces: impl IntoIterator<Item = &'b [u8]>) -> (Vec<Event>, Option<Violation>) {
        let (mut decoder, mut events) = (Decoder::new(LIMIT), Vec::new());
        for piece in pieces {
            let (mut piece, mut from) = (piece.to_vec(), 0);
            while from < piece.len() {
                match decoder.read(&mut piece[from..]) {
                    Ok((taken, event)) => {
                        from += taken;
                        events.extend(event);
                    }
                    Err(violation) => return (events, Some(violation)),
                }
            }
        }
        (events, None)
    }

    #[test]
    fn a_message_in_pieces_is_one_whatever_is_said_between_them() {
        let bytes = [
            frame(TEXT, &"é€".as_bytes()[..3]),
            frame(0x80 | PING, b"now"),
            frame(CONTINUATION, b""),
            frame(0x80 | PONG, b"unasked"),
            frame(0x80, &"é€".as_bytes()[3..]),
            frame(0x80 | BINARY, &[0xff; 66_000]),
            frame(0x80 | TEXT, b""),
            frame(0x80 | CLOSE, b"\x03\xe8bye"),
        ]
        .concat();
        let expected = vec![
            Event::Ping(b"now".to_vec()),
            Event::Pong,
            Event::Text("é€".to_owned()),
            Event::Binary(vec![0xff; 66_000]),
            Event::Text(String::new()),
            Event::Close(b"\x03\xe8bye".to_vec()),
        ];
        for size in [1, 2, 3, 7, 4096, bytes.len()] {
            assert_eq!(read(bytes.chunks(size)), (expected.clone(), None), "{size}");
        }
    }

    #[test]
    fn what_is_forbidden_is_found_with_the_first_byte_that_shows_it() {
        let open = frame(TEXT, b"a");
        let long = |first: u8| vec![first, 0x80 | 126];
        for (before, bytes, expected) in [
            (&[][..], vec![0xc1], Violation::Malformed),
            (&[], vec![0x8b], Violation::Malformed),
            (&[], vec![PING], Violation::Malformed),
            (&[], vec![0x81, 0], Violation::Malformed),
            (&[], long(0x80 | PING), Violation::Malformed),
            (&open, vec![0x81], Violation::Malformed),
            (&[], frame(0x80 | CLOSE, b"\x03\xed"), Violation::Malformed),
            (&[], frame(0x80 | CLOSE, b"\x03\xe8\xff"), Violation::NotUtf8),
            (&[], frame(0x80 | TEXT, b"\xce"), Violation::NotUtf8),
            (&open, frame(CONTINUATION, b"\xff..")[..7].to_vec(), Violation::NotUtf8),
            (&[], frame(0x80 | BINARY, &vec![0; LIMIT + 1])[..14].to_vec(), Violation::TooLarge),
            (&open, frame(0x80, &vec![0; LIMIT])[..14].to_vec(), Violation::TooLarge),
        ] {
            let (last, rest) = bytes.split_last().unwrap();
            assert_eq!(read([before, rest]), (vec![], None), "{bytes:x?}");
            assert_eq!(read([before, rest, &[*last]]), (vec![], Some(expected)), "{bytes:x?}");
        }
        assert_eq!(read([&frame(0x80 | BINARY, &vec![0; LIMIT])[..]]).1, None);
    }

    #[test]
    fn a_client_that_announces_much_has_nothing_kept_for_it() {
        let mut decoder = Decoder::new(LIMIT);
        decoder.read(&mut frame(0x80 | BINARY, &vec![0; LIMIT])[..20]).unwrap();
        assert!(matches!(&decoder.message, Message::Binary(bytes) if bytes.capacity() < 16));
    }

    proptest! {
        #[test]
        fn however_the_bytes_are_cut_the_same_is_read(
            frames in prop::collection::vec(
                (prop_oneof![Just(0x81_u8), Just(0x01), Just(0x80), Just(0x89), Just(0x82), any::<u8>()],
                 prop_oneof![any::<String>().prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 0..200)]),
                0..6,
            ),
            size in 1_usize..64,
        ) {
            let bytes: Vec<u8> = frames.iter().flat_map(|(first, payload)| frame(*first, payload)).collect();
            let whole = read([&bytes[..]]);
            prop_assert_eq!(&read(bytes.chunks(size)), &whole);
            prop_assert_eq!(&read(bytes.chunks(1)), &whole);
        }
    }
}
