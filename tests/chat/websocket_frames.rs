//! What WebSockets are sent on purpose: the cases of the Autobahn suite, by its numbers, that ask for no echo. Every door takes
//! them alike. The suite itself is run by `tests/clients/stomp/autobahn.test.mjs`.

use futures_util::StreamExt;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

use crate::connections::{closed, websockets};
use crate::server::Server;
use crate::sockets::SOON;
use crate::stomp_client::shake;

const FIN: u8 = 0x80;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// A frame, masked by nothing.
fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![head];
    match u16::try_from(payload.len()).expect("a short payload") {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// A close frame with a code and a reason.
fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &[&code.to_be_bytes()[..], reason].concat())
}

/// Bytes that are no UTF-8, each in a way of its own.
const NOT_UTF8: &[(&str, &[u8])] = &[
    ("6.3.1", b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"),
    ("6.4.1", b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited"),
    ("6.6.1", b"\xce"),
    ("6.6.3", b"\xce\xba\xe1"),
    ("6.6.4", b"\xce\xba\xe1\xbd"),
    ("6.8.1", b"\xf8\x88\x80\x80\x80"),
    ("6.8.2", b"\xfc\x84\x80\x80\x80\x80"),
    ("6.10.1", b"\xf7\xbf\xbf\xbf"),
    ("6.10.2", b"\xfb\xbf\xbf\xbf\xbf"),
    ("6.10.3", b"\xfd\xbf\xbf\xbf\xbf\xbf"),
    ("6.11.5", b"\xf4\x90\x80\x80"),
    ("6.12.1", b"\x80"),
    ("6.12.2", b"\xbf"),
    ("6.12.8", b"\x80\xbf\x80\xbf\x80\xbf\x80"),
    ("6.13.1", b"\xc0 \xc1 \xdf "),
    ("6.14.1", b"\xc0"),
    ("6.14.5", b"\xfc\x80\x80\x80\x80"),
    ("6.15.1", b"\xc0\xe0\x80\xf0\x80\x80"),
    ("6.16.1", b"\xfe"),
    ("6.16.2", b"\xff"),
    ("6.17.1", b"\xc0\xaf"),
    ("6.17.3", b"\xf0\x80\x80\xaf"),
    ("6.18.1", b"\xc1\xbf"),
    ("6.18.3", b"\xf0\x8f\xbf\xbf"),
    ("6.19.1", b"\xc0\x80"),
    ("6.20.1", b"\xed\xa0\x80"),
    ("6.20.7", b"\xed\xbf\xbf"),
    ("6.21.1", b"\xed\xa0\x80\xed\xb0\x80"),
    ("6.21.8", b"\xed\xaf\xbf\xed\xbf\xbf"),
];

/// What is sent, by the number of its case, and the code that it is answered with.
fn cases() -> Vec<(String, Vec<u8>, u16)> {
    const MALFORMED: u16 = 1002;
    let mut cases = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>, code| cases.push((name.to_owned(), bytes, code));
    let long = [0xfe; 126];
    add("2.5 a ping of 126 bytes", frame(FIN | PING, &long), MALFORMED);
    for (case, reserved) in (1..=7_u8).enumerate() {
        let name = format!("3.{} reserved bits", case + 1);
        add(&name, frame(FIN | reserved << 4 | TEXT, b"small"), MALFORMED);
        add(&name, frame(FIN | reserved << 4 | PING, b""), MALFORMED);
        add(&name, frame(FIN | reserved << 4 | CLOSE, b""), MALFORMED);
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        add(&format!("4 opcode {opcode}"), frame(FIN | opcode, b""), MALFORMED);
        add(&format!("4 opcode {opcode} with a payload"), frame(FIN | opcode, b"reserved"), MALFORMED);
    }
    add("5.1 a ping in two", [frame(PING, b"a"), frame(FIN | CONTINUATION, b"b")].concat(), MALFORMED);
    add("5.2 a pong in two", [frame(PONG, b"a"), frame(FIN | CONTINUATION, b"b")].concat(), MALFORMED);
    add("5.9 a continuation of nothing", frame(FIN | CONTINUATION, b"non-continuation"), MALFORMED);
    add("5.12 a continuation of nothing that goes on", frame(CONTINUATION, b"non-continuation"), MALFORMED);
    add("5.18 a message within another", [frame(TEXT, b"a"), frame(FIN | TEXT, b"b")].concat(), MALFORMED);
    add("5.18 one of bytes within one of text", [frame(TEXT, b"a"), frame(FIN | BINARY, b"b")].concat(), MALFORMED);
    for (name, bytes) in NOT_UTF8 {
        let (start, rest) = bytes.split_at(bytes.len() / 2);
        add(name, frame(FIN | TEXT, bytes), 1007);
        let pieces = [frame(TEXT, start), frame(FIN | PING, b""), frame(FIN | CONTINUATION, rest)];
        add(&format!("{name} in two"), pieces.concat(), 1007);
        add(&format!("7.5.1 {name} as a reason"), close(1000, bytes), 1007);
    }
    add("7.3.2 a code of one byte", frame(FIN | CLOSE, b"\x03"), MALFORMED);
    add("7.3.6 a reason of 124 bytes", close(1000, &[b'*'; 124]), MALFORMED);
    for code in [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999] {
        add(&format!("7.9 the code {code}"), close(code, b""), MALFORMED);
    }
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        add(&format!("7.7 the code {code}"), close(code, b"whatever"), code);
    }
    add("a frame that is not masked", vec![FIN | PING, 0], MALFORMED);
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_specification_forbids_closes_every_websocket_with_its_code() {
    let server = Server::start().await;
    for (path, headers) in websockets() {
        for (name, bytes, expected) in cases() {
            let (mut socket, _) = shake(server.address, &path, headers, None).await.expect("it is taken");
            socket.get_mut().write_all(&bytes).await.expect("it is taken");
            let (code, reason) = closed(&mut socket).await;
            assert_eq!(code, expected, "{name} at {path}: {reason}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_pieces_with_pings_between_them_is_one_and_each_ping_has_its_pong() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let connect = format!("CONNECT\naccept-version:1.2\nhost:x\nAuthorization:Bearer {}\n\n\0", alice.token);
    let init = json!({ "type": "connection_init", "payload": { "Authorization": alice.token } }).to_string();
    let framed = json!([connect]).to_string();
    for ((path, headers), (said, heard)) in
        websockets().into_iter().zip([(init, "connection_ack"), (connect, "CONNECTED"), (framed, "CONNECTED")])
    {
        let (mut socket, _) = shake(server.address, &path, headers, None).await.expect("it is taken");
        let pieces: Vec<&[u8]> = said.as_bytes().chunks(said.len().div_ceil(30)).collect();
        let last = pieces.len() - 1;
        let mut bytes = Vec::new();
        for (number, piece) in pieces.into_iter().enumerate() {
            let head = if number == 0 { TEXT } else { CONTINUATION };
            bytes.extend(frame(if number == last { FIN | head } else { head }, piece));
            bytes.extend(frame(FIN | PING, &[u8::try_from(number).expect("a few"); 125]));
            // Nobody asked for this one.
            bytes.extend(frame(FIN | PONG, b"unsolicited"));
        }
        // 2.6: and all of it byte by byte.
        for byte in bytes {
            socket.get_mut().write_all(&[byte]).await.expect("it is taken");
        }
        let (mut pongs, mut answer) = (Vec::new(), String::new());
        while pongs.len() <= last || !answer.contains(heard) {
            match tokio::time::timeout(SOON, socket.next()).await.expect("an answer") {
                Some(Ok(Message::Pong(payload))) => pongs.push(payload[0]),
                Some(Ok(Message::Text(text))) => answer.push_str(&text),
                other => panic!("{path}: {other:?} after {answer}"),
            }
        }
        assert!(pongs.iter().map(|number| usize::from(*number)).eq(0..=last), "{path}: {pongs:?}");
    }
}
