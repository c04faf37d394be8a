//! As much of STOMP as sending takes: a session over the plain WebSocket that waits for the receipt of each SEND.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value as Json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::person::Person;
use crate::sockets::SOON;

pub struct Stomp {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    receipts: u64,
}

impl Stomp {
    /// A session that listens to what it did wrong.
    pub async fn open(person: &Person) -> Self {
        let url = format!("ws://{}/ws/chat", person.address);
        let (stream, _) = tokio_tungstenite::connect_async(url).await.expect("the handshake succeeds");
        let mut session = Self { stream, receipts: 0 };
        let connect =
            format!("CONNECT\naccept-version:1.2\nheart-beat:0,0\nAuthorization:Bearer {}\n\n\0", person.token);
        session.stream.send(Message::text(connect)).await.expect("the socket is open");
        assert!(session.hear().await.starts_with("CONNECTED\n"));
        let subscribe = "SUBSCRIBE\nid:errors\ndestination:/user/queue/chat/errors\n\n\0";
        session.stream.send(Message::text(subscribe)).await.expect("the socket is open");
        session
    }

    /// Sends and waits for the receipt; what came on the errors queue before it.
    pub async fn send(&mut self, destination: &str, body: &Json) -> Option<Json> {
        self.receipts += 1;
        let receipt = format!("r{}", self.receipts);
        let frame = format!("SEND\ndestination:{destination}\nreceipt:{receipt}\n\n{body}\0");
        self.stream.send(Message::text(frame)).await.expect("the socket is open");
        let mut refused = None;
        loop {
            let frame = self.hear().await;
            let (head, body) = frame.split_once("\n\n").unwrap_or((&frame, ""));
            match head.lines().next() {
                Some("MESSAGE") => refused = Some(serde_json::from_str(body.trim_end_matches('\0')).expect("JSON")),
                Some("RECEIPT") if head.ends_with(&format!("receipt-id:{receipt}")) => return refused,
                _ => panic!("a receipt was expected, not {frame}"),
            }
        }
    }

    /// The next frame; heart-beats are none.
    async fn hear(&mut self) -> String {
        loop {
            match tokio::time::timeout(SOON, self.stream.next()).await {
                Ok(Some(Ok(Message::Text(text)))) if text.trim().is_empty() => {}
                Ok(Some(Ok(Message::Text(text)))) => return text.trim_start().replace("\r\n", "\n"),
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                other => panic!("a frame was expected, not {other:?}"),
            }
        }
    }
}
