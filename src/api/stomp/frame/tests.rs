//! Every rule of the codec by itself, and what must hold for any bytes.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// All that comes out of a stream that is pushed in these pieces, and the error that ends it.
fn decode_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Item>, Option<BadFrame>) {
    let mut decoder = Decoder::new();
    let mut items = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.pull() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(bad) => return (items, Some(bad)),
            }
        }
        assert!(decoder.buffer.len() <= MAX_FRAME_BYTES);
        assert!(decoder.is_inside_frame() || decoder.buffer.capacity() == 0);
    }
    (items, None)
}

fn decode(bytes: impl AsRef<[u8]>) -> (Vec<Item>, Option<BadFrame>) {
    decode_pieces([bytes.as_ref()])
}

fn one(bytes: impl AsRef<[u8]>) -> Frame {
    match decode(bytes) {
        (mut items, None) if items.len() == 1 => match items.remove(0) {
            Item::Frame(frame) => frame,
            Item::Heartbeat => panic!("a heart-beat"),
        },
        other => panic!("{other:?}"),
    }
}

fn fault(bytes: impl AsRef<[u8]>) -> String {
    let (items, bad) = decode(bytes);
    assert!(items.is_empty(), "{items:?}");
    bad.expect("an error").message.into_owned()
}

fn encoded(frame: &Frame) -> String {
    let mut out = BytesMut::new();
    frame.encode(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn the_table_of_commands_is_in_order() {
    for (command, name) in COMMANDS {
        assert_eq!(command.name(), name);
        assert_eq!(one(format!("{name}\n\n\0")), Frame::new(command));
    }
}

#[test]
fn a_frame_is_read_as_it_stands() {
    let frame = one("SEND\ndestination:/app/chat.send\nfoo: bar \nempty:\n\n{\"a\":1}\0");
    assert_eq!(frame.command, Command::Send);
    assert_eq!(frame.header("destination"), Some("/app/chat.send"));
    assert_eq!(frame.header("foo"), Some(" bar "), "nothing is trimmed");
    assert_eq!(frame.header("empty"), Some(""));
    assert_eq!(frame.header("Foo"), None, "names are case-sensitive");
    assert_eq!(frame.body, "{\"a\":1}");
}

#[test]
fn line_ends_may_be_crlf_everywhere_in_the_head() {
    let frame = one("SEND\r\ndestination:/app/x\r\n\r\na\r\nb\rc\0");
    assert_eq!(frame.header("destination"), Some("/app/x"));
    assert_eq!(frame.body, "a\r\nb\rc");
    let sentence = "'\\r' must be followed by '\\n'";
    for bytes in ["SEND\r\n\rx", "\rSEND\n\n\0", "SE\rND\n\n\0", "SEND\na:b\rc\n\n\0", "\r\r\n"] {
        assert_eq!(fault(bytes), sentence, "{bytes:?}");
    }
}

#[test]
fn line_ends_between_frames_are_heart_beats() {
    let (items, bad) = decode("\n\r\n\nACK\n\n\0\nNACK\n\n\0\r\n");
    assert_eq!(bad, None);
    let shape: String = items.iter().map(|item| if *item == Item::Heartbeat { '.' } else { 'F' }).collect();
    assert_eq!(shape, "...F.F.");
}

#[test]
fn an_unknown_command_is_refused() {
    let prefix = "No enum constant org.springframework.messaging.simp.stomp.StompCommand.";
    assert_eq!(fault("FOO\n\n\0"), format!("{prefix}FOO"));
    assert_eq!(fault("send\n\n\0"), format!("{prefix}send"));
    assert_eq!(fault("SEND \n\n\0"), format!("{prefix}SEND "));
    assert_eq!(fault(format!("{}\n", "x".repeat(1_000))), format!("{prefix}{}…", "x".repeat(64)));
}

#[test]
fn a_header_without_a_name_or_a_colon_is_refused() {
    let form = "A header must be of the form <name>:[<value>].";
    assert_eq!(fault("SEND\nx\n\n\0"), format!("Illegal header: 'x'. {form}"));
    assert_eq!(fault("SEND\n:x\n\n\0"), format!("Illegal header: ':x'. {form}"));
    assert_eq!(fault("CONNECT\nx\n\n\0"), format!("Illegal header: 'x'. {form}"));
}

#[test]
fn escapes_are_undone_in_names_and_values() {
    let frame = one("SEND\nk\\c\\n:v:w\\c\\n\\r\\\\\n\n\0");
    assert_eq!(frame.headers, [("k:\n".to_owned(), "v:w:\n\r\\".to_owned())]);
    for command in ["CONNECT", "STOMP", "CONNECTED"] {
        let frame = one(format!("{command}\npasscode:a\\tb\\\n\n\0"));
        assert_eq!(frame.header("passcode"), Some("a\\tb\\"), "{command} has none");
    }
    assert_eq!(fault("SEND\nk:a\\tb\n\n\0"), "Illegal escape sequence at index 1: a\\tb");
    assert_eq!(fault("SEND\nk:👍é\\\n\n\0"), "Illegal escape sequence at index 3: 👍é\\");
    assert_eq!(fault("SEND\nk\\é:a\n\n\0"), "Illegal escape sequence at index 1: k\\é");
}

#[test]
fn repeated_headers_are_all_kept_and_the_first_counts() {
    let frame = one("SEND\na:1\nb:2\na:3\ncontent-length:2\ncontent-length:9\n\nxy\0");
    let names: Vec<&str> = frame.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b", "a", "content-length", "content-length"]);
    assert_eq!(frame.header("a"), Some("1"));
    assert_eq!(frame.body, "xy");
}

#[test]
fn a_content_length_decides_where_the_body_ends() {
    assert_eq!(one("SEND\ncontent-length:3\n\na\0b\0").body, "a\0b");
    assert_eq!(one("SEND\ncontent-length:0\n\n\0").body, "");
    assert_eq!(one("SEND\ncontent-length:4\n\n👍\0").body, "👍");
    for none in ["-1", "abc", "", " 1", "1.5", "0x1", "-99999999999999999999"] {
        assert_eq!(one(format!("SEND\ncontent-length:{none}\n\nabcd\0")).body, "abcd", "{none}");
    }
    let sentence = "Frame must be terminated with a null octet";
    assert_eq!(fault("SEND\ncontent-length:2\n\nabc\0"), sentence);
    assert_eq!(fault("SEND\ncontent-length:4\n\nabc\0ACK\n\n\0"), sentence);
    assert_eq!(decode("SEND\ncontent-length:4\n\nabc\0"), (vec![], None), "it waits for the fifth byte");
}

#[test]
fn a_content_length_over_the_limit_is_refused_before_the_body_comes() {
    for announced in ["131073", "99999999999", "18446744073709551616", "9999999999999999999999999"] {
        assert_eq!(
            fault(format!("SEND\ncontent-length:{announced}\n\n")),
            format!("STOMP 'content-length' header value {announced}  exceeds configured buffer size limit 131072")
        );
    }
    let sentence = "The configured STOMP buffer size limit of 131072 bytes has been exceeded";
    assert_eq!(fault("SEND\ncontent-length:131072\n\n"), sentence, "with the head it is over");
}

#[test]
fn a_frame_of_128_kib_is_taken_and_a_byte_more_is_not() {
    let sentence = "The configured STOMP buffer size limit of 131072 bytes has been exceeded";
    let frame = |head: &str, size: usize| format!("{head}{}\0", "x".repeat(size - head.len()));
    for head in ["SEND\n\n", "SEND\r\na:b\r\n\r\n", "SEND\ncontent-length:131044\n\n"] {
        assert_eq!(one(frame(head, MAX_FRAME_BYTES)).body.len(), MAX_FRAME_BYTES - head.len(), "{head:?}");
    }
    assert_eq!(fault(frame("SEND\n\n", MAX_FRAME_BYTES + 1)), sentence);
    assert_eq!(fault(frame("SEND\ncontent-length:131045\n\n", MAX_FRAME_BYTES + 1)), sentence);
    assert_eq!(fault(frame("SEND\n\n", MAX_FRAME_BYTES + 1).trim_end_matches('\0')), sentence, "without an end");
    let pipelined = frame("SEND\n\n", MAX_FRAME_BYTES).repeat(3);
    assert_eq!(decode(&pipelined).0.len(), 3, "the limit is that of one frame");
    let head = format!("SEND\n{}", format!("a:{}\n", "x".repeat(MAX_LINE_BYTES - 2)).repeat(9));
    assert_eq!(fault(head), sentence, "a head counts too");
}

#[test]
fn lines_and_headers_are_limited() {
    let value = "x".repeat(MAX_LINE_BYTES - 2);
    assert_eq!(one(format!("SEND\na:{value}\n\n\0")).header("a").unwrap().len(), value.len());
    let too_long = "A line of a frame's head may have 20480 bytes at most";
    assert_eq!(fault(format!("SEND\na:{value}x\n\n\0")), too_long);
    assert_eq!(fault(format!("SEND\na:{value}x")), too_long);
    assert_eq!(fault("x".repeat(MAX_LINE_BYTES + 1)), too_long);
    assert_eq!(fault("x".repeat(2 * MAX_FRAME_BYTES)), too_long, "of two limits the lower");
    assert_eq!(one(format!("SEND\n{}\n\0", "a:b\n".repeat(64))).headers.len(), 64);
    assert_eq!(fault(format!("SEND\n{}", "a:b\n".repeat(65))), "A frame may have 64 headers at most");
}

#[test]
fn a_head_is_utf_8_without_nul_and_a_body_is_bytes() {
    assert_eq!(fault(b"SEND\na:\xff\n\n\0"), "A frame's head must be UTF-8");
    assert_eq!(fault(b"\xff\n"), "A frame's head must be UTF-8");
    assert_eq!(fault("DISCONNECT\n\0"), "A frame's head must end with an empty line");
    assert_eq!(fault("SEND\na:b\0c\n\n\0"), "A frame's head must end with an empty line");
    assert_eq!(one(b"SEND\n\n\xff\xfe\0").body[..], *b"\xff\xfe");
}

#[test]
fn only_some_frames_have_a_body() {
    for (command, name) in COMMANDS {
        let (items, bad) = decode(format!("{name}\n\nbody\0"));
        assert_eq!(items.len(), usize::from(command.has_body()), "{name}");
        let refused = format!("{name} shouldn't have a payload: length=4, headers={{}}");
        assert_eq!(bad.map(|bad| bad.message.into_owned()), (!command.has_body()).then_some(refused));
    }
    assert_eq!(
        fault("SUBSCRIBE\nid:1\ndestination:/x\n\n\n\0"),
        "SUBSCRIBE shouldn't have a payload: length=1, headers={id, destination}",
        "even a line end"
    );
}

#[test]
fn a_content_type_must_look_like_one() {
    for good in ["application/json", "text/plain;charset=UTF-8", " text/plain ; x", "*/*", "*", "a/b+c.d-e", "a/*"] {
        assert_eq!(one(format!("SEND\ncontent-type:{good}\n\n\0")).header("content-type"), Some(good));
    }
    assert_eq!(fault("SEND\ncontent-type:garbage\n\n\0"), "Invalid mime type \"garbage\": does not contain '/'");
    for (bad, why) in [
        ("", "'mimeType' must not be empty"),
        (";charset=utf-8", "'mimeType' must not be empty"),
        ("text/", "does not contain subtype after '/'"),
        ("*/json", "wildcard type is legal only in '*/*' (all mime types)"),
        ("/json", "has a character that is not allowed"),
        ("text/a b", "has a character that is not allowed"),
        ("text/a/b", "has a character that is not allowed"),
    ] {
        let sentence = fault(format!("SEND\ncontent-type:{}\n\n\0", bad.replace(':', "\\c")));
        assert_eq!(sentence, format!("Invalid mime type \"{bad}\": {why}"));
    }
}

#[test]
fn nothing_is_read_behind_an_error() {
    let mut decoder = Decoder::new();
    decoder.push(b"ACK\n\n\0FOO\n\n\0ACK\n\n\0");
    assert!(matches!(decoder.pull(), Ok(Some(Item::Frame(_)))));
    let bad = decoder.pull().unwrap_err();
    decoder.push(b"ACK\n\n\0");
    assert_eq!(decoder.pull(), Err(bad.clone()));
    assert_eq!(decoder.pull(), Err(bad));
    assert!(decoder.buffer.is_empty() && !decoder.is_inside_frame());
}

#[test]
fn a_decoder_tells_whether_a_frame_is_unfinished() {
    let mut decoder = Decoder::new();
    for (piece, inside) in [("\n", false), ("SE", true), ("ND\n", true), ("\nab", true), ("c\0\n", false), ("\r", true)]
    {
        decoder.push(piece.as_bytes());
        while decoder.pull().unwrap().is_some() {}
        assert_eq!(decoder.is_inside_frame(), inside, "{piece:?}");
    }
}

#[test]
fn a_big_frame_in_single_bytes_takes_linear_time() {
    for head in ["SEND\n\n", "SEND\ncontent-length:131000\n\n"] {
        let frame = format!("{head}{}\0", "x".repeat(131_000));
        let start = Instant::now();
        let (items, bad) = decode_pieces(frame.as_bytes().chunks(1));
        assert!(items.len() == 1 && bad.is_none());
        assert!(start.elapsed() < Duration::from_secs(2), "took {:?}", start.elapsed());
    }
}

#[test]
fn an_announced_length_reserves_nothing() {
    let mut decoder = Decoder::new();
    decoder.push(b"SEND\ncontent-length:131000\n\n");
    assert_eq!(decoder.pull(), Ok(None));
    assert!(decoder.buffer.capacity() < 1_024);
}

#[test]
fn frames_are_written_as_clients_know_them() {
    let connected =
        Frame::new(Command::Connected).with("version", "1.1").with("heart-beat", "0,0").with("user-name", "a:\\l");
    assert_eq!(encoded(&connected), "CONNECTED\nversion:1.1\nheart-beat:0,0\nuser-name:a:\\l\n\n\0");
    assert_eq!(encoded(&Frame::new(Command::Receipt).with("receipt-id", "7:7")), "RECEIPT\nreceipt-id:7\\c7\n\n\0");
    let error = Frame::new(Command::Error).with("message", "For input string: \"a\"\r\n\\");
    assert_eq!(encoded(&error), "ERROR\nmessage:For input string\\c \"a\"\\r\\n\\\\\ncontent-length:0\n\n\0");
    let message = Frame {
        body: Bytes::from_static(b"a\0b"),
        ..Frame::new(Command::Message).with("content-length", "99").with("a:b", "c").with("a:b", "")
    };
    assert_eq!(encoded(&message), "MESSAGE\na\\cb:c\na\\cb:\ncontent-length:3\n\na\0b\0");
}

#[test]
fn no_value_breaks_the_frame_that_carries_it() {
    let connected = Frame::new(Command::Connected).with("user-name", "a\nversion:9\r\0b");
    assert_eq!(encoded(&connected), "CONNECTED\nuser-name:aversion:9b\n\n\0");
    let receipt = Frame::new(Command::Receipt).with("receipt-id", "a\0b");
    assert_eq!(encoded(&receipt), "RECEIPT\nreceipt-id:ab\n\n\0");
    let body = Frame { body: Bytes::from_static(b"x"), ..Frame::new(Command::Receipt) };
    assert_eq!(encoded(&body), "RECEIPT\n\n\0");
}

#[test]
fn a_message_has_its_headers_in_the_known_order() {
    let parts = |cursor, body| MessageParts::new("/user/queue/chat/messages", "application/json", cursor, body);
    let mut out = parts(Some("a.1"), b"{}").message(Some("sub:0"), "s", 1);
    let kept = MessageParts::from_bytes(parts(None, b"").into_bytes());
    out.extend(kept.message(None, "s", 1_234_567_890));
    assert_eq!(
        str::from_utf8(&out).unwrap(),
        "MESSAGE\ncursor:a.1\ndestination:/user/queue/chat/messages\ncontent-type:application/json\n\
         subscription:sub\\c0\nmessage-id:s-1\ncontent-length:2\n\n{}\0\
         MESSAGE\ndestination:/user/queue/chat/messages\ncontent-type:application/json\n\
         message-id:s-1234567890\ncontent-length:0\n\n\0"
    );
    for (subscription, number) in [(None, 0), (Some("sub-0"), 9), (Some(""), 10), (Some("a"), u64::MAX)] {
        let message = parts(Some("a.1"), b"{}").message(subscription, "session", number);
        assert_eq!(message.len(), message.capacity(), "it is made in one piece, and kept without another");
    }
}

/// Streams that are nearly right, so that every rule is met and every state is cut.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let pieces: &[&[u8]] = &[
        b"SEND\n",
        b"SEND\r\n",
        b"CONNECT\n",
        b"SUBSCRIBE\n",
        b"MESSAGE\n",
        b"FOO\n",
        b"a:b\n",
        b"a:b\r\n",
        b"a\\cb:\\n\n",
        b"a:\\t\n",
        b"x\n",
        b":\n",
        b"content-length:3\n",
        b"content-length:-1\n",
        b"content-length:0\n",
        b"content-length:131060\n",
        b"content-length:131040\n",
        b"content-type:a/b\n",
        b"content-type:a\n",
        b"\n",
        b"\r\n",
        b"\r",
        b"abc",
        b"a\0c",
        b"\0",
        b"\0",
        b"\n\0",
        b"\n\0",
        b"\xf0\x9f\x91\x8d",
        b"\xf0\x9f",
        b"\xff",
    ];
    let piece = prop_oneof![
        20 => prop::sample::select(pieces).prop_map(<[u8]>::to_vec),
        1 => prop_oneof![Just(MAX_LINE_BYTES), Just(MAX_LINE_BYTES + 1), Just(70_000), Just(MAX_FRAME_BYTES)].prop_map(|size| vec![b'z'; size]),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

fn frames() -> impl Strategy<Value = Frame> {
    let name = "[^\\x00]{1,20}";
    let headers = prop::collection::vec((name, "[^\\x00]{0,40}"), 0..8);
    let body = prop::collection::vec(any::<u8>(), 0..300);
    (prop::sample::select(&COMMANDS[..]), headers, body).prop_map(|((command, _), mut headers, body)| {
        headers.retain(|(name, _)| name != CONTENT_LENGTH && name != "content-type");
        if !command.has_escapes() {
            for (name, value) in &mut headers {
                *name = format!("n{}", name.replace(['\n', '\r', ':'], ""));
                *value = value.replace(['\n', '\r'], "");
            }
        }
        Frame { command, headers, body: if command.has_body() { body.into() } else { Bytes::new() } }
    })
}

/// The stream cut at random places, some of them next to each other.
fn cut<'a>(stream: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place.index(stream.len() + 1)).collect();
    places.push(stream.len());
    places.sort_unstable();
    let mut start = 0;
    places.into_iter().map(|end| &stream[mem::replace(&mut start, end)..end]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_read_does_not_depend_on_the_cuts(
        stream in streams(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let whole = decode(&stream);
        prop_assert_eq!(&decode_pieces(cut(&stream, &places)), &whole);
        if stream.len() < 2_000 {
            prop_assert_eq!(&decode_pieces(stream.chunks(1)), &whole);
        }
    }

    #[test]
    fn what_is_written_is_read_again(
        frames in prop::collection::vec(frames(), 0..5),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut out = BytesMut::new();
        frames.iter().for_each(|frame| frame.encode(&mut out));
        let expected: Vec<Item> = frames
            .into_iter()
            .map(|frame| {
                let length = frame.body.len().to_string();
                Item::Frame(if frame.command.has_body() { frame.with(CONTENT_LENGTH, length) } else { frame })
            })
            .collect();
        prop_assert_eq!(decode_pieces(cut(&out, &places)), (expected, None));
    }

    #[test]
    fn what_is_read_is_written_and_read_again_the_same(stream in streams()) {
        for item in decode(&stream).0 {
            let Item::Frame(frame) = item else { continue };
            let mut out = BytesMut::new();
            frame.encode(&mut out);
            let (items, bad) = decode(&out);
            // The encoder's own `content-length` may be what takes a frame of nearly 128 KiB over the limit.
            if out.len() <= MAX_FRAME_BYTES {
                let without = |mut frame: Frame| {
                    frame.headers.retain(|(name, _)| name != CONTENT_LENGTH);
                    frame
                };
                prop_assert_eq!(bad, None);
                let [Item::Frame(again)] = &items[..] else { panic!("{items:?}") };
                prop_assert_eq!(without(again.clone()), without(frame));
            }
        }
    }

    #[test]
    fn any_bytes_are_answered(stream in prop::collection::vec(any::<u8>(), 0..300)) {
        for start in ["", "SEND\n", "SEND\n\n", "SEND\ncontent-length:9\n\n"] {
            decode([start.as_bytes(), &stream].concat());
        }
    }

    #[test]
    fn memory_stays_within_the_limits(pieces in prop::collection::vec(streams(), 1..8)) {
        let mut decoder = Decoder::new();
        for piece in &pieces {
            decoder.push(piece);
            while let Ok(Some(_)) = decoder.pull() {}
            prop_assert!(decoder.buffer.len() <= MAX_FRAME_BYTES + 1);
            prop_assert!(decoder.buffer.capacity() <= 2 * (MAX_FRAME_BYTES + piece.len()));
            if let State::Headers(frame) | State::Body(frame, _) = &decoder.state {
                prop_assert!(frame.headers.len() <= MAX_HEADERS);
            }
            prop_assert!(decoder.held_bytes() <= MAX_FRAME_BYTES + 1);
        }
    }
}
