//! How a session of STOMP begins, stays alive and ends: versions, tokens, heart-beats, takings of leave.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::server::{Server, now, token};
use crate::stomp_client::{CARRIERS, Carrier, Heard, StompClient, new_session, shake};

const BAD_TOKEN: &str = "The token is not valid";

#[tokio::test]
async fn connected_has_exactly_these_bytes_whatever_the_client_opens_with() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    for (versions, chosen) in [
        ("accept-version:1.2,1.1,1.0\n", "1.2"),
        ("accept-version:1.1,1.0\n", "1.1"),
        ("accept-version:1.0\n", "1.0"),
        ("accept-version:2.0,1.1\n", "1.1"),
        ("", "1.0"),
    ] {
        for command in ["CONNECT", "STOMP"] {
            let mut client = StompClient::open(server.address, Carrier::Raw).await;
            let token = &alice.token;
            client.say(&format!("{command}\n{versions}host:x\nlogin:a\\b\nAuthorization:Bearer {token}\n\n\0")).await;
            let expected = format!("CONNECTED\nversion:{chosen}\nheart-beat:10000,10000\nuser-name:{}\n\n\0", alice.id);
            assert_eq!(client.hear().await.bytes, expected);
        }
    }
}

#[tokio::test]
async fn a_client_of_unknown_versions_is_told_the_known_ones() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    for carrier in CARRIERS {
        let mut client = StompClient::open(server.address, carrier).await;
        client.say(&format!("CONNECT\naccept-version:9.9\nAuthorization:{}\n\n\0", alice.token)).await;
        let error = client.hear().await;
        assert_eq!((error.command.as_str(), error.header("version")), ("ERROR", Some("1.0,1.1,1.2")), "{error:?}");
        assert_eq!(error.names(), ["version", "message", "content-length"]);
        assert_eq!(client.closed().await, 1002, "{carrier:?}");
    }
}

#[tokio::test]
async fn the_server_says_its_own_heart_beat_and_refuses_a_malformed_one() {
    let server = Server::start_with(|config| config.stomp.heartbeat_ms = 7000).await;
    let alice = server.person("Alice").await;
    let connect =
        |beat: &str| format!("CONNECT\naccept-version:1.1\nheart-beat:{beat}\nAuthorization:{}\n\n\0", alice.token);
    for beat in ["0,0", "1,1", "abc", "", "99999999999999999999999,1", "10000,10000"] {
        let mut client = StompClient::open(server.address, Carrier::Raw).await;
        client.say(&connect(beat)).await;
        assert_eq!(client.hear().await.header("heart-beat"), Some("7000,7000"), "{beat}");
    }
    for beat in ["a,b", "1,", ",", "-1,5", "1,2,3", "1.5,2"] {
        let mut client = StompClient::open(server.address, Carrier::Raw).await;
        client.say(&connect(beat)).await;
        assert_eq!(client.failed().await, "The header heart-beat is malformed", "{beat}");
    }
    let server = Server::start_with(|config| config.stomp.heartbeat_ms = 0).await;
    let mut client = StompClient::open(server.address, Carrier::Raw).await;
    let frame = client.connect(&server.person("Alice").await.token).await;
    assert_eq!(frame.header("heart-beat"), Some("0,0"));
}

#[tokio::test]
async fn a_token_counts_in_the_url_and_in_connect_on_every_carrier_and_connect_counts_more() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let plain = "CONNECT\naccept-version:1.2\n\n\0";
    for carrier in CARRIERS {
        let by_url = format!("?token={}", alice.token);
        let mut client = StompClient::open_with(server.address, carrier, &by_url).await;
        client.say(plain).await;
        assert_eq!(client.hear().await.header("user-name"), Some(alice.id.to_string().as_str()), "{carrier:?}");

        let mut client = StompClient::open(server.address, carrier).await;
        assert_eq!(client.connect(&bob.token).await.header("user-name"), Some(bob.id.to_string().as_str()));

        let mut client = StompClient::open_with(server.address, carrier, "?token=nonsense").await;
        client.say(plain).await;
        assert_eq!(client.failed().await, BAD_TOKEN, "{carrier:?}");

        let mut client = StompClient::open_with(server.address, carrier, &by_url).await;
        client.say("CONNECT\naccept-version:1.2\nAuthorization:Bearer nonsense\n\n\0").await;
        assert_eq!(client.failed().await, BAD_TOKEN, "{carrier:?}");

        let mut client = StompClient::open(server.address, carrier).await;
        client.say(plain).await;
        assert_eq!(client.failed().await, "A token is needed", "{carrier:?}");
    }
    // Over a plain WebSocket a client that is no browser can also set the header of the handshake.
    let headers = [("authorization", format!("Bearer {}", alice.token))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut client = StompClient::raw(server.address, "/ws/chat", &headers, None).await;
    client.say(plain).await;
    assert_eq!(client.hear().await.header("user-name"), Some(alice.id.to_string().as_str()));
    // The one in CONNECT comes with or without `Bearer`, and in small letters too.
    for header in ["Authorization:", "authorization:bearer ", "Authorization:  Bearer   "] {
        let mut client = StompClient::open_with(server.address, Carrier::Raw, &format!("?token={}", bob.token)).await;
        client.say(&format!("STOMP\naccept-version:1.0\n{header}{}\n\n\0", alice.token)).await;
        assert_eq!(client.hear().await.header("user-name"), Some(alice.id.to_string().as_str()), "{header}");
    }
}

#[tokio::test]
async fn the_error_for_a_bad_token_has_exactly_these_bytes() {
    let server = Server::start().await;
    let mut client = StompClient::open(server.address, Carrier::WebSocket).await;
    client.say("CONNECT\naccept-version:1.1,1.0\nAuthorization:Bearer x.y.z\n\n\0").await;
    assert_eq!(client.hear().await.bytes, format!("ERROR\nmessage:{BAD_TOKEN}\ncontent-length:0\n\n\0"));
    assert_eq!(client.next().await, Heard::Closed(1002, String::new()));
}

#[tokio::test]
async fn neither_info_nor_the_handshake_asks_for_a_token() {
    let server = Server::start().await;
    for query in ["", "?token=nonsense", "?token="] {
        let answer = reqwest::get(server.url(&format!("/ws/chat/info{query}"))).await.unwrap();
        assert_eq!(answer.status(), 200);
        for path in ["/ws/chat".to_owned(), "/ws/chat/websocket".to_owned(), format!("{}/websocket", new_session())] {
            assert!(shake(server.address, &format!("{path}{query}"), &[], None).await.is_ok());
        }
    }
}

#[tokio::test]
async fn nothing_but_connect_opens_a_session_and_only_once() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    for frame in ["SEND\ndestination:/app/chat.heartbeat\n\n\0", "DISCONNECT\nreceipt:1\n\n\0", "ACK\nid:1\n\n\0"] {
        let mut client = StompClient::open(server.address, Carrier::Raw).await;
        client.say("\n\r\n").await;
        client.say(frame).await;
        assert!(client.failed().await.starts_with("Unknown session\\c "), "{frame}");
    }
    for command in ["CONNECT", "STOMP"] {
        let mut client = alice.stomp(Carrier::Raw).await;
        client.say(&format!("{command}\naccept-version:1.2\nAuthorization:{}\n\n\0", alice.token)).await;
        assert_eq!(client.failed().await, "Session already exists");
    }
    for command in ["CONNECTED", "MESSAGE", "RECEIPT", "ERROR"] {
        let mut client = alice.stomp(Carrier::Raw).await;
        client.say(&format!("{command}\nuser-name:2\nsubscription:1\n\n\0")).await;
        assert_eq!(client.failed().await, format!("{command} is the server's own"));
    }
}

#[tokio::test]
async fn leave_is_taken_with_a_receipt_or_at_once() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    for carrier in CARRIERS {
        let mut client = bob.stomp_on(carrier, &["messages"]).await;
        client.say("DISCONNECT\nreceipt:77\n\n\0").await;
        assert_eq!(client.hear().await.bytes, "RECEIPT\nreceipt-id:77\n\n\0");
        client.send("send", json!({ "conversationId": group, "content": "Too late" })).await;
        alice.send(group, "Unheard").await;
        client.is_quiet().await;

        let mut client = bob.stomp_on(carrier, &["messages"]).await;
        client.say("DISCONNECT\n\n\0").await;
        assert_eq!(client.next().await, Heard::Closed(1000, String::new()), "{carrier:?}");
    }
    let contents = alice.get(&format!("/conversations/{group}/messages")).await.ok();
    assert_eq!(contents.as_array().unwrap().len(), CARRIERS.len(), "{contents}");
}

#[tokio::test]
async fn the_sub_protocol_is_the_first_of_the_client_s_list_that_is_known() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    for (asked, chosen) in [
        ("v12.stomp, v11.stomp, v10.stomp", "v12.stomp"),
        ("v10.stomp,v11.stomp", "v10.stomp"),
        ("nonsense, V11.Stomp", "V11.Stomp"),
    ] {
        let knocked = shake(server.address, "/ws/chat/websocket", &[("sec-websocket-protocol", asked)], None).await;
        assert_eq!(knocked.unwrap().1.as_deref(), Some(chosen));
    }
    // A client that asked for others and is given none has to fail by itself.
    let head = head_of_answer(server.address, "nonsense").await;
    assert!(head.starts_with("http/1.1 101") && !head.contains("sec-websocket-protocol"), "{head}");
    // The version is agreed in CONNECT all the same.
    let mut client =
        StompClient::raw(server.address, "/ws/chat/websocket", &[("sec-websocket-protocol", "v10.stomp")], None).await;
    assert_eq!(client.connect(&alice.token).await.header("version"), Some("1.2"));
}

/// The head of the answer to a handshake, in small letters.
async fn head_of_answer(address: SocketAddr, asked: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /ws/chat/websocket HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {asked}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

#[tokio::test]
async fn the_server_beats_as_often_as_was_agreed_even_while_the_client_talks() {
    let server = Server::start_with(|config| config.stomp.heartbeat_ms = 200).await;
    let alice = server.person("Alice").await;
    for (carrier, wants, every) in
        [(Carrier::Raw, 50, 200), (Carrier::WebSocket, 400, 400), (Carrier::Streaming, 200, 200)]
    {
        let mut client = StompClient::open(server.address, carrier).await;
        let connect = format!("CONNECT\naccept-version:1.2\nheart-beat:0,{wants}\nAuthorization:{}\n\n\0", alice.token);
        client.say(&connect).await;
        assert_eq!(client.hear().await.command, "CONNECTED");
        let mut last = Instant::now();
        for beat in 0..6 {
            // Frames that are not answered do not count as a sign of the server's life.
            if beat >= 3 {
                client.say("ACK\nid:1\n\n\0").await;
            }
            let Heard::Text(text) = client.next().await else { panic!("closed") };
            assert_eq!(text, "\n");
            let gap = last.elapsed();
            assert!(gap < Duration::from_millis(every + 500), "{carrier:?} {gap:?}");
            assert!(gap > Duration::from_millis(every / 2), "{carrier:?} {gap:?}");
            last = Instant::now();
        }
    }
    // Whoever wants none gets none.
    let mut client = alice.stomp(Carrier::Raw).await;
    assert_eq!(client.next_within(Duration::from_millis(700)).await, None);
}

#[tokio::test]
async fn a_client_that_promised_to_beat_and_is_silent_is_closed_and_one_that_beats_is_not() {
    let server = Server::start_with(|config| config.stomp.heartbeat_ms = 200).await;
    let alice = server.person("Alice").await;
    // Over HTTP there are no pings.
    for carrier in [Carrier::Streaming, Carrier::Polling] {
        let connect = format!("CONNECT\naccept-version:1.2\nheart-beat:100,0\nAuthorization:{}\n\n\0", alice.token);
        let mut silent = StompClient::open(server.address, carrier).await;
        silent.say(&connect).await;
        assert_eq!(silent.hear().await.command, "CONNECTED");
        let started = Instant::now();
        let mut alive = StompClient::open(server.address, carrier).await;
        alive.say(&connect).await;
        assert_eq!(alive.hear().await.command, "CONNECTED");
        let failed = async {
            let error = silent.hear().await;
            assert_eq!(error.bytes, "ERROR\nmessage:Session closed.\ncontent-length:0\n\n\0");
            assert_eq!(silent.closed().await, 1002);
            started.elapsed()
        };
        let beating = async {
            for _ in 0..12 {
                alive.say("\n").await;
                assert_eq!(alive.next_within(Duration::from_millis(100)).await, None);
            }
        };
        let (silence, ()) = tokio::join!(failed, beating);
        assert!((Duration::from_millis(500)..Duration::from_millis(3000)).contains(&silence), "{silence:?}");
    }
}

#[tokio::test]
async fn heart_beats_that_a_browser_holds_back_do_not_end_a_session_while_pings_are_answered() {
    let server = Server::start_with(|config| config.stomp.heartbeat_ms = 200).await;
    let alice = server.person("Alice").await;
    for path in ["/ws/chat/websocket".to_owned(), format!("{}/websocket", new_session())] {
        let connect = format!("CONNECT\naccept-version:1.2\nheart-beat:100,0\nAuthorization:{}\n\n\0", alice.token);
        let is_framed = path != "/ws/chat/websocket";
        let connect = if is_framed { json!([connect]).to_string() } else { connect };
        let (mut socket, _) = shake(server.address, &path, &[], None).await.expect("the handshake succeeds");
        socket.send(Message::text(connect)).await.expect("the socket is open");
        let began = Instant::now();
        let mut pings = 0;
        while began.elapsed() < Duration::from_secs(3) {
            // Reading is what answers pings.
            match tokio::time::timeout(Duration::from_millis(100), socket.next()).await {
                Ok(Some(Ok(Message::Ping(_)))) => pings += 1,
                Ok(Some(Ok(Message::Text(text)))) => assert!(!text.contains("ERROR"), "{path}: {text}"),
                Ok(other) => panic!("{path}: {other:?}"),
                Err(_) => {}
            }
        }
        assert!((4..=20).contains(&pings), "{path}: {pings} pings, one after each silence of 300 ms");
        // Who does not answer them is gone: this client does not even read.
        let silent = Instant::now();
        let mut stream = socket.into_inner();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.expect("the server closes");
        let rest = String::from_utf8_lossy(&rest);
        assert!(rest.contains("Session closed."), "{path}: {rest}");
        assert!(silent.elapsed() < Duration::from_secs(3), "{:?}", silent.elapsed());
    }
}

#[tokio::test]
async fn a_session_ends_when_its_token_does() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    for carrier in [Carrier::Raw, Carrier::WebSocket, Carrier::Polling] {
        // The leeway is 30 s: this one has two seconds left.
        let short = token(json!({ "sub": alice.id, "name": "Alice", "exp": now() - 28 }));
        let mut client = StompClient::open(server.address, carrier).await;
        client.connect(&short).await;
        client.subscribe_to(&["messages"]).await;
        assert_eq!(client.failed().await, "The token has expired", "{carrier:?}");
    }
    let gone = token(json!({ "sub": alice.id, "name": "Alice", "exp": now() - 31 }));
    let mut client = StompClient::open(server.address, Carrier::Raw).await;
    client.say(&format!("CONNECT\naccept-version:1.2\nAuthorization:{gone}\n\n\0")).await;
    client.failed().await;
}

#[tokio::test]
async fn a_server_that_stops_takes_leave_of_every_session() {
    let mut server = Server::start().await;
    let alice = server.person("Alice").await;
    let mut clients = Vec::new();
    for carrier in [Carrier::Raw, Carrier::WebSocket, Carrier::Streaming, Carrier::Polling] {
        clients.push((carrier, alice.stomp(carrier).await));
    }
    let stopped = server.stop();
    let heard = async {
        for (carrier, client) in &mut clients {
            assert_eq!(client.closed().await, 1001, "{carrier:?}");
        }
    };
    tokio::join!(stopped, heard);
}

#[tokio::test]
async fn a_flood_of_control_frames_is_not_listened_to() {
    let server = Server::start().await;
    for carrier in [Carrier::Raw, Carrier::WebSocket] {
        let mut client = StompClient::open(server.address, carrier).await;
        for _ in 0..110 {
            client.pong().await;
        }
        assert_eq!(client.closed().await, 1008, "{carrier:?}");
    }
}
