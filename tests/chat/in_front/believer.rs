//! Clients over TLS that believe one certificate and no other, and all that they do through the three doors.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use rcgen::generate_simple_self_signed;
use reqwest::{Certificate, Method, Response, Version};
use rustls::pki_types::ServerName;
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::process::Home;
use crate::sockets::SOON;
use crate::stomp_client::new_session;

/// The files of a certificate for this machine.
pub const CERT: &str = "cert.pem";
pub const KEY: &str = "key.pem";

type Socket = WebSocketStream<TlsStream<TcpStream>>;

pub struct Believer {
    http: reqwest::Client,
    sockets: TlsConnector,
}

impl Believer {
    /// In a new certificate, which is written down for a server together with its key.
    pub fn in_a_new_certificate(folder: &Path) -> Self {
        let made = generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        std::fs::write(folder.join(CERT), made.cert.pem()).expect("it is written");
        std::fs::write(folder.join(KEY), made.signing_key.serialize_pem()).expect("it is written");
        let certificate = Certificate::from_der(made.cert.der()).expect("a certificate");
        let http = reqwest::Client::builder().tls_certs_only([certificate]).build().expect("a client");
        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let client = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut client = client.expect("versions").with_root_certificates(roots).with_no_client_auth();
        // Whoever goes on with a session of before is shown no certificate.
        client.resumption = rustls::client::Resumption::disabled();
        Self { http, sockets: TlsConnector::from(Arc::new(client)) }
    }

    /// Whether a server is ready below this path, over a connection that is new and shows what certificate there is now.
    pub async fn reaches(&self, address: SocketAddr, prefix: &str) -> bool {
        let url = format!("https://{address}{prefix}/health/ready");
        self.connect(address).await.is_some()
            && self.http.get(url).send().await.is_ok_and(|answer| answer.status() == 200)
    }

    /// A connection, if its certificate is believed.
    pub async fn connect(&self, address: SocketAddr) -> Option<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await.ok()?;
        self.sockets.connect(ServerName::from(address.ip()), stream).await.ok()
    }

    /// A WebSocket that a page of the same host opens.
    pub async fn websocket(&self, address: SocketAddr, path: &str, protocol: &str) -> Socket {
        let stream = self.connect(address).await.expect("the certificate is believed");
        let mut request = format!("wss://{address}{path}").into_client_request().expect("a request");
        for (name, value) in [("sec-websocket-protocol", protocol), ("origin", &format!("https://{address}"))] {
            request.headers_mut().insert(name, value.parse().expect("a header"));
        }
        tokio_tungstenite::client_async(request, stream).await.expect("the handshake succeeds").0
    }

    /// What comes back over HTTP/2.
    pub async fn ask(&self, token: &str, method: Method, url: &str, body: Option<Json>) -> Response {
        let request = self.http.request(method, url).bearer_auth(token).header("accept", "*/*");
        let request = body.iter().fold(request, |request, body| request.json(body));
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.version(), Version::HTTP_2, "it is agreed on in the handshake");
        answer
    }

    /// What a page of another origin gets.
    pub async fn ask_from(&self, origin: &str, url: &str) -> Response {
        self.http.get(url).header("origin", origin).send().await.expect("an answer")
    }

    /// What a browser gets.
    pub async fn get(&self, url: &str) -> Response {
        self.http.get(url).header("accept", "text/html,*/*;q=0.8").send().await.expect("an answer")
    }
}

/// The text of the next message that has any.
pub async fn hear(socket: &mut Socket) -> String {
    loop {
        match timeout(SOON, socket.next()).await.expect("something comes") {
            Some(Ok(Message::Text(text))) if text.as_str() != "\n" => return text.to_string(),
            Some(Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_))) => {}
            other => panic!("a message was expected, not {other:?}"),
        }
    }
}

async fn say(socket: &mut Socket, text: impl Into<String>) {
    socket.send(Message::text(text.into())).await.expect("it is open");
}

/// Two people of the server at `home` make a group by REST, and what one sends over STOMP the other hears over GraphQL: by a
/// WebSocket, as events, and over SockJS.
pub async fn use_all_doors(home: &Home, believer: &Believer, address: SocketAddr, prefix: &str) {
    let (zoe, yan) = (home.token(7, "Zoe").await, home.token(8, "Yan").await);
    let base = format!("https://{address}{prefix}");
    let ask = async |token: &str, method: Method, path: &str, body: Option<Json>| {
        let answer = believer.ask(token, method, &format!("{base}{path}"), body).await;
        let (status, text) = (answer.status(), answer.text().await.expect("all of it comes"));
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str::<Json>(&text).expect("JSON")
    };
    ask(&yan, Method::GET, "/api/chat/conversations/unread", None).await;
    let team = json!({ "name": "Team", "participantIds": [8] });
    let team = ask(&zoe, Method::POST, "/api/chat/conversations", Some(team)).await["data"]["id"].clone();

    let subscription = json!({ "query": "subscription { messages { content } }" });
    let mut graphql = believer.websocket(address, &format!("{prefix}/graphql"), "graphql-transport-ws").await;
    say(&mut graphql, json!({ "type": "connection_init", "payload": { "Authorization": yan } }).to_string()).await;
    assert!(hear(&mut graphql).await.contains("connection_ack"));
    say(&mut graphql, json!({ "type": "subscribe", "id": "1", "payload": subscription }).to_string()).await;
    say(&mut graphql, json!({ "type": "ping" }).to_string()).await;
    assert!(hear(&mut graphql).await.contains("pong"));

    let events = believer.http.post(format!("{base}/graphql")).bearer_auth(&yan).json(&subscription);
    let mut events = events.header("accept", "text/event-stream").send().await.expect("an answer");
    assert_eq!(events.status(), 200);

    let session = format!("{base}{}", new_session());
    let frame = |text: &str| json!([text]).to_string();
    let poll = async || {
        let answer = timeout(SOON * 3, believer.http.post(format!("{session}/xhr")).send()).await.expect("it comes");
        answer.expect("an answer").text().await.expect("text")
    };
    let push = async |text: String| {
        let sent = believer.http.post(format!("{session}/xhr_send")).body(text).send().await.expect("an answer");
        assert_eq!(sent.status(), 204);
    };
    assert_eq!(poll().await, "o\n");
    push(frame(&format!("CONNECT\naccept-version:1.2\nhost:a\nAuthorization:Bearer {yan}\n\n\0"))).await;
    assert!(poll().await.contains("CONNECTED"));
    push(frame("SUBSCRIBE\nid:0\nreceipt:r\ndestination:/user/queue/chat/messages\n\n\0")).await;
    assert!(poll().await.contains("RECEIPT"));

    let mut stomp = believer.websocket(address, &format!("{prefix}/ws/chat/websocket"), "v12.stomp").await;
    say(&mut stomp, format!("CONNECT\naccept-version:1.2\nhost:a\nAuthorization:Bearer {zoe}\n\n\0")).await;
    assert!(hear(&mut stomp).await.starts_with("CONNECTED\n"));
    let body = json!({ "conversationId": team, "content": "over TLS" });
    say(&mut stomp, format!("SEND\ndestination:/app/chat.send\n\n{body}\0")).await;

    let heard: Json = serde_json::from_str(&hear(&mut graphql).await).expect("JSON");
    assert_eq!(heard["payload"]["data"]["messages"]["content"], "over TLS");
    let mut streamed = String::new();
    while !streamed.contains("over TLS") {
        let chunk = timeout(SOON, events.chunk()).await.expect("it is not held back").expect("the stream is whole");
        streamed.push_str(std::str::from_utf8(&chunk.expect("the stream goes on")).expect("UTF-8"));
    }
    let polled = poll().await;
    assert!(polled.contains("over TLS"), "{polled}");

    let query = format!("{{ conversation(id: {team}) {{ messages(last: 1) {{ nodes {{ id content }} }} }} }}");
    let read = ask(&yan, Method::POST, "/graphql", Some(json!({ "query": query }))).await;
    let message = &read["data"]["conversation"]["messages"]["nodes"][0];
    assert_eq!(message["content"], "over TLS");
    // What stands in an address arrives as it was written.
    let reactions = format!("/api/chat/messages/{}/reactions", message["id"].as_str().expect("an id"));
    ask(&yan, Method::POST, &reactions, Some(json!({ "emoji": "👩🏽‍💻" }))).await;
    let removed = format!("{reactions}/%F0%9F%91%A9%F0%9F%8F%BD%E2%80%8D%F0%9F%92%BB");
    assert_eq!(ask(&yan, Method::DELETE, &removed, None).await["data"]["reactionSummary"], json!({}));
}
