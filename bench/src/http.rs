//! A client of HTTP/1.1 over one connection that is kept: it writes prepared bytes and reads an answer, and costs next to
//! nothing beside the server that it measures.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value as Json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that asks one thing at a time, as one user.
pub struct Client {
    stream: TcpStream,
    token: String,
    read: Vec<u8>,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Client {
    pub async fn connect(address: SocketAddr, token: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("the server cannot be reached")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, token: token.to_owned(), read: Vec::with_capacity(16 * 1024) })
    }

    /// The bytes of a request, which may be sent many times.
    pub fn prepare(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        let token = &self.token;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n");
        if !body.is_empty() {
            head += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        } else if method != "GET" {
            head += "Content-Length: 0\r\n";
        }
        format!("{head}\r\n{body}").into_bytes()
    }

    /// Sends prepared bytes and waits for the whole answer.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.write_all(request).await?;
        let head = self.head().await?;
        let text = String::from_utf8_lossy(&self.read[..head]).to_ascii_lowercase();
        let status = text.split_whitespace().nth(1).and_then(|status| status.parse().ok()).context("no status")?;
        let header = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':').map(str::trim))
        };
        let body = match header("content-length") {
            Some(length) => {
                let end = head + length.parse::<usize>().context("a length that is none")?;
                while self.read.len() < end {
                    self.more().await?;
                }
                let body = self.read[head..end].to_vec();
                self.read.drain(..end);
                body
            }
            None if header("transfer-encoding") == Some("chunked") => {
                self.read.drain(..head);
                self.chunks().await?
            }
            None => bail!("an answer without a length: {text}"),
        };
        Ok(Answer { status, body })
    }

    /// Asks and insists on success.
    pub async fn call(&mut self, method: &str, path: &str, body: &str) -> Result<Json> {
        let request = self.prepare(method, path, body);
        let answer = self.exchange(&request).await?;
        ensure!(answer.status < 300, "{method} {path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        Ok(serde_json::from_slice(&answer.body).unwrap_or(Json::Null))
    }

    /// Sends prepared bytes and reads until `mark` has come: the first words of an answer that does not end.
    pub async fn until(&mut self, request: &[u8], mark: &str) -> Result<()> {
        self.stream.write_all(request).await?;
        while !self.read.windows(mark.len()).any(|window| window == mark.as_bytes()) {
            self.more().await.with_context(|| String::from_utf8_lossy(&self.read).into_owned())?;
        }
        Ok(())
    }

    /// The whole head of an answer, whose length this is.
    async fn head(&mut self) -> Result<usize> {
        loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                return Ok(end + 4);
            }
            self.more().await?;
        }
    }

    async fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                match self.read.windows(2).position(|window| window == b"\r\n") {
                    Some(end) => break end,
                    None => self.more().await?,
                }
            };
            let length = String::from_utf8_lossy(&self.read[..line]).into_owned();
            let length = usize::from_str_radix(length.trim(), 16).context("a chunk without a length")?;
            let end = line + 2 + length + 2;
            while self.read.len() < end {
                self.more().await?;
            }
            body.extend_from_slice(&self.read[line + 2..line + 2 + length]);
            self.read.drain(..end);
            if length == 0 {
                return Ok(body);
            }
        }
    }

    async fn more(&mut self) -> Result<()> {
        let read = self.stream.read_buf(&mut self.read).await?;
        ensure!(read > 0, "the server closed the connection");
        Ok(())
    }
}
