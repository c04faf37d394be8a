//! The head of a frame (RFC 6455, 5.2): what kind of frame a client sends, how long it is, and by what it is masked.

pub(super) const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// The bit of the last frame of a message.
pub(super) const FINAL: u8 = 0x80;
/// The bits of extensions, of which there are none.
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;

/// The longest payload of a control frame.
pub(super) const MAX_CONTROL_BYTES: usize = 125;
/// Two bytes, eight of length, and a mask.
const MAX_HEAD_BYTES: usize = 14;

/// No client may begin a frame so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MalformedHead;

/// A head, as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Head {
    bytes: [u8; MAX_HEAD_BYTES],
    count: u8,
}

/// What a whole head says of the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Payload {
    pub(super) length: u64,
    pub(super) mask: [u8; 4],
}

impl Head {
    /// The last frame of its message.
    pub(super) fn is_final(&self) -> bool {
        self.bytes[0] & FINAL != 0
    }

    pub(super) fn opcode(&self) -> u8 {
        self.bytes[0] & OPCODE
    }

    pub(super) fn is_control(&self) -> bool {
        self.opcode() >= CLOSE
    }

    /// Reads on. Tells how many of the bytes it has taken, and what the head says once it is whole. What the first two bytes
    /// may not say is found as soon as they are there; `is_continued` where a message has begun and not ended.
    pub(super) fn read(&mut self, bytes: &[u8], is_continued: bool) -> Result<(usize, Option<Payload>), MalformedHead> {
        let mut taken = 0;
        loop {
            let (have, size) = (usize::from(self.count), self.size());
            let count = (size - have).min(bytes.len() - taken);
            if count == 0 {
                return Ok((taken, None));
            }
            self.bytes[have..have + count].copy_from_slice(&bytes[taken..taken + count]);
            self.count += count as u8;
            taken += count;
            if have < 2 {
                self.check(is_continued)?;
            } else if have + count == size {
                return Ok((taken, Some(self.payload()?)));
            }
        }
    }

    /// How long it is, as far as is known.
    fn size(&self) -> usize {
        match (self.count, self.bytes[1] & LENGTH) {
            (..2, _) => 2,
            (_, 127) => MAX_HEAD_BYTES,
            (_, 126) => 8,
            (_, _) => 6,
        }
    }

    fn check(&self, is_continued: bool) -> Result<(), MalformedHead> {
        let has_length = self.count > 1;
        let is_short = !has_length || usize::from(self.bytes[1] & LENGTH) <= MAX_CONTROL_BYTES;
        let is_allowed = match self.opcode() {
            _ if self.bytes[0] & RESERVED != 0 => false,
            CONTINUATION => is_continued,
            TEXT | BINARY => !is_continued,
            CLOSE | PING | PONG => self.is_final() && is_short,
            _ => false,
        };
        let is_masked = !has_length || self.bytes[1] & MASKED != 0;
        if is_allowed && is_masked { Ok(()) } else { Err(MalformedHead) }
    }

    fn payload(&mut self) -> Result<Payload, MalformedHead> {
        let (length, mask) = match self.bytes[1..usize::from(self.count)] {
            [short, a, b, c, d] => (u64::from(short & LENGTH), [a, b, c, d]),
            [_, high, low, a, b, c, d] => (u64::from(u16::from_be_bytes([high, low])), [a, b, c, d]),
            [_, ref length @ .., a, b, c, d] => {
                (u64::from_be_bytes(length.try_into().map_err(|_| MalformedHead)?), [a, b, c, d])
            }
            _ => return Err(MalformedHead),
        };
        self.count = 0;
        Ok(Payload { length, mask })
    }
}
