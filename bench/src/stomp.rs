//! A client of STOMP over a WebSocket, plain or with the framing of SockJS, one frame at a time. Its frames are masked with zeros, which costs nothing and
//! is what RFC 6455 calls a mask.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// An open session.
pub struct Session {
    stream: TcpStream,
    read: Vec<u8>,
    /// Whether messages stand in arrays of JSON, as SockJS has them.
    is_sockjs: bool,
}

impl Session {
    /// The handshake of the WebSocket, and CONNECT.
    pub async fn connect(address: SocketAddr, token: &str) -> Result<Self> {
        let session = Self::open(address, "/ws/chat/websocket", "v12.stomp").await?;
        session.connected(token).await
    }

    /// The same over the WebSocket of a SockJS session of this name.
    pub async fn connect_sockjs(address: SocketAddr, name: &str, token: &str) -> Result<Self> {
        let mut session = Self::open(address, &format!("/ws/chat/000/{name}/websocket"), "").await?;
        let opened = session.hear().await?;
        ensure!(opened == "o", "{opened}");
        session.is_sockjs = true;
        session.connected(token).await
    }

    async fn connected(mut self, token: &str) -> Result<Self> {
        self.say(&format!("CONNECT\naccept-version:1.2\nheart-beat:0,0\nAuthorization:Bearer {token}\n\n\0")).await?;
        let connected = self.hear().await?;
        ensure!(connected.starts_with("CONNECTED"), "{connected}");
        Ok(self)
    }

    /// A WebSocket of any protocol; of none where it is empty.
    pub async fn open(address: SocketAddr, path: &str, protocol: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let protocol = match protocol {
            "" => String::new(),
            protocol => format!("Sec-WebSocket-Protocol: {protocol}\r\n"),
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut session = Self { stream, read: Vec::with_capacity(4 * 1024), is_sockjs: false };
        let end = loop {
            match session.read.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => session.more().await?,
            }
        };
        let head = String::from_utf8_lossy(&session.read[..end]).into_owned();
        ensure!(head.starts_with("HTTP/1.1 101"), "{head}");
        session.read.drain(..end);
        Ok(session)
    }

    /// SEND with a receipt, and the wait for it.
    pub async fn send(&mut self, destination: &str, body: &str) -> Result<()> {
        self.say(&format!("SEND\ndestination:{destination}\nreceipt:r\n\n{body}\0")).await?;
        self.until("RECEIPT").await
    }

    /// SUBSCRIBE after a cursor, and the wait for the first message that was missed.
    pub async fn resume(&mut self, queue: &str, after: &str) -> Result<()> {
        self.say(&format!("SUBSCRIBE\nid:0\ndestination:{queue}\nafter:{after}\n\n\0")).await?;
        self.until("MESSAGE").await
    }

    /// SUBSCRIBE, and the wait until it holds.
    pub async fn listen(&mut self, queue: &str) -> Result<()> {
        self.say(&format!("SUBSCRIBE\nid:{queue}\ndestination:{queue}\nreceipt:l\n\n\0")).await?;
        self.until("RECEIPT").await
    }

    /// Waits for a frame with this command. An ERROR is one.
    async fn until(&mut self, command: &str) -> Result<()> {
        loop {
            let frame = self.hear().await?;
            if frame.starts_with(command) {
                return Ok(());
            }
            let is_refusal = frame.starts_with("ERROR") || frame.contains("/user/queue/chat/errors");
            ensure!(!is_refusal, "{frame}");
        }
    }

    pub async fn say(&mut self, text: &str) -> Result<()> {
        let frame = match self.is_sockjs {
            true => frame(TEXT, json!([text]).to_string().as_bytes()),
            false => frame(TEXT, text.as_bytes()),
        };
        Ok(self.stream.write_all(&frame).await?)
    }

    /// Its connection, and what was read of it and not heard yet.
    pub fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.read)
    }

    /// The next message; pings are answered on the way.
    pub async fn hear(&mut self) -> Result<String> {
        loop {
            let (kind, payload) = self.frame().await?;
            match kind {
                TEXT if !self.is_sockjs => return Ok(String::from_utf8_lossy(&payload).into_owned()),
                // Whoever waits for an answer of SockJS is sent one message at a time.
                TEXT if payload.first() == Some(&b'a') => {
                    let messages: Vec<String> = serde_json::from_slice(&payload[1..])?;
                    return messages.into_iter().next().context("an array without a message");
                }
                PING => self.stream.write_all(&frame(PONG, &payload)).await?,
                CLOSE => bail!("closed: {}", String::from_utf8_lossy(&payload)),
                _ => {}
            }
        }
    }

    /// One frame of the server, which sends whole messages and no masks.
    async fn frame(&mut self) -> Result<(u8, Vec<u8>)> {
        self.at_least(2).await?;
        let (head, length) = match self.read[1] & 0x7f {
            126 => {
                self.at_least(4).await?;
                (4, u64::from(u16::from_be_bytes([self.read[2], self.read[3]])))
            }
            127 => {
                self.at_least(10).await?;
                (10, u64::from_be_bytes(self.read[2..10].try_into().context("eight bytes")?))
            }
            short => (2, u64::from(short)),
        };
        let end = head + usize::try_from(length)?;
        self.at_least(end).await?;
        let kind = self.read[0] & 0x0f;
        let payload = self.read[head..end].to_vec();
        self.read.drain(..end);
        Ok((kind, payload))
    }

    async fn at_least(&mut self, bytes: usize) -> Result<()> {
        while self.read.len() < bytes {
            self.more().await?;
        }
        Ok(())
    }

    async fn more(&mut self) -> Result<()> {
        let read = self.stream.read_buf(&mut self.read).await?;
        ensure!(read > 0, "the server closed the connection");
        Ok(())
    }
}

/// A whole message in one frame, masked with zeros.
pub fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | kind];
    match payload.len() {
        short if short < 126 => frame.push(0x80 | short as u8),
        middle if middle <= usize::from(u16::MAX) => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_frame_is_written_in_the_shortest_form() {
        assert_eq!(frame(TEXT, b"hi"), [0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
        assert_eq!(frame(TEXT, &[b'x'; 126])[..4], [0x81, 0xfe, 0, 126]);
        assert_eq!(frame(TEXT, &[b'x'; 65_536])[..10], [0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
