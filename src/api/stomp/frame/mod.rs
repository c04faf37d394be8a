//! STOMP frames: bytes to [`Frame`] and back, alike for versions 1.0, 1.1 and 1.2, in the tolerances and the words of the
//! server that clients come from. It knows no session, no destination, no user and no socket.

use std::borrow::Cow;
use std::fmt;
use std::mem;
use std::num::IntErrorKind;

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The head and the body of one frame together, line ends counted, the closing NUL not.
pub const MAX_FRAME_BYTES: usize = 131_072;
/// One line of the head, its end not counted: a token of the longest that is taken (16 KiB) and its name, and one that is
/// a little longer, to be refused as that.
pub const MAX_LINE_BYTES: usize = 20_480;
/// Headers of one frame, repeated ones counted.
pub const MAX_HEADERS: usize = 64;
/// What either side sends when it has no frame to send.
pub const HEARTBEAT: &[u8] = b"\n";

/// What a frame is for. Clients send the first eleven, servers the last four; the decoder takes all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    Connect,
    Stomp,
    Disconnect,
    Subscribe,
    Unsubscribe,
    Send,
    Ack,
    Nack,
    Begin,
    Commit,
    Abort,
    Connected,
    Message,
    Receipt,
    Error,
}

/// In the order of [`Command`].
const COMMANDS: [(Command, &str); 15] = [
    (Command::Connect, "CONNECT"),
    (Command::Stomp, "STOMP"),
    (Command::Disconnect, "DISCONNECT"),
    (Command::Subscribe, "SUBSCRIBE"),
    (Command::Unsubscribe, "UNSUBSCRIBE"),
    (Command::Send, "SEND"),
    (Command::Ack, "ACK"),
    (Command::Nack, "NACK"),
    (Command::Begin, "BEGIN"),
    (Command::Commit, "COMMIT"),
    (Command::Abort, "ABORT"),
    (Command::Connected, "CONNECTED"),
    (Command::Message, "MESSAGE"),
    (Command::Receipt, "RECEIPT"),
    (Command::Error, "ERROR"),
];

impl Command {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        COMMANDS[self as usize].1
    }

    /// Whether such a frame may have a body; it then always tells its length.
    pub fn has_body(self) -> bool {
        matches!(self, Self::Send | Self::Message | Self::Error)
    }

    /// Version 1.0 knew no escapes, so the frames in which the version is still to be agreed have none.
    fn has_escapes(self) -> bool {
        !matches!(self, Self::Connect | Self::Stomp | Self::Connected)
    }
}

/// One frame. Names and values of headers are unescaped, in the order of the wire, repeated ones included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub command: Command,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Frame {
    /// A frame without headers and body.
    pub fn new(command: Command) -> Self {
        Self { command, headers: Vec::new(), body: Bytes::new() }
    }

    /// The same frame with one more header.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The value of the first header of that name; names are case-sensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Appends the frame to `out`, its `content-length` last. That header is the encoder's own: one among `headers` is
    /// not written. A body that the command cannot have is not written either.
    pub fn encode(&self, out: &mut BytesMut) {
        let size: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
        out.reserve(size + self.body.len() + ROOM_FOR_THE_REST);
        out.put_slice(self.command.name().as_bytes());
        out.put_u8(b'\n');
        for (name, value) in self.headers.iter().filter(|(name, _)| name != CONTENT_LENGTH) {
            put_header(out, self.command.has_escapes(), name, value);
        }
        if self.command.has_body() {
            put_body(out, &self.body);
        } else {
            out.put_slice(b"\n\0");
        }
    }
}

/// A MESSAGE but for what is a listener's own: made once for all who are told the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageParts {
    /// What comes before the listener's own headers, what comes behind them, and at the end how long the first is.
    bytes: Bytes,
}

/// Bytes that tell the length of the first part.
const LENGTH_BYTES: usize = size_of::<u32>();

impl MessageParts {
    /// Around a body. A `cursor` comes first of all headers, `content-length` last.
    pub fn new(destination: &str, content_type: &str, cursor: Option<&str>, body: &[u8]) -> Self {
        let mut parts = Vec::with_capacity(body.len() + 2 * ROOM_FOR_THE_REST + destination.len() + content_type.len());
        parts.put_slice(b"MESSAGE\n");
        for (name, value) in
            [("cursor", cursor), ("destination", Some(destination)), ("content-type", Some(content_type))]
        {
            if let Some(value) = value {
                put_header(&mut parts, true, name, value);
            }
        }
        let first = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        put_body(&mut parts, body);
        parts.put_u32(first);
        Self { bytes: parts.into() }
    }

    /// The bytes, from which the same can be made again.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// What [`MessageParts::into_bytes`] gave.
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self { bytes }
    }

    /// The MESSAGE of a subscription, whose id is left out for a client of version 1.0 that gave none. Its own id is that of
    /// the session, and a number.
    pub fn message(&self, subscription: Option<&str>, session: &str, number: u64) -> Vec<u8> {
        let (parts, first) = self.bytes.split_last_chunk::<LENGTH_BYTES>().unwrap_or((&[], &[0; LENGTH_BYTES]));
        let (before, behind) = parts.split_at(parts.len().min(u32::from_be_bytes(*first) as usize));
        let (mut digits, subscription_bytes) = ([0; MAX_DIGITS], subscription.map_or(0, |id| id.len() + OWN_BYTES[0]));
        let digits = in_digits(number, &mut digits);
        // Exactly what it takes, unless something has to be escaped.
        let size = parts.len() + subscription_bytes + session.len() + digits.len() + OWN_BYTES[1];
        let mut out = Vec::with_capacity(size);
        out.put_slice(before);
        if let Some(id) = subscription {
            put_header(&mut out, true, "subscription", id);
        }
        out.put_slice(b"message-id:");
        put_text(&mut out, true, session);
        out.put_u8(b'-');
        out.put_slice(digits);
        out.put_u8(b'\n');
        out.put_slice(behind);
        out
    }
}

/// What the two headers of a listener take beside their values.
const OWN_BYTES: [usize; 2] = ["subscription:\n".len(), "message-id:-\n".len()];

const CONTENT_LENGTH: &str = "content-length";

/// Bytes for the command, the `content-length` and what closes the head and the frame.
const ROOM_FOR_THE_REST: usize = 64;
/// Digits of the largest number.
const MAX_DIGITS: usize = 20;

fn put_header(out: &mut impl BufMut, escaped: bool, name: &str, value: &str) {
    put_text(out, escaped, name);
    out.put_u8(b':');
    put_text(out, escaped, value);
    out.put_u8(b'\n');
}

/// A number as it stands in every frame: without the library's ways of formatting.
fn in_digits(mut number: u64, digits: &mut [u8; MAX_DIGITS]) -> &[u8] {
    let mut first = MAX_DIGITS;
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[first..];
        }
    }
}

/// What has no form on the wire is left out, so that no value can break the frame that carries it.
fn put_text(out: &mut impl BufMut, escaped: bool, text: &str) {
    let mut rest = text.as_bytes();
    let written_as = |byte: &u8| -> Option<&'static [u8]> {
        match byte {
            0 => Some(b""),
            b'\n' => Some(if escaped { b"\\n" } else { b"" }),
            b'\r' => Some(if escaped { b"\\r" } else { b"" }),
            b':' if escaped => Some(b"\\c"),
            b'\\' if escaped => Some(b"\\\\"),
            _ => None,
        }
    };
    // Nearly always nothing is: this is asked for each delivery, and looks at many bytes at once.
    let may_need_escapes = |found, byte: &u8| found | matches!(byte, 0 | b'\n' | b'\r' | b':' | b'\\');
    if !rest.iter().fold(false, may_need_escapes) {
        return out.put_slice(rest);
    }
    while let Some((plain, written)) = rest.iter().enumerate().find_map(|(at, byte)| Some((at, written_as(byte)?))) {
        out.put_slice(&rest[..plain]);
        out.put_slice(written);
        rest = &rest[plain + 1..];
    }
    out.put_slice(rest);
}

fn put_body(out: &mut impl BufMut, body: &[u8]) {
    out.put_slice(CONTENT_LENGTH.as_bytes());
    out.put_u8(b':');
    out.put_slice(in_digits(body.len() as u64, &mut [0; MAX_DIGITS]));
    out.put_slice(b"\n\n");
    out.put_slice(body);
    out.put_u8(0);
}

/// Why bytes are no frame: the sentence for the `message` header of the ERROR that must end the connection. It repeats
/// 64 characters of the input at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadFrame {
    pub message: Cow<'static, str>,
}

impl BadFrame {
    fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into() }
    }

    fn lone_return() -> Self {
        Self::new("'\\r' must be followed by '\\n'")
    }

    fn too_long() -> Self {
        Self::new(format!("A line of a frame's head may have {MAX_LINE_BYTES} bytes at most"))
    }

    fn too_big() -> Self {
        Self::new(format!("The configured STOMP buffer size limit of {MAX_FRAME_BYTES} bytes has been exceeded"))
    }
}

impl fmt::Display for BadFrame {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for BadFrame {}

/// What a decoder finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A line end between frames.
    Heartbeat,
    Frame(Frame),
}

/// Takes frames out of a stream of bytes, however the stream is cut into messages: what comes out depends on the bytes
/// alone. The work is linear in the bytes, and a body is copied once, when it is pushed.
///
/// Memory: the bytes of one unfinished frame, [`MAX_FRAME_BYTES`] at most, and those of the last push that are not pulled yet.
/// So pull until there is nothing before pushing again. A decoder that waits between frames keeps nothing.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
    /// How much of `buffer` was searched in vain for the end of what `state` waits for.
    searched: usize,
    /// Bytes of the present frame that have left `buffer`.
    used: usize,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Between,
    Command,
    Headers(Frame),
    /// The head is complete; the body has that many bytes, or ends at the first NUL.
    Body(Frame, Option<usize>),
    Broken(BadFrame),
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes as they arrived. After an error they are thrown away.
    pub fn push(&mut self, bytes: &[u8]) {
        if !matches!(self.state, State::Broken(_)) {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Whether a frame has begun and not ended, so that a session can limit how long that takes.
    pub fn is_inside_frame(&self) -> bool {
        !matches!(self.state, State::Between | State::Broken(_)) || !self.buffer.is_empty()
    }

    /// Bytes that it holds.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn held_bytes(&self) -> usize {
        let text = |(name, value): &(String, String)| name.len() + value.len();
        let head = match &self.state {
            State::Headers(frame) | State::Body(frame, _) => frame.headers.iter().map(text).sum(),
            _ => 0,
        };
        head + self.buffer.len()
    }

    /// The next frame or heart-beat; `None` until more bytes are pushed.
    ///
    /// Errors: the bytes are no frame, or one over a limit. Nothing behind it is read; every later call answers the
    /// same error.
    pub fn pull(&mut self) -> Result<Option<Item>, BadFrame> {
        let pulled = self.read();
        if let Err(bad) = &pulled {
            *self = Self { state: State::Broken(bad.clone()), ..Self::default() };
        }
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        pulled
    }

    fn read(&mut self) -> Result<Option<Item>, BadFrame> {
        loop {
            self.state = match mem::take(&mut self.state) {
                State::Between => match &self.buffer[..] {
                    [] | [b'\r'] => return Ok(None),
                    [b'\n', ..] => {
                        self.buffer.advance(1);
                        return Ok(Some(Item::Heartbeat));
                    }
                    [b'\r', b'\n', ..] => {
                        self.buffer.advance(2);
                        return Ok(Some(Item::Heartbeat));
                    }
                    [b'\r', ..] => return Err(BadFrame::lone_return()),
                    _ => State::Command,
                },
                State::Command => match self.line()? {
                    None => return self.wait(State::Command),
                    Some(line) => {
                        let command = command(self.text(&line)?)?;
                        self.consume(line);
                        State::Headers(Frame::new(command))
                    }
                },
                State::Headers(mut frame) => match self.line()? {
                    None => return self.wait(State::Headers(frame)),
                    Some(line) if line.length == 0 => {
                        self.consume(line);
                        let length = self.length_of_body(&frame)?;
                        State::Body(frame, length)
                    }
                    Some(line) => {
                        if frame.headers.len() == MAX_HEADERS {
                            return Err(BadFrame::new(format!("A frame may have {MAX_HEADERS} headers at most")));
                        }
                        let header = header(self.text(&line)?, frame.command.has_escapes())?;
                        frame.headers.push(header);
                        self.consume(line);
                        State::Headers(frame)
                    }
                },
                State::Body(mut frame, length) => match self.body(length)? {
                    None => return self.wait(State::Body(frame, length)),
                    Some(body) => {
                        frame.body = body;
                        self.used = 0;
                        self.searched = 0;
                        check(&frame)?;
                        return Ok(Some(Item::Frame(frame)));
                    }
                },
                State::Broken(bad) => return Err(bad),
            };
        }
    }

    fn wait(&mut self, state: State) -> Result<Option<Item>, BadFrame> {
        self.state = state;
        Ok(None)
    }

    /// The next line of the head, if all of it is there.
    fn line(&mut self) -> Result<Option<Line>, BadFrame> {
        let room = MAX_FRAME_BYTES - self.used;
        let end = self.buffer[self.searched..].iter().position(|byte| matches!(byte, b'\n' | b'\r' | 0));
        self.searched = end.map_or(self.buffer.len(), |end| self.searched + end);
        // The lower limit is the one that is met first when the bytes come singly.
        if self.searched > room.min(MAX_LINE_BYTES) {
            return Err(if room < MAX_LINE_BYTES { BadFrame::too_big() } else { BadFrame::too_long() });
        }
        let line = match &self.buffer[self.searched..] {
            [] | [b'\r'] => return Ok(None),
            [b'\n', ..] => Line { length: self.searched, with_end: self.searched + 1 },
            [b'\r', b'\n', ..] => Line { length: self.searched, with_end: self.searched + 2 },
            [b'\r', ..] => return Err(BadFrame::lone_return()),
            _ => return Err(BadFrame::new("A frame's head must end with an empty line")),
        };
        if line.with_end > room { Err(BadFrame::too_big()) } else { Ok(Some(line)) }
    }

    fn text(&self, line: &Line) -> Result<&str, BadFrame> {
        str::from_utf8(&self.buffer[..line.length]).map_err(|_| BadFrame::new("A frame's head must be UTF-8"))
    }

    fn consume(&mut self, line: Line) {
        self.buffer.advance(line.with_end);
        self.used += line.with_end;
        self.searched = 0;
    }

    /// What the head announces; `None` if that is no number or a negative one, for then the first NUL decides.
    fn length_of_body(&self, frame: &Frame) -> Result<Option<usize>, BadFrame> {
        let Some(announced) = frame.header(CONTENT_LENGTH) else { return Ok(None) };
        let length = match announced.parse::<i64>() {
            Ok(length) => usize::try_from(length).ok(),
            Err(error) if *error.kind() == IntErrorKind::PosOverflow => Some(usize::MAX),
            Err(_) => None,
        };
        match length {
            Some(length) if length > MAX_FRAME_BYTES => Err(BadFrame::new(format!(
                "STOMP 'content-length' header value {}  exceeds configured buffer size limit {MAX_FRAME_BYTES}",
                clipped(announced)
            ))),
            Some(length) if length > MAX_FRAME_BYTES - self.used => Err(BadFrame::too_big()),
            length => Ok(length),
        }
    }

    /// The body, if all of it is there and the NUL behind it.
    fn body(&mut self, length: Option<usize>) -> Result<Option<Bytes>, BadFrame> {
        let end = match length {
            Some(length) => match self.buffer.get(length) {
                None => return Ok(None),
                Some(0) => length,
                Some(_) => return Err(BadFrame::new("Frame must be terminated with a null octet")),
            },
            None => {
                let end = self.buffer[self.searched..].iter().position(|byte| *byte == 0);
                self.searched = end.map_or(self.buffer.len(), |end| self.searched + end);
                if self.searched > MAX_FRAME_BYTES - self.used {
                    return Err(BadFrame::too_big());
                }
                if end.is_none() {
                    return Ok(None);
                }
                self.searched
            }
        };
        let body = if end == 0 { Bytes::new() } else { self.buffer.split_to(end).freeze() };
        self.buffer.advance(1);
        Ok(Some(body))
    }
}

/// A line at the front of the buffer.
struct Line {
    length: usize,
    with_end: usize,
}

fn command(line: &str) -> Result<Command, BadFrame> {
    COMMANDS.iter().find(|(_, name)| *name == line).map(|(command, _)| *command).ok_or_else(|| {
        BadFrame::new(format!(
            "No enum constant org.springframework.messaging.simp.stomp.StompCommand.{}",
            clipped(line)
        ))
    })
}

/// Split at the first colon and nothing trimmed, for blanks belong to the value.
fn header(line: &str, escaped: bool) -> Result<(String, String), BadFrame> {
    match line.split_once(':') {
        Some((name, value)) if !name.is_empty() && escaped => Ok((unescape(name)?, unescape(value)?)),
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(BadFrame::new(format!(
            "Illegal header: '{}'. A header must be of the form <name>:[<value>].",
            clipped(line)
        ))),
    }
}

fn unescape(text: &str) -> Result<String, BadFrame> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        plain.push(match rest.as_bytes().get(at + 1) {
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b'c') => ':',
            Some(b'\\') => '\\',
            _ => {
                let index = text[..text.len() - rest.len() + at].encode_utf16().count();
                return Err(BadFrame::new(format!("Illegal escape sequence at index {index}: {}", clipped(text))));
            }
        });
        rest = &rest[at + 2..];
    }
    plain.push_str(rest);
    Ok(plain)
}

/// What can only be told once a frame is complete.
fn check(frame: &Frame) -> Result<(), BadFrame> {
    if !frame.body.is_empty() && !frame.command.has_body() {
        let names: Vec<&str> = frame.headers.iter().map(|(name, _)| name.as_str()).collect();
        return Err(BadFrame::new(format!(
            "{} shouldn't have a payload: length={}, headers={{{}}}",
            frame.command.name(),
            frame.body.len(),
            clipped(&names.join(", "))
        )));
    }
    let Some(content_type) = frame.header("content-type") else { return Ok(()) };
    match fault_of_mime_type(content_type) {
        None => Ok(()),
        Some(fault) => Err(BadFrame::new(format!("Invalid mime type \"{}\": {fault}", clipped(content_type)))),
    }
}

/// Looks at type and subtype; parameters are for those who read the body.
fn fault_of_mime_type(text: &str) -> Option<&'static str> {
    let full = text.split(';').next().unwrap_or_default().trim();
    match full.split_once('/') {
        _ if full.is_empty() => Some("'mimeType' must not be empty"),
        None if full == "*" => None,
        None => Some("does not contain '/'"),
        Some((_, "")) => Some("does not contain subtype after '/'"),
        Some(("*", subtype)) if subtype != "*" => Some("wildcard type is legal only in '*/*' (all mime types)"),
        Some((kind, subtype)) if is_token(kind) && is_token(subtype) => None,
        Some(_) => Some("has a character that is not allowed"),
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte))
}

fn clipped(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(64) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests;
