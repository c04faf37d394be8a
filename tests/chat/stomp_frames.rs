//! Frames of STOMP byte by byte: what is read, however it is cut, what is refused and how, and receipts.

use serde_json::json;

use crate::person::Person;
use crate::server::Server;
use crate::stomp_client::{CARRIERS, Carrier, Heard, StompClient, StompFrame};

const LARGEST_FRAME: usize = 131_072;

async fn scene() -> (Server, Person, Person, i64) {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    (server, alice, bob, group)
}

/// A SEND of a message with its length.
fn send(group: i64, content: &str) -> String {
    let body = json!({ "conversationId": group, "content": content }).to_string();
    format!("SEND\ndestination:/app/chat.send\ncontent-length:{}\n\n{body}\0", body.len())
}

#[tokio::test]
async fn a_malformed_frame_is_answered_with_an_error_and_the_end() {
    let (_server, alice, ..) = scene().await;
    let unknown = "No enum constant org.springframework.messaging.simp.stomp.StompCommand.";
    let form = "A header must be of the form <name>\\c[<value>].";
    let length = LARGEST_FRAME + 1;
    for (bytes, sentence) in [
        ("FOO\n\n\0".to_owned(), format!("{unknown}FOO")),
        ("send\n\n\0".to_owned(), format!("{unknown}send")),
        ("SEND\nx\n\n\0".to_owned(), format!("Illegal header\\c 'x'. {form}")),
        ("SEND\n:x\n\n\0".to_owned(), format!("Illegal header\\c '\\cx'. {form}")),
        ("SEND\nk:a\\tb\n\n\0".to_owned(), "Illegal escape sequence at index 1\\c a\\\\tb".to_owned()),
        ("SEND\nk:\\\n\n\0".to_owned(), "Illegal escape sequence at index 0\\c \\\\".to_owned()),
        ("SEND\na:b\rc\n\n\0".to_owned(), "'\\\\r' must be followed by '\\\\n'".to_owned()),
        ("SEND\n\0\n\n\0".to_owned(), "A frame's head must end with an empty line".to_owned()),
        ("SEND\ncontent-length:1\n\nab\0".to_owned(), "Frame must be terminated with a null octet".to_owned()),
        (
            "SUBSCRIBE\nid:1\n\nbody\0".to_owned(),
            "SUBSCRIBE shouldn't have a payload\\c length=4, headers={id}".to_owned(),
        ),
        (
            "SEND\ncontent-type:garbage\n\n\0".to_owned(),
            "Invalid mime type \"garbage\"\\c does not contain '/'".to_owned(),
        ),
        (
            format!("SEND\ncontent-length:{length}\n\n"),
            format!(
                "STOMP 'content-length' header value {length}  exceeds configured buffer size limit {LARGEST_FRAME}"
            ),
        ),
        (
            format!("SEND\n\n{}", "x".repeat(LARGEST_FRAME)),
            format!("The configured STOMP buffer size limit of {LARGEST_FRAME} bytes has been exceeded"),
        ),
        (
            format!("SEND\nx:{}\n\n\0", "x".repeat(21_000)),
            "A line of a frame's head may have 20480 bytes at most".to_owned(),
        ),
        (format!("SEND\n{}\n\n\0", "x:y\n".repeat(65).trim_end()), "A frame may have 64 headers at most".to_owned()),
        (format!("ACK\nreceipt:{}\n\n\0", "x".repeat(129)), "The receipt is too long".to_owned()),
    ] {
        for carrier in [Carrier::Raw, Carrier::Polling] {
            let mut client = alice.stomp(carrier).await;
            // Nothing behind it is read.
            client.say(&format!("{bytes}DISCONNECT\nreceipt:1\n\n\0")).await;
            let error = client.hear().await;
            assert_eq!(error.bytes, format!("ERROR\nmessage:{sentence}\ncontent-length:0\n\n\0"), "{bytes:.60}");
            assert_eq!(client.closed().await, 1002);
        }
    }
}

#[tokio::test]
async fn frames_are_read_however_they_are_cut_into_messages() {
    let (_server, alice, bob, group) = scene().await;
    for carrier in CARRIERS {
        let mut hers = alice.stomp_on(carrier, &["messages"]).await;
        let mut his = bob.stomp_on(Carrier::Raw, &["messages"]).await;
        let three = ["One 👍", "Two", "Three"].map(|content| send(group, content)).concat();
        hers.say(&three).await;
        let cuts: Vec<String> = send(group, "é👍").chars().map(String::from).collect();
        hers.say_all(&cuts.iter().map(String::as_str).collect::<Vec<_>>()).await;
        for cut in ["\r\n\nSEND\r\ndestination:/app/chat.send\r\n\r", "\n{\"conversationId\":", &group.to_string()] {
            hers.say(cut).await;
        }
        hers.say(",\"content\":\"CRLF\"}\0\n").await;
        for content in ["One 👍", "Two", "Three", "é👍", "CRLF"] {
            assert_eq!(hers.message("messages").await["content"], content, "{carrier:?}");
            assert_eq!(his.message("messages").await["content"], content, "{carrier:?}");
        }
    }
}

#[tokio::test]
async fn binary_messages_are_taken_on_a_plain_websocket_only() {
    let (_server, alice, _, group) = scene().await;
    let mut client = alice.stomp_on(Carrier::Raw, &["messages"]).await;
    let frame = send(group, "👍").into_bytes();
    // In the middle of a character.
    let (head, tail) = frame.split_at(frame.iter().position(|byte| *byte == 0xf0).unwrap() + 2);
    client.say_binary(head.to_vec()).await;
    client.say_binary(tail.to_vec()).await;
    assert_eq!(client.message("messages").await["content"], "👍");
    let mut client = alice.stomp(Carrier::WebSocket).await;
    client.say_binary(frame).await;
    assert_eq!(client.next().await, Heard::Closed(1003, "Binary messages not supported".to_owned()));
}

#[tokio::test]
async fn a_character_that_is_cut_in_two_between_messages_of_sockjs_arrives_whole() {
    let (_server, alice, _, group) = scene().await;
    for carrier in [Carrier::WebSocket, Carrier::Polling, Carrier::Streaming] {
        let mut client = alice.stomp_on(carrier, &["messages"]).await;
        let body = json!({ "conversationId": group, "content": "a👍b" }).to_string();
        let frame = format!(
            "SEND\\ndestination:/app/chat.send\\ncontent-length:{}\\n\\n{}\\u0000",
            body.len(),
            body.replace('"', "\\\"")
        );
        let (before, after) = frame.split_once("👍").unwrap();
        client.say_to_carrier(&format!("[\"{before}\\ud83d\"]")).await;
        client.say_to_carrier(&format!("[\"\\udc4d{after}\"]")).await;
        assert_eq!(client.message("messages").await["content"], "a👍b", "{carrier:?}");
    }
}

#[tokio::test]
async fn ten_thousand_emoji_fit_and_a_message_of_the_carrier_over_256_kib_does_not() {
    let (_server, alice, _, group) = scene().await;
    let content = "👍".repeat(10_000);
    let escaped = format!("{{\"conversationId\":{group},\"content\":\"{}\"}}", "\\ud83d\\udc4d".repeat(10_000));
    assert!(escaped.len() > 120_000);
    for carrier in [Carrier::Raw, Carrier::WebSocket, Carrier::Polling] {
        let mut client = alice.stomp_on(carrier, &["messages"]).await;
        client.say(&send(group, &content)).await;
        assert_eq!(client.message("messages").await["content"], content, "{carrier:?}");
        client.say(&format!("SEND\ndestination:/app/chat.send\n\n{escaped}\0")).await;
        assert_eq!(client.message("messages").await["content"], content, "{carrier:?}");
        client.say_and_wait("SEND", "destination:/app/chat.heartbeat\n", "").await;
    }
    for (carrier, least) in [(Carrier::Raw, 0), (Carrier::WebSocket, 4)] {
        let limit = 256 * 1024 - least;
        let mut client = alice.stomp(carrier).await;
        client
            .say_to_carrier(&if least > 0 { format!("[\"{}\"]", "x".repeat(limit)) } else { "\n".repeat(limit) })
            .await;
        if carrier == Carrier::Raw {
            client.say_and_wait("SEND", "destination:/app/chat.heartbeat\n", "").await;
            client.say(&"\n".repeat(limit + 1)).await;
        } else {
            assert_eq!(client.failed().await, "A line of a frame's head may have 20480 bytes at most");
            client = alice.stomp(carrier).await;
            client.say_to_carrier(&format!("[\"{}\"]", "x".repeat(limit + 1))).await;
        }
        assert_eq!(client.closed().await, 1009, "{carrier:?}");
    }
}

#[tokio::test]
async fn a_body_may_hold_nul_where_its_length_is_told() {
    let (_server, alice, _, group) = scene().await;
    let mut client = alice.stomp_on(Carrier::Raw, &["messages", "errors"]).await;
    let body = format!("{{\"conversationId\":{group},\"content\":\"a\0b\"}}");
    client.say(&format!("SEND\ndestination:/app/chat.send\ncontent-length:{}\n\n{body}\0", body.len())).await;
    // JSON has no such character: the frame was whole, the request was not.
    assert_eq!(client.message("errors").await["code"], "BAD_REQUEST");
    client.say(&send(group, "\0")).await;
    assert_eq!(client.message("errors").await["code"], "BAD_REQUEST");
    // A length that is no length, or comes a second time, means nothing.
    for length in ["-1", "x", "", "+", "1e2"] {
        let body = json!({ "conversationId": group, "content": format!("is {length}.") }).to_string();
        client.say(&format!("SEND\ncontent-length:{length}\ndestination:/app/chat.send\n\n{body}\0")).await;
        assert_eq!(client.message("messages").await["content"], format!("is {length}."));
    }
    let body = json!({ "conversationId": group, "content": "twice" }).to_string();
    let lengths = format!("content-length:{}\ncontent-length:1\n", body.len());
    client.say(&format!("SEND\n{lengths}destination:/app/chat.send\ndestination:/app/nowhere\n\n{body}\0")).await;
    assert_eq!(client.message("messages").await["content"], "twice");
}

#[tokio::test]
async fn every_frame_is_answered_with_its_receipt_after_it_took_effect_and_in_order() {
    let (_server, alice, bob, group) = scene().await;
    for carrier in CARRIERS {
        let mut client = alice.stomp(carrier).await;
        let frames = [
            "SUBSCRIBE\nid:e\ndestination:/user/queue/chat/errors\nreceipt:1\n\n\0".to_owned(),
            "SEND\ndestination:/app/chat.nonsense\nreceipt:2\n\n\0".to_owned(),
            send(group, "Hello").replace("\ncontent", "\nreceipt:3\ncontent"),
            "SUBSCRIBE\nid:m\ndestination:/user/queue/chat/messages\nack:client\nselector:x = 'y'\nreceipt:4\n\n\0"
                .to_owned(),
            "SEND\ndestination:/app/chat.send\nreceipt:5\n\n{}\0".to_owned(),
            "ACK\nid:9\nreceipt:6\n\n\0".to_owned(),
            "NACK\nid:9\nreceipt:7\n\n\0".to_owned(),
            "BEGIN\ntransaction:t\nreceipt:8\n\n\0".to_owned(),
            "COMMIT\ntransaction:t\nreceipt:9\n\n\0".to_owned(),
            "ABORT\ntransaction:u\nreceipt:a:\\c\\\\\n\n\0".to_owned(),
            "UNSUBSCRIBE\nid:m\nreceipt:11\n\n\0".to_owned(),
            "UNSUBSCRIBE\nid:unknown\nreceipt:12\n\n\0".to_owned(),
            send(group, "Unheard").replace("\ncontent", "\nreceipt:13\ncontent"),
            "DISCONNECT\nreceipt:14\n\n\0".to_owned(),
        ];
        client.say_all(&frames.each_ref().map(String::as_str)).await;
        let mut heard = Vec::new();
        while heard.last().is_none_or(|last| last != "14") {
            let frame = client.hear().await;
            heard.push(match frame.command.as_str() {
                "RECEIPT" => frame.header("receipt-id").unwrap().to_owned(),
                _ => frame.json()["code"].as_str().unwrap().to_owned(),
            });
        }
        let order = [
            "1",
            "NOT_FOUND",
            "2",
            "3",
            "4",
            "BAD_REQUEST",
            "5",
            "6",
            "7",
            "8",
            "9",
            "a\\c\\c\\\\",
            "11",
            "12",
            "13",
            "14",
        ];
        assert_eq!(heard, order, "{carrier:?}");
        let newest = bob.get(&format!("/conversations/{group}/messages?limit=2")).await.ok();
        assert_eq!((&newest[0]["content"], &newest[1]["content"]), (&json!("Hello"), &json!("Unheard")));
    }
    let mut client = StompClient::open(alice.address, Carrier::Raw).await;
    client.say(&format!("CONNECT\nreceipt:0\naccept-version:1.2\nAuthorization:{}\n\n\0", alice.token)).await;
    assert_eq!(client.hear().await.command, "CONNECTED");
    assert_eq!(client.hear().await.bytes, "RECEIPT\nreceipt-id:0\n\n\0");
}

#[tokio::test]
async fn a_message_has_its_headers_in_this_order_and_its_length_in_bytes() {
    let (_server, alice, bob, group) = scene().await;
    let mut client = bob.stomp(Carrier::Raw).await;
    client.subscribe("sub\\c0", "/user/queue/chat/messages").await;
    client.subscribe("typing", "/user/queue/chat/typing").await;
    client.subscribe("errors", "/user/queue/chat/errors").await;
    alice.send(group, "é👍").await;
    let first = client.hear().await;
    let order = ["cursor", "destination", "content-type", "subscription", "message-id", "content-length"];
    assert_eq!((first.command.as_str(), first.names()), ("MESSAGE", order.to_vec()));
    let of = |frame: &StompFrame, name: &str| frame.header(name).unwrap().to_owned();
    assert_eq!(of(&first, "destination"), "/user/queue/chat/messages");
    assert_eq!(of(&first, "content-type"), "application/json");
    assert_eq!(of(&first, "subscription"), "sub\\c0");
    assert_eq!(of(&first, "content-length"), first.body.len().to_string());
    assert!(of(&first, "cursor").len() <= 64);
    alice.stomp(Carrier::Raw).await.send("typing", json!({ "conversationId": group, "typing": true })).await;
    let second = client.hear().await;
    assert_eq!(second.names(), order[1..]);
    client.say("SEND\ndestination:/app/nowhere\n\n\0").await;
    let third = client.hear().await;
    assert_eq!(third.names(), order[1..]);
    let ids = [&first, &second, &third].map(|frame| of(frame, "message-id"));
    let session = ids[0].rsplit_once('-').unwrap().0;
    assert_eq!(ids, [1, 2, 3].map(|number| format!("{session}-{number}")));
}

#[tokio::test]
async fn the_answers_to_many_frames_in_one_message_do_not_wait_for_the_last_of_them() {
    let (_server, alice, ..) = scene().await;
    // 30,000 refused frames, each told to a hundred subscriptions: nearly a gigabyte, if it were gathered first.
    let mut client = alice.stomp(Carrier::Raw).await;
    for id in 0..100 {
        client.say(&format!("SUBSCRIBE\nid:{id}\ndestination:/user/queue/chat/errors\n\n\0")).await;
    }
    client.say_and_wait("ACK", "", "").await;
    client.say(&"SEND\n\n\0".repeat(30_000)).await;
    for number in 0..1_000 {
        let frame = client.hear().await;
        assert_eq!(frame.header("subscription"), Some((number % 100).to_string().as_str()));
    }
}
