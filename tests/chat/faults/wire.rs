//! STOMP and GraphQL over WebSockets for clients whose server may be gone at any moment: whatever breaks is `None`.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// How long a handshake may take before the client tries again.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// An open socket.
pub struct Wire(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// A frame of STOMP.
pub struct Frame {
    pub command: String,
    headers: Vec<(String, String)>,
    pub body: Json,
}

impl Frame {
    fn read(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\n\n")?;
        let mut lines = head.lines();
        let command = lines.next()?.to_owned();
        let headers =
            lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_owned(), value.to_owned()));
        let body = serde_json::from_str(body.trim_end_matches('\0')).unwrap_or(Json::Null);
        Some(Self { command, headers: headers.collect(), body })
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

impl Wire {
    async fn open(address: SocketAddr, path: &str, protocol: &str) -> Option<Self> {
        let mut request = format!("ws://{address}{path}").into_client_request().expect("a request");
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().expect("a header"));
        let (socket, _) = timeout(HANDSHAKE, tokio_tungstenite::connect_async(request)).await.ok()?.ok()?;
        Some(Self(socket))
    }

    /// A session of STOMP without heart-beats that is connected.
    pub async fn stomp(address: SocketAddr, token: &str) -> Option<Self> {
        let mut wire = Self::open(address, "/ws/chat/websocket", "v12.stomp").await?;
        wire.say(format!("CONNECT\naccept-version:1.2\nAuthorization:Bearer {token}\n\n\0")).await?;
        (wire.frame(HANDSHAKE).await?.command == "CONNECTED").then_some(wire)
    }

    /// A connection of `graphql-transport-ws` that was acknowledged.
    pub async fn graphql(address: SocketAddr, token: &str) -> Option<Self> {
        let mut wire = Self::open(address, "/graphql", "graphql-transport-ws").await?;
        wire.say(json!({ "type": "connection_init", "payload": { "Authorization": token } }).to_string()).await?;
        (wire.json(HANDSHAKE).await?["type"] == "connection_ack").then_some(wire)
    }

    pub async fn say(&mut self, text: String) -> Option<()> {
        timeout(HANDSHAKE, self.0.send(Message::text(text))).await.ok()?.ok()
    }

    async fn text(&mut self, within: Duration) -> Option<String> {
        loop {
            match timeout(within, self.0.next()).await.ok()??.ok()? {
                Message::Text(text) if text != "\n" => return Some(text.to_string()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// The next frame of STOMP.
    pub async fn frame(&mut self, within: Duration) -> Option<Frame> {
        Frame::read(&self.text(within).await?)
    }

    /// The next message of GraphQL.
    pub async fn json(&mut self, within: Duration) -> Option<Json> {
        serde_json::from_str(&self.text(within).await?).ok()
    }
}
