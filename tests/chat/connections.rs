//! How connections begin and end: their number is bounded, pages of other origins are let in by setting only, and nobody is
//! cut off before hearing why.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::server::Server;
use crate::sockets::{GraphqlSocket, QUIET, SOON, until};
use crate::stomp_client::{Carrier, StompClient, new_session, shake};

/// Says all of it before it listens, as simple clients do; what the server answered to the end of the connection.
async fn say_all(address: SocketAddr, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.write_all(head.as_bytes()).await.expect("the head is taken");
    stream.write_all(body).await.expect("the body is taken, read or not");
    let mut answer = Vec::new();
    tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await.expect("an end").expect("no reset");
    String::from_utf8(answer).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_too_much_hears_the_refusal_at_its_end() {
    let server = Server::start_with(|config| config.chat.max_file_size_mb = 1).await;
    let alice = server.person("Alice").await;
    let many = 8 << 20;
    for (path, kind) in [
        ("/api/files", "multipart/form-data; boundary=b"),
        ("/api/chat/conversations/1/messages", "application/json"),
        ("/graphql", "application/json"),
    ] {
        for (length, body) in [
            (format!("Content-Length: {many}"), vec![b' '; many]),
            ("Transfer-Encoding: chunked".to_owned(), [format!("{many:x}\r\n").as_bytes(), &vec![b' '; many]].concat()),
        ] {
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: {kind}\r\n{length}\r\n\r\n",
                server.address, alice.token
            );
            let answer = say_all(server.address, &head, &body).await;
            // What comes in pieces may be found malformed before it is found too long.
            let statuses = ["HTTP/1.1 413 ", "HTTP/1.1 400 "];
            assert!(statuses.iter().any(|status| answer.starts_with(status)), "{path}, {length}: {answer}");
            assert!(answer.contains("\"code\":"), "{path}, {length}: {answer}");
        }
    }
}

#[tokio::test]
async fn what_nobody_reads_ends_the_connection_only_if_it_is_long() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    for (length, ends) in [(0, false), (2, false), (40_000, false), (400_000, true)] {
        let request = alice.request(reqwest::Method::PUT, "/api/chat/conversations/999/mute").body(" ".repeat(length));
        let answer = alice.fetch(request).await;
        assert_eq!((answer.status, answer.header("connection").is_some()), (404, ends), "{length}");
    }
    let pieces = [Ok::<_, std::io::Error>("{\"userIds\""), Ok(": []}")];
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let request = alice.request(reqwest::Method::POST, "/api/chat/presence/users").body(body);
    let answer = alice.fetch(request.header("content-type", "application/json")).await;
    assert_eq!((answer.status, answer.header("connection")), (200, None), "of unknown length, and read");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_too_much_over_a_socket_hears_why_it_is_closed() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let padding = "x".repeat(8 << 20);
    for _ in 0..5 {
        let mut socket = alice.socket().await;
        socket.say(json!({ "type": "ping", "payload": { "padding": padding } })).await;
        assert_eq!(socket.closed().await.0, 1009);
    }
}

/// A WebSocket of each door and framing: its path, and the headers of its handshake.
pub fn websockets() -> [(String, &'static [(&'static str, &'static str)]); 3] {
    [
        ("/graphql".to_owned(), &[("sec-websocket-protocol", "graphql-transport-ws")]),
        ("/ws/chat/websocket".to_owned(), &[]),
        (format!("{}/websocket", new_session()), &[]),
    ]
}

/// The code and the reason with which the server closes.
pub async fn closed(socket: &mut WebSocketStream<TcpStream>) -> (u16, String) {
    let closed = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(Some(close)))) => return (close.code.into(), close.reason.to_string()),
                Some(Ok(Message::Pong(_) | Message::Text(_))) => {}
                other => panic!("a close frame was expected, not {other:?}"),
            }
        }
    };
    tokio::time::timeout(SOON, closed).await.expect("an end")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_pings_ends_every_websocket_alike() {
    let server = Server::start().await;
    for (path, headers) in websockets() {
        let (mut socket, _) = shake(server.address, &path, headers, None).await.expect("it is taken");
        for _ in 0..200 {
            // The server may have had enough already.
            socket.feed(Message::Ping(Default::default())).await.ok();
        }
        socket.flush().await.ok();
        assert_eq!(closed(&mut socket).await, (1008, "Too many control frames".to_owned()), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_websocket_cannot_read_closes_every_one_with_the_same_words() {
    let server = Server::start().await;
    for (path, headers) in websockets() {
        // Masked by nothing: text that is no UTF-8, a reserved opcode, and more than 256 KiB.
        for (frame, expected) in [
            (&b"\x81\x82\0\0\0\0\xff\xfe"[..], (1007, "The text is not UTF-8")),
            (&b"\x83\x80\0\0\0\0"[..], (1002, "The frame is malformed")),
            // A ping of 126 bytes: a frame of its kind has 125 at most.
            (&[b"\x89\xfe\0\x7e\0\0\0\0".as_slice(), &[b'x'; 126]].concat()[..], (1002, "The frame is malformed")),
            (&b"\x81\xff\0\0\0\0\0\x10\0\0\0\0\0\0"[..], (1009, "The message is too large")),
        ] {
            let (mut socket, _) = shake(server.address, &path, headers, None).await.expect("it is taken");
            socket.get_mut().write_all(frame).await.expect("it is taken");
            let closed = closed(&mut socket).await;
            assert_eq!((closed.0, closed.1.as_str()), expected, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn little_is_kept_for_a_socket_before_it_is_known_whose_it_is() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    // A token may have 16 KiB, and needs room around it; a longer one is refused as what it is.
    for (length, closed) in [(16_000, 4403), (200_000, 1009)] {
        let headers = [("Sec-WebSocket-Protocol", "graphql-transport-ws")];
        let mut socket = GraphqlSocket::knock(server.address, &headers, None).await.expect("it is taken");
        socket.say(json!({ "type": "connection_init", "payload": { "Authorization": "x".repeat(length) } })).await;
        assert_eq!(socket.closed().await.0, closed, "{length}");
    }
    let mut stomp = StompClient::open(server.address, Carrier::Raw).await;
    stomp.say(&format!("CONNECT\naccept-version:1.2\nAuthorization:{}\n\n\0", "x".repeat(100_000))).await;
    assert_eq!(stomp.closed().await, 1009);
    let session = new_session();
    let post = async |verb: &str, body: String| {
        let request = reqwest::Client::new().post(server.url(&format!("{session}/{verb}"))).body(body);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(post("xhr", String::new()).await, 200);
    assert_eq!(post("xhr_send", format!("[\"{}\"]", "x".repeat(100_000))).await, 413);
    // Whoever is known may say more.
    let mut socket = alice.socket().await;
    socket.say(json!({ "type": "ping", "payload": { "padding": "x".repeat(200_000) } })).await;
    assert_eq!(socket.hear().await["type"], "pong");
    let mut stomp = alice.stomp(Carrier::Raw).await;
    stomp.say_and_wait("SEND", "destination:/app/chat.nothing\n", &"x".repeat(100_000)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_has_as_many_connections_as_the_setting_allows_and_sockets_are_among_them() {
    let server = Server::start_with(|config| config.limits.connections = 4).await;
    let health = || async { reqwest::get(server.url("/health/live")).await.is_ok() };
    let knock = || GraphqlSocket::knock(server.address, &[("Sec-WebSocket-Protocol", "graphql-ws")], None);
    // The connection that found the server ready may still have the fourth place.
    let sockets = [knock().await, knock().await, knock().await];
    assert!(sockets.iter().all(Result::is_ok));
    until("one place is left", health).await;
    let _last = taken_in(server.address).await;
    assert!(!health().await);
    drop(sockets);
    until("the places were given back", health).await;
}

/// A connection that says nothing and was not closed at once.
async fn taken_in(address: SocketAddr) -> TcpStream {
    let until = tokio::time::Instant::now() + SOON;
    loop {
        assert!(tokio::time::Instant::now() < until, "there is a place again");
        let mut stream = TcpStream::connect(address).await.expect("the server listens");
        if tokio::time::timeout(QUIET, stream.read_u8()).await.is_err() {
            return stream;
        }
    }
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_call_every_door_and_one_of_another_origin_none() {
    let server = Server::start_with(|config| config.cors.allowed_origins = vec!["https://chat.example".into()]).await;
    let ask = async |path: &str, method: &str, origin: &str| {
        let request =
            reqwest::Client::new().request(reqwest::Method::OPTIONS, server.url(path)).header("origin", origin);
        let request = request.header("access-control-request-method", method);
        let request = request.header("access-control-request-headers", "authorization,content-type");
        let answer = request.send().await.expect("an answer");
        let allowed = |name: &str| {
            answer.headers().get(name).map(|value| value.to_str().expect("text").to_lowercase()).unwrap_or_default()
        };
        let taken = allowed("access-control-allow-methods").contains(&method.to_lowercase())
            && allowed("access-control-allow-headers").contains("authorization");
        (answer.status().is_success() && taken, allowed("access-control-allow-origin"))
    };
    for (path, method) in [
        ("/api/chat/conversations", "POST"),
        ("/api/chat/conversations/1/messages", "GET"),
        ("/api/chat/messages/1", "PUT"),
        ("/api/chat/messages/1", "DELETE"),
        ("/api/files", "POST"),
        ("/graphql", "POST"),
    ] {
        assert_eq!(
            ask(path, method, "https://chat.example").await,
            (true, "https://chat.example".to_owned()),
            "{path}"
        );
        assert_eq!(ask(path, method, "https://evil.example").await.1, "", "{path}");
    }
    // What is refused can be read by the page, too.
    let alice = server.person("Alice").await;
    for path in ["/api/chat/conversations/999", "/api/chat/nowhere"] {
        let request = alice.request(reqwest::Method::GET, path).header("origin", "https://chat.example");
        let answer = alice.fetch(request).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (404, Some("https://chat.example")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_nothing_is_not_waited_for() {
    let server = Server::start().await;
    let address = server.address;
    let said = ["", "PRI * HTTP/2.0\r\n", "GET / HT"].map(|said| async move {
        let mut stream = TcpStream::connect(address).await.expect("the server listens");
        stream.write_all(said.as_bytes()).await.expect("it listens");
        let mut answer = Vec::new();
        tokio::time::timeout(SOON * 2, stream.read_to_end(&mut answer)).await.is_ok()
    });
    let [nothing, half, begun] = said;
    assert_eq!(tokio::join!(nothing, half, begun), (true, true, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_behind_a_trusted_proxy_has_its_share_and_no_more() {
    let server = Server::start_with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.0/8".to_owned()];
        config.limits.connections_per_address = 2;
    })
    .await;
    let knock = async |address: &str| {
        let headers = [("Sec-WebSocket-Protocol", "graphql-ws"), ("X-Forwarded-For", address)];
        GraphqlSocket::knock(server.address, &headers, None).await
    };
    let ask = async |address: &str| {
        let request = reqwest::Client::new().get(server.url("/health/live")).header("x-forwarded-for", address);
        request.send().await.expect("an answer")
    };
    // Whatever a stranger says stands before what the proxy adds.
    let held = [knock("8.8.8.8").await, knock("1.1.1.1, 8.8.8.8").await];
    assert!(held.iter().all(Result::is_ok));
    assert_eq!(knock("9.9.9.9, 8.8.8.8").await.err(), Some(429));
    let refused = ask("8.8.8.8").await;
    assert!(refused.headers().contains_key("retry-after") && refused.headers().contains_key("x-request-id"));
    let refused: serde_json::Value = refused.json().await.expect("the envelope");
    assert_eq!(refused["code"], "RATE_LIMITED", "{refused}");
    for neighbour in ["8.8.4.4", "127.0.0.1", "unknown"] {
        assert_eq!(ask(neighbour).await.status(), 200, "{neighbour}");
    }
    drop(held);
    until("the share was given back", || async { ask("8.8.8.8").await.status() == 200 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_its_share_of_the_sessions_over_http() {
    let server = Server::start_with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.1".to_owned()];
        config.limits.connections_per_address = 3;
    })
    .await;
    let open = async |address: &str| {
        let url = server.url(&format!("{}/xhr", crate::stomp_client::new_session()));
        let request = reqwest::Client::new().post(url).header("x-forwarded-for", address);
        request.send().await.expect("an answer").status().as_u16()
    };
    for _ in 0..3 {
        assert_eq!(open("8.8.8.8").await, 200);
    }
    assert_eq!(open("8.8.8.8").await, 503);
    assert_eq!(open("8.8.4.4").await, 200);
    // Nobody polls them.
    until("sessions that are over hold nothing", || async { open("8.8.8.8").await == 200 }).await;
}
