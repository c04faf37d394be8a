//! GraphQL clients over a real WebSocket and over events of HTTP, byte for byte what a browser would send.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// How long something that must come may take.
pub const SOON: Duration = Duration::from_secs(10);
/// How long it takes to believe that nothing comes.
pub const QUIET: Duration = Duration::from_millis(300);

/// Waits until something is so, and says what was not.
pub async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let end = tokio::time::Instant::now() + Duration::from_secs(30);
    while !is_so().await {
        assert!(tokio::time::Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub struct GraphqlSocket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl GraphqlSocket {
    /// Opens a `graphql-transport-ws` connection; nothing is said yet.
    pub async fn open(address: SocketAddr, path: &str) -> Self {
        Self::open_with(address, path, "graphql-transport-ws").await
    }

    /// Opens a connection with another sub-protocol.
    pub async fn open_with(address: SocketAddr, path: &str, protocol: &str) -> Self {
        let mut request = format!("ws://{address}{path}").into_client_request().expect("a request");
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().expect("a header"));
        let (stream, _) = tokio_tungstenite::connect_async(request).await.expect("the handshake succeeds");
        Self { stream }
    }

    /// A handshake by hand, whatever its headers; the status where it is refused, 0 where the connection is. `window` bytes are what the kernel
    /// takes in for a client that does not read.
    pub async fn knock(address: SocketAddr, headers: &[(&str, &str)], window: Option<u32>) -> Result<Self, u16> {
        let socket = TcpSocket::new_v4().expect("a socket");
        if let Some(window) = window {
            socket.set_recv_buffer_size(window).expect("a small buffer");
        }
        let mut stream = socket.connect(address).await.expect("the server listens");
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!(
            "GET /graphql HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("the server reads");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) if head.is_empty() => return Err(0),
                Err(cause) => panic!("the server breaks off: {cause}"),
            }
        }
        let head = String::from_utf8(head).expect("text");
        match head.split(' ').nth(1).and_then(|status| status.parse().ok()) {
            Some(101) => {
                let stream = MaybeTlsStream::Plain(stream);
                Ok(Self { stream: WebSocketStream::from_raw_socket(stream, Role::Client, None).await })
            }
            status => Err(status.expect("a status")),
        }
    }

    /// Says who one is, which must be believed.
    pub async fn init(&mut self, token: &str) {
        let payload = json!({ "Authorization": format!("Bearer {token}") });
        self.say(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(self.hear().await["type"], "connection_ack");
    }

    pub async fn say(&mut self, message: Json) {
        self.say_text(&message.to_string()).await;
    }

    pub async fn say_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("the socket is open");
    }

    /// The next message, which must be JSON and come soon.
    pub async fn hear(&mut self) -> Json {
        serde_json::from_str(&self.hear_text().await).expect("JSON")
    }

    /// The next message as it came.
    pub async fn hear_text(&mut self) -> String {
        match self.next(SOON).await {
            Some(Message::Text(text)) => text.to_string(),
            other => panic!("a message was expected, not {other:?}"),
        }
    }

    /// The code and reason of the close frame, which must come soon.
    pub async fn closed(&mut self) -> (u16, String) {
        self.closed_within(SOON).await
    }

    /// As [`GraphqlSocket::closed`], with nothing said before.
    pub async fn closed_at_once(&mut self) -> (u16, String) {
        match self.next(SOON).await {
            Some(Message::Close(Some(frame))) => (frame.code.into(), frame.reason.to_string()),
            other => panic!("a close frame was expected, not {other:?}"),
        }
    }

    /// As [`GraphqlSocket::closed`], after a longer wait.
    pub async fn closed_within(&mut self, within: Duration) -> (u16, String) {
        loop {
            match self.next(within).await {
                Some(Message::Close(Some(frame))) => return (frame.code.into(), frame.reason.to_string()),
                Some(Message::Text(_)) => {}
                other => panic!("a close frame was expected, not {other:?}"),
            }
        }
    }

    /// Asserts that nothing comes for a while.
    pub async fn is_quiet(&mut self) {
        if let Some(message) = self.next(QUIET).await {
            panic!("nothing was expected, not {message:?}");
        }
    }

    async fn next(&mut self, within: Duration) -> Option<Message> {
        loop {
            match tokio::time::timeout(within, self.stream.next()).await {
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                Ok(Some(Ok(message))) => return Some(message),
                Ok(Some(Err(_)) | None) | Err(_) => return None,
            }
        }
    }

    /// Starts a subscription and makes sure that it has started: what is said behind it is answered behind it.
    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Json) {
        let payload = json!({ "query": query, "variables": variables });
        self.say(json!({ "type": "subscribe", "id": id, "payload": payload })).await;
        self.say(json!({ "type": "ping" })).await;
        let answer = self.hear().await;
        assert_eq!(answer["type"], "pong", "{answer}");
    }

    /// Starts a subscription whose first events may come at once.
    pub async fn subscribe_loudly(&mut self, id: &str, query: &str, variables: Json) {
        let payload = json!({ "query": query, "variables": variables });
        self.say(json!({ "type": "subscribe", "id": id, "payload": payload })).await;
    }

    /// The data of the next event of a subscription.
    pub async fn event(&mut self) -> Json {
        let message = self.hear().await;
        assert_eq!(message["type"], "next", "{message}");
        assert!(message["payload"].get("errors").is_none(), "{message}");
        message["payload"]["data"].clone()
    }
}

/// A subscription over events of HTTP.
pub struct EventStream {
    answer: reqwest::Response,
    text: String,
    last_id: Option<String>,
}

impl EventStream {
    pub async fn open(request: reqwest::RequestBuilder, query: &str) -> Self {
        let body = json!({ "query": query });
        let request = request.header("accept", "text/event-stream").json(&body);
        let answer = request.send().await.expect("the server answers");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream; charset=utf-8");
        Self { answer, text: String::new(), last_id: None }
    }

    /// The next event, comments left out: its name and its data, null where it has none.
    pub async fn next(&mut self) -> (String, Json) {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n").map(|(e, r)| (e.to_owned(), r.to_owned())) {
                self.text = rest;
                let field =
                    |name: &str| event.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
                // As in a browser, where an event without data is not heard, but its id counts.
                self.last_id = field("id:").or(self.last_id.take());
                if let Some(name) = field("event:") {
                    let data = field("data:").unwrap_or_default();
                    return (name, serde_json::from_str(&data).unwrap_or(Json::Null));
                }
                continue;
            }
            assert!(self.read().await, "the stream goes on");
        }
    }

    /// Reads what comes next; false at the end of the response.
    async fn read(&mut self) -> bool {
        let chunk = tokio::time::timeout(SOON, self.answer.chunk()).await.expect("something comes");
        let chunk = chunk.expect("the stream is whole");
        self.text.push_str(std::str::from_utf8(chunk.as_deref().unwrap_or_default()).expect("UTF-8"));
        chunk.is_some()
    }

    /// The names of the events that are still to come, until the server ends the response.
    pub async fn rest(&mut self) -> Vec<String> {
        while self.read().await {}
        let text = std::mem::take(&mut self.text);
        for line in text.lines() {
            self.last_id = line.strip_prefix("id: ").map(str::to_owned).or(self.last_id.take());
        }
        text.lines().filter_map(|line| line.strip_prefix("event: ")).map(str::to_owned).collect()
    }

    /// What a client that comes back sends as `Last-Event-ID`.
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// The data of the next event, which must be a result.
    pub async fn event(&mut self) -> Json {
        let (name, data) = self.next().await;
        assert_eq!(name, "next", "{data}");
        assert!(data.get("errors").is_none(), "{data}");
        data["data"].clone()
    }

    /// Whether the server ended the response.
    pub async fn has_ended(&mut self) -> bool {
        let end = tokio::time::timeout(SOON, self.answer.chunk()).await.expect("the response ends");
        end.expect("the stream is whole").is_none()
    }
}
