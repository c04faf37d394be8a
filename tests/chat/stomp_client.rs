//! A STOMP client that knows every byte it says and hears: over a plain WebSocket, and over each transport of SockJS as
//! a browser would use it. It reads at most one message ahead, so that a client that does not listen does not read.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value as Json, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::person::Person;
use crate::sockets::{QUIET, SOON};
use crate::sockjs_receiver::Receiver;

/// What a client reaches the server with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    Raw,
    WebSocket,
    Streaming,
    Polling,
    EventSource,
    HtmlFile,
}

pub const CARRIERS: [Carrier; 6] =
    [Carrier::Raw, Carrier::WebSocket, Carrier::Streaming, Carrier::Polling, Carrier::EventSource, Carrier::HtmlFile];

/// What came: one message of the carrier, without the carrier's framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Text(String),
    Closed(u16, String),
}

/// One frame of STOMP, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StompFrame {
    pub command: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// All of it.
    pub bytes: String,
}

type Sink = SplitSink<WebSocketStream<TcpStream>, Message>;

enum Mouth {
    Raw(Sink),
    Framed(Sink),
    Http { client: reqwest::Client, url: String },
}

pub struct StompClient {
    mouth: Mouth,
    ears: mpsc::Receiver<Heard>,
    reading: JoinHandle<()>,
}

impl StompFrame {
    pub fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or_else(|| panic!("no frame: {text:?}"));
        let body = body.strip_suffix('\0').unwrap_or_else(|| panic!("no end: {text:?}"));
        let mut lines = head.split('\n');
        let command = lines.next().unwrap_or_default().to_owned();
        let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers = lines.map(|line| header(line).expect("a header")).collect();
        Self { command, headers, body: body.to_owned(), bytes: text.to_owned() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The names of the headers, in order.
    pub fn names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {:?}", self.bytes))
    }
}

/// A handshake whose headers and window the test chooses; the status where it is refused.
pub async fn shake(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    window: Option<u32>,
) -> Result<(WebSocketStream<TcpStream>, Option<String>), u16> {
    let socket = TcpSocket::new_v4().expect("a socket");
    if let Some(window) = window {
        socket.set_recv_buffer_size(window).expect("a small buffer");
    }
    let stream = socket.connect(address).await.expect("the server listens");
    let mut request = format!("ws://{address}{path}").into_client_request().expect("a request");
    for (name, value) in headers {
        let name = reqwest::header::HeaderName::from_bytes(name.as_bytes()).expect("a name");
        request.headers_mut().insert(name, value.parse().expect("a value"));
    }
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, answer)) => {
            let chosen = answer.headers().get("sec-websocket-protocol").map(|chosen| chosen.to_str().expect("text"));
            Ok((socket, chosen.map(str::to_owned)))
        }
        Err(Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// The path of a new session of SockJS, without its last segment.
pub fn new_session() -> String {
    format!("/ws/chat/123/{}", uuid::Uuid::new_v4().simple())
}

impl StompClient {
    /// Opens a connection without a token; nothing is said yet.
    pub async fn open(address: SocketAddr, carrier: Carrier) -> Self {
        Self::open_with(address, carrier, "").await
    }

    /// Opens a connection with a query such as `?token=…`.
    pub async fn open_with(address: SocketAddr, carrier: Carrier, query: &str) -> Self {
        match carrier {
            Carrier::Raw => Self::raw(address, &format!("/ws/chat/websocket{query}"), &[], None).await,
            Carrier::WebSocket => Self::framed(address, &format!("{}/websocket{query}", new_session())).await,
            Carrier::Streaming | Carrier::Polling | Carrier::EventSource | Carrier::HtmlFile => {
                Self::over_http(address, carrier, &new_session(), query).await
            }
        }
    }

    /// A plain WebSocket with these headers, and a window of so many bytes for a client that does not read.
    pub async fn raw(address: SocketAddr, path: &str, headers: &[(&str, &str)], window: Option<u32>) -> Self {
        let (socket, _) = shake(address, path, headers, window).await.expect("the handshake succeeds");
        let (sink, stream) = socket.split();
        let (heard, ears) = mpsc::channel(1);
        let reading = tokio::spawn(listen(stream, heard, false));
        Self { mouth: Mouth::Raw(sink), ears, reading }
    }

    async fn framed(address: SocketAddr, path: &str) -> Self {
        let (socket, _) = shake(address, path, &[], None).await.expect("the handshake succeeds");
        let (sink, mut stream) = socket.split();
        let open = stream.next().await.expect("a frame").expect("a frame");
        assert_eq!(open, Message::text("o"));
        let (heard, ears) = mpsc::channel(1);
        let reading = tokio::spawn(listen(stream, heard, true));
        Self { mouth: Mouth::Framed(sink), ears, reading }
    }

    /// A session over HTTP whose name the test knows.
    pub async fn over_http(address: SocketAddr, carrier: Carrier, session: &str, query: &str) -> Self {
        let client = reqwest::Client::new();
        let mut receiver = Receiver::new(client.clone(), address, carrier, session, query);
        assert_eq!(receiver.next().await.as_deref(), Some("o"));
        let (heard, ears) = mpsc::channel(1);
        let reading = tokio::spawn(async move { receiver.listen(heard).await });
        let url = format!("http://{address}{session}/xhr_send{query}");
        Self { mouth: Mouth::Http { client, url }, ears, reading }
    }

    /// One message of these bytes.
    pub async fn say(&mut self, text: &str) {
        self.say_all(&[text]).await;
    }

    /// These messages, which SockJS carries in one array.
    pub async fn say_all(&mut self, texts: &[&str]) {
        let array = json!(texts).to_string();
        match &mut self.mouth {
            Mouth::Raw(_) => {
                for text in texts {
                    self.say_to_carrier(text).await;
                }
            }
            Mouth::Framed(_) | Mouth::Http { .. } => self.say_to_carrier(&array).await,
        }
    }

    /// What the carrier carries, with its framing or what goes for it.
    pub async fn say_to_carrier(&mut self, text: &str) {
        match &mut self.mouth {
            Mouth::Raw(sink) | Mouth::Framed(sink) => {
                sink.send(Message::text(text)).await.expect("the socket is open");
            }
            Mouth::Http { client, url } => {
                let answer = client.post(url.as_str()).body(text.to_owned()).send().await.expect("an answer");
                assert_eq!(answer.status(), 204);
            }
        }
    }

    pub async fn say_binary(&mut self, bytes: Vec<u8>) {
        let (Mouth::Raw(sink) | Mouth::Framed(sink)) = &mut self.mouth else { panic!("HTTP has text only") };
        sink.send(Message::binary(bytes)).await.expect("the socket is open");
    }

    /// A pong that nobody asked for, which is allowed and means nothing.
    pub async fn pong(&mut self) {
        let (Mouth::Raw(sink) | Mouth::Framed(sink)) = &mut self.mouth else { panic!("HTTP has no pongs") };
        // The server may have had enough already.
        sink.send(Message::Pong(Vec::new().into())).await.ok();
    }

    /// The next message of the carrier, heart-beats of STOMP included.
    pub async fn next(&mut self) -> Heard {
        self.next_within(SOON).await.expect("something comes")
    }

    pub async fn next_within(&mut self, within: Duration) -> Option<Heard> {
        tokio::time::timeout(within, self.ears.recv()).await.ok().map(|heard| heard.expect("the connection is open"))
    }

    /// The next frame; heart-beats are passed over.
    pub async fn hear(&mut self) -> StompFrame {
        loop {
            match self.next().await {
                Heard::Text(text) if text == "\n" => {}
                Heard::Text(text) => return StompFrame::read(&text),
                closed @ Heard::Closed(..) => panic!("a frame was expected, not {closed:?}"),
            }
        }
    }

    /// The next frame, which must be a MESSAGE for this subscription: its body.
    pub async fn message(&mut self, subscription: &str) -> Json {
        let frame = self.hear().await;
        assert_eq!(
            (frame.command.as_str(), frame.header("subscription")),
            ("MESSAGE", Some(subscription)),
            "{frame:?}"
        );
        frame.json()
    }

    /// The next frame for this subscription. What was done just before somebody subscribed may still be told.
    pub async fn hear_for(&mut self, subscription: &str) -> StompFrame {
        loop {
            let frame = self.hear().await;
            if frame.header("subscription") == Some(subscription) {
                return frame;
            }
        }
    }

    /// The next frame, which must be an ERROR: its sentence. The close code 1002 must follow.
    pub async fn failed(&mut self) -> String {
        let frame = self.hear().await;
        assert_eq!(frame.command, "ERROR", "{frame:?}");
        assert_eq!(self.closed().await, 1002);
        frame.header("message").expect("a message").to_owned()
    }

    /// The code with which the connection is closed next.
    pub async fn closed(&mut self) -> u16 {
        match self.next().await {
            Heard::Closed(code, _) => code,
            Heard::Text(text) => panic!("an end was expected, not {text:?}"),
        }
    }

    /// Asserts that nothing but heart-beats comes for a while.
    pub async fn is_quiet(&mut self) {
        match self.next_within(QUIET).await {
            None => {}
            Some(heard) => panic!("nothing was expected, not {heard:?}"),
        }
    }

    /// Connects as 1.2 without heart-beats, which must succeed: CONNECTED.
    pub async fn connect(&mut self, token: &str) -> StompFrame {
        self.say(&format!("CONNECT\naccept-version:1.2\nAuthorization:Bearer {token}\n\n\0")).await;
        let frame = self.hear().await;
        assert_eq!(frame.command, "CONNECTED", "{frame:?}");
        frame
    }

    /// Says a frame with a receipt and waits until it took effect; nothing else may come before.
    pub async fn say_and_wait(&mut self, command: &str, headers: &str, body: &str) {
        self.say(&format!("{command}\n{headers}receipt:done\n\n{body}\0")).await;
        let frame = self.hear().await;
        assert_eq!(frame.bytes, "RECEIPT\nreceipt-id:done\n\n\0");
    }

    /// Subscribes, which must succeed.
    pub async fn subscribe(&mut self, id: &str, destination: &str) {
        self.say_and_wait("SUBSCRIBE", &format!("id:{id}\ndestination:{destination}\n"), "").await;
    }

    /// Subscribes to queues by the last words of their names, which become the ids.
    pub async fn subscribe_to(&mut self, queues: &[&str]) {
        for queue in queues {
            self.subscribe(queue, &format!("/user/queue/chat/{queue}")).await;
        }
    }

    /// A SEND of JSON to `/app/chat.…`.
    pub async fn send(&mut self, to: &str, body: Json) {
        self.say(&format!("SEND\ndestination:/app/chat.{to}\n\n{body}\0")).await;
    }

    /// A DISCONNECT that waits for its receipt.
    pub async fn disconnect(&mut self) {
        self.say_and_wait("DISCONNECT", "", "").await;
    }
}

impl Drop for StompClient {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Person {
    /// A session of this person's that is connected.
    pub async fn stomp(&self, carrier: Carrier) -> StompClient {
        let mut client = StompClient::open(self.address, carrier).await;
        client.connect(&self.token).await;
        client
    }

    /// A connected session that listens on these queues, and whose subscriptions are named after them.
    pub async fn stomp_on(&self, carrier: Carrier, queues: &[&str]) -> StompClient {
        let mut client = self.stomp(carrier).await;
        client.subscribe_to(queues).await;
        client
    }
}

async fn listen<S>(mut stream: S, heard: mpsc::Sender<Heard>, framed: bool)
where
    S: futures_util::Stream<Item = Result<Message, Error>> + Unpin,
{
    let mut announced = None;
    while let Some(Ok(message)) = stream.next().await {
        let told = match message {
            Message::Text(text) if framed => match frames_of(&text) {
                Ok(texts) => texts,
                Err(end) => {
                    announced = Some(end);
                    continue;
                }
            },
            Message::Text(text) => vec![text.to_string()],
            Message::Close(Some(frame)) => {
                let end = (u16::from(frame.code), frame.reason.to_string());
                assert!(announced.is_none_or(|announced| announced.0 == end.0), "SockJS said another code");
                heard.send(Heard::Closed(end.0, end.1)).await.ok();
                return;
            }
            Message::Ping(_) | Message::Pong(_) => continue,
            other => panic!("{other:?}"),
        };
        for text in told {
            if heard.send(Heard::Text(text)).await.is_err() {
                return;
            }
        }
    }
    heard.send(Heard::Closed(1006, "without a word".to_owned())).await.ok();
}

/// The messages in a frame of SockJS, or how the session ends.
pub fn frames_of(frame: &str) -> Result<Vec<String>, (u16, String)> {
    match frame.split_at(1) {
        ("h", "") => Ok(Vec::new()),
        ("a", array) => Ok(serde_json::from_str(array).expect("an array of strings")),
        ("c", array) => Err(serde_json::from_str(array).expect("a code and a reason")),
        _ => panic!("no frame of SockJS: {frame:?}"),
    }
}
