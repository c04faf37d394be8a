//! Peers that do not do their part: whoever takes nothing of what waits for them, or sends too little of what they
//! announced, holds nothing for long (protocol §8.8). Here a server has a few seconds' patience
//! instead of a minute's.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use confab::config::Config;
use futures_util::stream;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use crate::server::{Server, now, token};
use crate::sockets::{GraphqlSocket, SOON, until};
use crate::stomp_client::{StompClient, new_session};
use crate::uploads;

/// Something of 60 KB that anybody may have.
const SCRIPT: &str = "/ws/sockjs-1.6.1.min.js";

fn hasty(config: &mut Config) {
    config.peer_timeouts.stall = Duration::from_secs(1);
    config.peer_timeouts.upload = Duration::from_secs(1);
}

/// A connection whose system takes little for it.
async fn narrow(address: SocketAddr) -> TcpStream {
    connect_taking(address, 4096).await
}

/// A connection whose system takes so many bytes for it, and some more, that nobody has read. Without that a system may
/// take as many as it likes: 32 MB was seen.
async fn connect_taking(address: SocketAddr, bytes: u32) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(bytes).expect("a buffer of its own");
    socket.connect(address).await.expect("the server listens")
}

/// Asks for a script many times.
async fn ask(stream: &mut TcpStream, times: usize) {
    let request = format!("GET {SCRIPT} HTTP/1.1\r\nHost: chat\r\n\r\n");
    stream.write_all(request.repeat(times).as_bytes()).await.expect("it listens");
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_that_nobody_reads_give_their_places_back() {
    let server = Server::start_with(|config| {
        hasty(config);
        config.limits.connections = 4;
    })
    .await;
    let answers = || async { reqwest::get(server.url("/health/live")).await.is_ok() };
    let mut idle = Vec::new();
    while answers().await {
        let mut stream = narrow(server.address).await;
        ask(&mut stream, 100).await;
        idle.push(stream);
    }
    assert!(idle.len() >= 3);
    until("the places are free again", answers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_slowly_but_all_the_time_gets_all_of_it() {
    let server = Server::start_with(hasty).await;
    let mut stream = narrow(server.address).await;
    ask(&mut stream, 8).await;
    let (mut got, mut chunk) = (0, vec![0; 16 * 1024]);
    // A peer that is never behind for long, and three times as slow as the server is patient.
    while got < 8 * 57_000 {
        got += match timeout(SOON, stream.read(&mut chunk)).await.expect("more comes").expect("no reset") {
            0 => panic!("closed after {got}"),
            read => read,
        };
        sleep(Duration::from_millis(60)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_slowly_while_much_waits_is_seen_to_read() {
    let server = Server::start_with(|config| config.peer_timeouts.stall = Duration::from_secs(6)).await;
    let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
    ask(&mut stream, 250).await;
    let (began, mut chunk) = (tokio::time::Instant::now(), vec![0; 4096]);
    // A hundred kilobytes a second: what the system would take without a bound is worth more than the patience.
    while began.elapsed() < Duration::from_secs(14) {
        stream.read_exact(&mut chunk).await.expect("more comes");
        sleep(Duration::from_millis(40)).await;
    }
    // And what is still to come does come.
    let mut rest = vec![0; 8 << 20];
    timeout(SOON, stream.read_exact(&mut rest)).await.expect("soon").expect("no reset");
}

/// What the system of the server keeps for a connection, in bytes that were not taken.
#[cfg(target_os = "linux")]
fn kept(server: SocketAddr, client: SocketAddr) -> Option<u64> {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux tells");
    let ends = [server, client].map(|end| format!(":{:04X}", end.port()));
    let line = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).find(|line| {
        [1, 2].iter().zip(&ends).all(|(place, end)| line.get(*place).is_some_and(|address| address.ends_with(end)))
    })?;
    u64::from_str_radix(line.get(4)?.split(':').next()?, 16).ok()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_system_keeps_little_for_a_peer_that_reads_nothing() {
    let server = Server::start().await;
    let mut stream = connect_taking(server.address, 2 << 20).await;
    let address = stream.local_addr().expect("an address");
    // Whoever reads fast at first is taken for somebody with a fast line.
    ask(&mut stream, 400).await;
    stream.read_exact(&mut vec![0; 4 << 20]).await.expect("it comes");
    // Until the peer's own system is full it takes what comes, and more is on its way; and on a busy machine the table
    // is not the same for two readers.
    let (mut looks, end) = (VecDeque::new(), Instant::now() + Duration::from_secs(60));
    while looks.len() < 20 || looks.iter().filter(|bytes| **bytes <= 256 * 1024).count() <= 10 {
        assert!(Instant::now() < end, "the system keeps {looks:?}");
        sleep(Duration::from_millis(100)).await;
        looks.extend(kept(server.address, address).filter(|bytes| *bytes > 0));
        if looks.len() > 20 {
            looks.pop_front();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_nothing_does_not_outlive_their_token() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    // The leeway is part of its life: eight seconds of it are left.
    let short = token(json!({ "sub": bob.id, "name": "Bob", "exp": now() - 22 }));
    let mut stomp = StompClient::raw(server.address, "/ws/chat", &[], Some(4096)).await;
    stomp.connect(&short).await;
    stomp.subscribe_to(&["messages"]).await;
    let headers = [("Sec-WebSocket-Protocol", "graphql-transport-ws")];
    let mut graphql = GraphqlSocket::knock(server.address, &headers, Some(4096)).await.expect("it is taken");
    graphql.init(&short).await;
    graphql.subscribe_loudly("1", "subscription { messages { id content } }", json!({})).await;
    for _ in 0..60 {
        alice.send(group, &"x".repeat(9000)).await;
    }
    let status = async || alice.get(&format!("/presence/{}", bob.id)).await.ok()["status"].clone();
    assert_eq!(status().await, "ONLINE");
    until("both connections are over", async || status().await == "OFFLINE").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_whose_client_never_says_who_it_is_ends_although_it_reads_nothing() {
    let server = Server::start_with(|config| config.limits.connections = 3).await;
    let answers = || async { reqwest::get(server.url("/health/live")).await.is_ok() };
    let headers = [("Sec-WebSocket-Protocol", "graphql-transport-ws")];
    let mut held = Vec::new();
    while answers().await {
        // The connection of a question that was just answered may still have its place.
        let Ok(mut socket) = GraphqlSocket::knock(server.address, &headers, Some(4096)).await else { continue };
        let ping = json!({ "type": "ping", "payload": { "padding": "x".repeat(60_000) } }).to_string();
        let talk = async {
            for _ in 0..20 {
                socket.say_text(&ping).await;
            }
        };
        // The server does not read what it cannot answer.
        let _unread = timeout(Duration::from_millis(300), talk).await;
        held.push(socket);
    }
    assert!(held.len() >= 2);
    until("the places are free again", answers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_over_http_waits_for_a_slow_client_to_have_its_answer() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let session = new_session();
    let http = reqwest::Client::new();
    let url = |verb: &str| server.url(&format!("{session}/{verb}"));
    let poll = async || {
        let answer = http.post(url("xhr")).send().await.expect("an answer");
        answer.text().await.expect("all of it")
    };
    assert_eq!(poll().await, "o\n");
    let connect = format!("CONNECT\naccept-version:1.2\nAuthorization:Bearer {}\n\n\0", bob.token);
    let subscribe = "SUBSCRIBE\nid:m\ndestination:/user/queue/chat/messages\nreceipt:1\n\n\0";
    let said = http.post(url("xhr_send")).json(&json!([connect, subscribe])).send().await.expect("an answer");
    assert_eq!(said.status(), 204);
    let mut greeting = poll().await;
    while !greeting.contains("RECEIPT") {
        greeting += &poll().await;
    }
    let mut last = 0;
    for _ in 0..18 {
        last = alice.send(group, &"x".repeat(9000)).await;
    }
    // 128 kbit/s, behind a system that takes little.
    let mut stream = narrow(server.address).await;
    let request = format!("POST {session}/xhr HTTP/1.1\r\nHost: chat\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it listens");
    let (mut got, mut chunk, began) = (Vec::new(), vec![0; 3200], tokio::time::Instant::now());
    while !got.ends_with(b"]\n") {
        let read = timeout(SOON, stream.read(&mut chunk)).await.expect("more comes").expect("no reset");
        assert!(read > 0, "closed after {}", got.len());
        got.extend_from_slice(&chunk[..read]);
        sleep(Duration::from_millis(200)).await;
    }
    assert!(began.elapsed() > Duration::from_secs(8), "it took {:?}", began.elapsed());
    let seen = String::from_utf8(got).expect("text");
    let news = alice.send(group, "Here again").await;
    let rest = poll().await;
    assert!(
        seen.contains(&format!("\\\"id\\\":{last},")) || rest.contains(&format!("\\\"id\\\":{last},")),
        "{}",
        &rest[..200.min(rest.len())]
    );
    let next = if rest.contains("Here again") { rest } else { poll().await };
    assert!(next.contains(&format!("\\\"id\\\":{news},")), "{}", &next[..200.min(next.len())]);
}

/// A client of HTTP/2 that takes so many bytes of each response; its connection answers pings.
async fn http2(address: SocketAddr, window: u32) -> (h2::client::SendRequest<Bytes>, tokio::task::JoinHandle<()>) {
    let stream = TcpStream::connect(address).await.expect("the server listens");
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(window);
    let (client, connection) = builder.handshake::<_, Bytes>(stream).await.expect("it speaks HTTP/2");
    let running = tokio::spawn(async move {
        connection.await.ok();
    });
    (client, running)
}

async fn fetch(client: &mut h2::client::SendRequest<Bytes>, path: &str) -> h2::RecvStream {
    let request = axum::http::Request::get(format!("http://chat{path}")).body(()).expect("a request");
    let (response, _) = client.send_request(request, true).expect("a stream");
    let response = timeout(SOON, response).await.expect("an answer").expect("no reset");
    assert_eq!(response.status(), 200);
    response.into_body()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_http2_that_nobody_reads_is_reset_and_its_neighbours_go_on() {
    let server = Server::start_with(hasty).await;
    for window in [0, 1000] {
        let (client, _running) = http2(server.address, window).await;
        let mut client = client.ready().await.expect("it is open");
        let mut unread = fetch(&mut client, SCRIPT).await;
        let ended = timeout(SOON, async {
            let mut got = 0;
            loop {
                match unread.data().await {
                    Some(Ok(data)) => got += data.len(),
                    other => return (got, other.map(|error| error.map(|_| ()))),
                }
            }
        });
        let (got, end) = ended.await.expect("an end");
        assert!(matches!(&end, Some(Err(error)) if error.is_reset()), "{window}: {got} {end:?}");
        if window > 0 {
            let mut alive = fetch(&mut client, "/health/live").await;
            assert_eq!(alive.data().await.expect("a body").expect("no reset"), "ok");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_http2_that_is_read_slowly_is_read_to_its_end() {
    let server = Server::start_with(|config| config.peer_timeouts.stall = Duration::from_secs(3)).await;
    let (client, _running) = http2(server.address, 2000).await;
    let mut client = client.ready().await.expect("it is open");
    let mut body = fetch(&mut client, SCRIPT).await;
    let mut got = 0;
    while let Some(data) = timeout(SOON, body.data()).await.expect("more comes") {
        let size = data.expect("no reset").len();
        got += size;
        sleep(Duration::from_millis(100)).await;
        body.flow_control().release_capacity(size).expect("it was taken");
    }
    assert!(got > 50_000, "{got}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http2_connection_without_streams_gives_its_place_back_although_it_answers_pings() {
    let server = Server::start_with(|config| config.server.keep_alive_seconds = 1).await;
    for asks in [false, true] {
        let (client, running) = http2(server.address, 65_535).await;
        let mut client = client.ready().await.expect("it is open");
        if asks {
            fetch(&mut client, "/health/live").await.data().await;
        }
        timeout(SOON, running).await.expect("the server ends it").expect("no panic");
        drop(client);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_trickles_ends_and_one_over_a_slow_line_succeeds() {
    let server = Server::start_with(hasty).await;
    let alice = server.person("Alice").await;
    let paced = |piece: usize, size: usize| {
        let form = uploads::form(&[uploads::file("a.txt", "text/plain", &vec![b'a'; size])]);
        let pieces: Vec<Bytes> = form.chunks(piece).map(Bytes::copy_from_slice).collect();
        let stream = stream::unfold(pieces.into_iter(), |mut pieces| async {
            sleep(Duration::from_millis(100)).await;
            pieces.next().map(|piece| (Ok::<_, std::io::Error>(piece), pieces))
        });
        alice.post_form(reqwest::Body::wrap_stream(stream))
    };
    let trickle = timeout(SOON, paced(1, 1000)).await.expect("an end");
    assert_eq!((trickle.status, trickle.body["code"].as_str()), (408, Some("TIMEOUT")), "{}", trickle.text);
    // 128 kbit/s, and four times as long as the server is patient.
    let slow = paced(1600, 64_000).await;
    assert_eq!(slow.status, 201, "{}", slow.text);
}
