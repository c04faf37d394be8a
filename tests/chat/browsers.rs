//! What browsers, proxies and caches in front rely on: origins, hosts, compressed answers, what may be kept, and connections
//! that stay open between two requests.

use std::io::Read;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::server::Server;
use crate::sockets::GraphqlSocket;

/// What a connection of its own is answered, up to the time or to its end.
async fn say(stream: &mut TcpStream, request: &str, within: Duration) -> String {
    stream.write_all(request.as_bytes()).await.expect("it listens");
    let mut answer = String::new();
    let mut chunk = [0; 4096];
    while let Ok(Ok(read @ 1..)) = timeout(within, stream.read(&mut chunk)).await {
        answer.push_str(&String::from_utf8_lossy(&chunk[..read]));
        if answer.ends_with("ok") || answer.ends_with('}') {
            break;
        }
    }
    answer
}

#[tokio::test]
async fn whatever_headers_a_page_of_an_allowed_origin_asks_for_are_allowed_with_credentials() {
    for origins in [vec!["https://chat.example".to_owned()], vec!["*".to_owned()]] {
        let server = Server::start_with(|config| config.cors.allowed_origins = origins.clone()).await;
        for asked in ["apollographql-client-name,authorization", "x-whatever", "traceparent, baggage"] {
            let request = Client::new().request(Method::OPTIONS, server.url("/graphql"));
            let request =
                request.header("origin", "https://chat.example").header("access-control-request-method", "POST");
            let answer = request.header("access-control-request-headers", asked).send().await.expect("an answer");
            let header =
                |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            assert_eq!(header("access-control-allow-headers"), asked);
            assert_eq!(header("access-control-allow-credentials"), "true");
            assert_eq!(header("access-control-allow-origin"), "https://chat.example");
        }
    }
}

#[tokio::test]
async fn a_page_behind_a_proxy_is_of_the_host_that_the_proxy_names() {
    let server = Server::start().await;
    let page = ("Origin", "https://chat.example.org");
    let protocol = ("Sec-WebSocket-Protocol", "graphql-transport-ws");
    for (header, taken) in [
        (("X-Forwarded-Host", "chat.example.org"), true),
        (("Forwarded", "proto=https;host=chat.example.org"), true),
        (("X-Forwarded-Host", "other.example.org"), false),
        (("X-Other", "chat.example.org"), false),
    ] {
        let knocked = GraphqlSocket::knock(server.address, &[protocol, page, header], None).await;
        assert_eq!(knocked.err(), (!taken).then_some(403), "{header:?}");
    }
}

#[tokio::test]
async fn a_request_names_its_host_once() {
    let server = Server::start().await;
    for (head, status) in [
        ("GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200"),
        ("GET /health/live HTTP/1.1\r\n\r\n", "HTTP/1.1 400"),
        ("GET /health/live HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "HTTP/1.1 400"),
        ("GET /health/live HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", "HTTP/1.1 400"),
        ("GET http://a/health/live HTTP/1.1\r\n\r\n", "HTTP/1.1 400"),
        ("GET /health/live HTTP/1.0\r\n\r\n", "HTTP/1.0 200"),
    ] {
        let mut stream = TcpStream::connect(server.address).await.expect("it listens");
        let answer = say(&mut stream, head, Duration::from_secs(5)).await;
        assert!(answer.starts_with(status), "{head:?}: {answer}");
    }
}

#[tokio::test]
async fn the_key_of_a_handshake_has_sixteen_bytes() {
    let server = Server::start().await;
    for path in ["/graphql", "/ws/chat/websocket", "/ws/chat/000/session/websocket"] {
        for (key, status) in
            [("dGhlIHNhbXBsZSBub25jZQ==", "101"), ("short", "400"), ("dGhlIHNhbXBsZSBub25jZQ", "400"), ("====", "400")]
        {
            let head = format!(
                "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws, v12.stomp\r\n\
                 Sec-WebSocket-Key: {key}\r\n\r\n"
            );
            let mut stream = TcpStream::connect(server.address).await.expect("it listens");
            let answer = say(&mut stream, &head, Duration::from_secs(1)).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path} {key}: {answer}");
        }
    }
}

#[tokio::test]
async fn long_answers_are_compressed_for_whoever_takes_it_and_files_and_streams_are_not() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let group = alice.group("Team", &[]).await;
    for _ in 0..20 {
        alice.send(group, &"word ".repeat(60)).await;
    }
    let path = format!("/api/chat/conversations/{group}/messages");
    let plain = alice.fetch(alice.request(Method::GET, &path)).await;
    assert_eq!((plain.header("content-encoding"), plain.header("cache-control")), (None, Some("no-store")));
    assert_eq!(plain.header("x-content-type-options"), Some("nosniff"));
    let query = json!({ "query": format!("{{ conversation(id: {group}) {{ messages {{ nodes {{ content }} }} }} }}") });
    for encoding in ["gzip", "br", "zstd"] {
        let asked = alice.request(Method::GET, &path).header("accept-encoding", encoding);
        let bytes = asked.send().await.expect("an answer");
        assert_eq!(bytes.headers()["content-encoding"], encoding);
        assert!(bytes.headers().get_all("vary").iter().any(|vary| vary.to_str().unwrap().contains("accept-encoding")));
        let bytes = bytes.bytes().await.expect("bytes");
        assert!(bytes.len() * 4 < plain.text.len(), "{encoding}: {} of {}", bytes.len(), plain.text.len());
        if encoding == "gzip" {
            let mut text = String::new();
            flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).expect("gzip");
            assert_eq!(text, plain.text);
        }
        let asked = alice.request(Method::POST, "/graphql").header("accept-encoding", encoding).json(&query);
        assert_eq!(asked.send().await.expect("an answer").headers()["content-encoding"], encoding);
    }
    for (path, accept) in [("/api/chat/conversations/unread", "*/*"), ("/graphql", "text/event-stream")] {
        let asked = match path {
            "/graphql" => {
                alice.request(Method::POST, path).json(&json!({ "query": "subscription { messages { id } }" }))
            }
            _ => alice.request(Method::GET, path),
        };
        let answer = asked.header("accept", accept).header("accept-encoding", "gzip").send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.headers().get("content-encoding")), (200, None), "{path}");
    }
    let file = alice.upload("notes.txt", "text/plain", "line\n".repeat(1000).as_bytes()).await;
    let content = format!("/api/files/{}/content", file["id"]);
    let answer =
        alice.request(Method::GET, &content).header("accept-encoding", "gzip").send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.headers().get("content-encoding")), (200, None));
}

#[tokio::test]
async fn a_browser_keeps_the_files_of_graphiql_for_as_long_as_they_are_the_same() {
    let server = Server::start().await;
    let fetch = async |path: &str, known: Option<&str>| {
        let request = Client::new().get(server.url(path)).header("accept", "text/html");
        let request = known.iter().fold(request, |request, tag| request.header("if-none-match", *tag));
        request.send().await.expect("an answer")
    };
    let page = fetch("/graphql", None).await;
    let tag = page.headers()["etag"].to_str().expect("text").to_owned();
    let page = page.text().await.expect("text");
    let again = fetch("/graphql", Some(&tag)).await;
    assert_eq!((again.status().as_u16(), again.text().await.expect("text").len()), (304, 0));
    let files: Vec<&str> = page.split('"').filter(|text| text.starts_with("graphiql/")).collect();
    assert_eq!(files.len(), 8, "{files:?}");
    for file in files {
        let kept = fetch(&format!("/{file}"), None).await;
        assert_eq!(kept.headers()["cache-control"], "public, max-age=31536000, immutable", "{file}");
        let tag = kept.headers()["etag"].to_str().expect("text").to_owned();
        assert_eq!(fetch(&format!("/{file}"), Some(&format!("\"other\", {tag}"))).await.status(), 304);
        // By its plain name it is asked for again each time.
        let (stem, rest) = file.rsplit_once('.').expect("an ending");
        let plain = fetch(&format!("/{}.{rest}", stem.rsplit_once('.').expect("a digest").0), None).await;
        assert_eq!((plain.status().as_u16(), &plain.headers()["cache-control"]), (200, &"no-cache".parse().unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_stays_open_between_requests_and_a_head_that_has_begun_is_not_waited_for_as_long() {
    let request = "GET /health/live HTTP/1.1\r\nHost: chat\r\n\r\n";
    let server = Server::start_with(|config| config.server.keep_alive_seconds = 30).await;
    let address = server.address;
    let kept = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        for _ in 0..2 {
            let answer = say(&mut stream, request, Duration::from_secs(5)).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            sleep(Duration::from_secs(12)).await;
        }
        let answer = say(&mut stream, request, Duration::from_secs(5)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    });
    let mut begun = TcpStream::connect(address).await.expect("it listens");
    assert!(say(&mut begun, request, Duration::from_secs(5)).await.starts_with("HTTP/1.1 200"));
    let started = Instant::now();
    let answer = say(&mut begun, "GET /health/live HTTP/1.1\r\nHo", Duration::from_secs(20)).await;
    assert!(!answer.contains("200"), "{answer}");
    assert!((9..15).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    kept.await.expect("it is kept");

    let server = Server::start_with(|config| config.server.keep_alive_seconds = 1).await;
    let mut idle = TcpStream::connect(server.address).await.expect("it listens");
    assert!(say(&mut idle, request, Duration::from_secs(5)).await.starts_with("HTTP/1.1 200"));
    let ended = timeout(Duration::from_secs(5), idle.read(&mut [0; 1])).await.expect("it ends");
    assert!(matches!(ended, Ok(0) | Err(_)));
}
