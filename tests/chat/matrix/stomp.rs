//! A small STOMP client over a plain WebSocket: enough to send, to listen on queues and to be refused.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value as Json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::sockets::{QUIET, SOON};

pub struct Stomp {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    waiting: VecDeque<Frame>,
    told: VecDeque<(String, Json)>,
    receipts: u64,
}

#[derive(Debug, Clone)]
struct Frame {
    command: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// What a SEND was refused with.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub code: String,
    pub sentence: String,
}

impl Frame {
    fn read(text: &str) -> Option<Self> {
        let text = text.trim_start_matches(['\r', '\n']);
        let (head, body) = text.split_once("\n\n")?;
        let mut lines = head.lines();
        let command = lines.next()?.to_owned();
        let headers = lines.filter_map(|line| line.split_once(':')).map(|(k, v)| (k.to_owned(), v.to_owned()));
        Some(Self { command, headers: headers.collect(), body: body.to_owned() })
    }

    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

impl Stomp {
    /// A session, or the message of the ERROR that answered the CONNECT.
    pub async fn connect(address: SocketAddr, token: Option<&str>) -> Result<Self, String> {
        let url = format!("ws://{address}/ws/chat/websocket");
        let (stream, _) = tokio_tungstenite::connect_async(url).await.expect("the handshake succeeds");
        let mut stomp = Self { stream, waiting: VecDeque::new(), told: VecDeque::new(), receipts: 0 };
        let token = token.map(|token| format!("Authorization:Bearer {token}\n")).unwrap_or_default();
        stomp.say(format!("CONNECT\naccept-version:1.2\nhost:confab\nheart-beat:0,0\n{token}\n\0")).await;
        let answer = stomp.frame(SOON).await.expect("CONNECT is answered");
        match answer.command.as_str() {
            "CONNECTED" => Ok(stomp),
            _ => Err(answer.header("message").to_owned()),
        }
    }

    /// Listens on queues of `/user/queue/chat/`, and makes sure of it.
    pub async fn listen(&mut self, queues: &[&str]) {
        for queue in queues {
            self.subscribe(queue, None).await;
        }
    }

    /// Listens on one queue, from a cursor on where one is given.
    pub async fn subscribe(&mut self, queue: &str, after: Option<&str>) -> Option<Refusal> {
        let after = after.map(|after| format!("after:{after}\n")).unwrap_or_default();
        self.receipts += 1;
        let head = format!("id:{}-{queue}\ndestination:/user/queue/chat/{queue}\n{after}", self.receipts);
        self.ask(format!("SUBSCRIBE\n{head}receipt:{}\n\n\0", self.receipts)).await
    }

    /// Sends, waits until it took effect, and tells what it was refused with, if anything.
    pub async fn send(&mut self, destination: &str, body: &str) -> Option<Refusal> {
        self.receipts += 1;
        let head = format!("destination:{destination}\ncontent-type:application/json\nreceipt:{}", self.receipts);
        self.ask(format!("SEND\n{head}\n\n{body}\0")).await
    }

    /// The next thing that was told, and on which queue, if one comes in time.
    pub async fn next(&mut self, within: Duration) -> Option<(String, Json)> {
        let told = self.told.pop_front();
        if told.is_some() {
            return told;
        }
        let frame = self.frame(within).await?;
        Some((frame.header("destination").replace("/user/queue/chat/", ""), json_of(&frame.body)))
    }

    /// The next thing that was told, which must come soon and on this queue.
    pub async fn hear(&mut self, queue: &str) -> Json {
        let (told, body) = self.next(SOON).await.unwrap_or_else(|| panic!("{queue} stays silent"));
        assert_eq!(told, queue, "{body}");
        body
    }

    /// Asserts that nothing is told for a while.
    pub async fn is_quiet(&mut self) {
        if let Some(told) = self.next(QUIET).await {
            panic!("nothing was expected, not {told:?}");
        }
    }

    async fn ask(&mut self, frame: String) -> Option<Refusal> {
        self.say(frame).await;
        let mut refused = None;
        loop {
            let frame = self.frame(SOON).await.expect("a receipt comes");
            match (frame.command.as_str(), frame.header("destination")) {
                ("RECEIPT", _) => {
                    assert_eq!(frame.header("receipt-id"), self.receipts.to_string());
                    return refused;
                }
                ("MESSAGE", "/user/queue/chat/errors") => {
                    let body = json_of(&frame.body);
                    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
                    refused = Some(Refusal { code: text("code"), sentence: text("error") });
                }
                ("MESSAGE", destination) => {
                    self.told.push_back((destination.replace("/user/queue/chat/", ""), json_of(&frame.body)));
                }
                _ => panic!("a receipt was expected, not {frame:?}"),
            }
        }
    }

    async fn say(&mut self, frame: String) {
        self.stream.send(Message::text(frame)).await.expect("the socket is open");
    }

    async fn frame(&mut self, within: Duration) -> Option<Frame> {
        while self.waiting.is_empty() {
            match tokio::time::timeout(within, self.stream.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => self.waiting.extend(text.split('\0').filter_map(Frame::read)),
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                _ => return None,
            }
        }
        self.waiting.pop_front()
    }
}

fn json_of(body: &str) -> Json {
    serde_json::from_str(body).unwrap_or_else(|_| Json::String(body.to_owned()))
}
