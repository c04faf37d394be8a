//! A GraphQL client over a real WebSocket, byte for byte what a browser would send.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// How long something that must come may take.
pub const SOON: Duration = Duration::from_secs(10);
/// How long it takes to believe that nothing comes.
pub const QUIET: Duration = Duration::from_millis(300);

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

    pub async fn say(&mut self, message: Json) {
        self.say_text(&message.to_string()).await;
    }

    pub async fn say_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("the socket is open");
    }

    /// The next message, which must be JSON and come soon.
    pub async fn hear(&mut self) -> Json {
        match self.next(SOON).await {
            Some(Message::Text(text)) => serde_json::from_str(&text).expect("JSON"),
            other => panic!("a message was expected, not {other:?}"),
        }
    }

    /// The code and reason of the close frame, which must come soon.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.next(SOON).await {
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

    /// The data of the next event of a subscription.
    pub async fn event(&mut self) -> Json {
        let message = self.hear().await;
        assert_eq!(message["type"], "next", "{message}");
        assert!(message["payload"].get("errors").is_none(), "{message}");
        message["payload"]["data"].clone()
    }
}
