//! Bodies that are no JSON, of another type, compressed, too large, or of the wrong shape.

use reqwest::Method;
use serde_json::json;

use super::alice_at_home;
use crate::person::{Answer, Person};
use crate::server::Server;

/// The endpoints that take a body.
const TAKING: [(&str, &str); 11] = [
    ("POST", "/conversations"),
    ("PUT", "/conversations/C"),
    ("POST", "/conversations/C/participants"),
    ("POST", "/conversations/C/messages"),
    ("PUT", "/messages/M"),
    ("POST", "/messages/M/reactions"),
    ("POST", "/messages/M/reactions/toggle"),
    ("POST", "/presence/users"),
    ("POST", "/conversations/C/read"),
    ("PUT", "/presence/status"),
    ("PUT", "/presence/status?status=AWAY"),
];

struct Home {
    alice: Person,
    group: i64,
    message: i64,
    _server: Server,
}

impl Home {
    async fn new() -> Self {
        let server = Server::start().await;
        let (alice, group, message) = alice_at_home(&server).await;
        Self { alice, group, message, _server: server }
    }

    async fn say(&self, endpoint: (&str, &str), headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Answer {
        let (method, path) = endpoint;
        let path = path.replace("/C", &format!("/{}", self.group)).replace("/M", &format!("/{}", self.message));
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.alice.request(method, &format!("/api/chat{path}"));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.alice.fetch(request.body(body)).await
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn what_is_no_json_is_400() {
    let home = Home::new().await;
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let wrong: [&[u8]; 14] = [
        b"{",
        b"}",
        b"{\"a\":}",
        b"{\"content\":\"a\",}",
        b"{'content':'a'}",
        b"{\"content\":\"a\"} x",
        b"// x\n{}",
        b"{\"content\":NaN}",
        b"{\"content\":\"\xFF\"}",
        b"\xEF\xBB\xBF{",
        b"\xEF\xBB\xBF\xEF\xBB\xBF{}",
        b"{\"content\":\"a\nb\"}",
        b"undefined",
        deep.as_bytes(),
    ];
    for endpoint in TAKING {
        for body in wrong {
            let answer = home.say(endpoint, &[JSON], body.to_vec()).await;
            answer.refused_with(400, "BAD_REQUEST");
        }
    }
}

#[tokio::test]
async fn json_of_another_shape_is_400_and_told_without_the_inside_of_the_server() {
    let home = Home::new().await;
    for endpoint in TAKING {
        let lists = if endpoint.1 == "/presence/users" { &["[[1]]"][..] } else { &["[]", "[{}]", "[\"hello\"]"][..] };
        for body in ["1", "\"text\"", "true"].iter().chain(lists) {
            let answer = home.say(endpoint, &[JSON], *body).await;
            answer.refused_with(400, "BAD_REQUEST");
            for word in ["struct", "untagged", "variant", "serde", "confab"] {
                assert!(!answer.text.contains(word), "{endpoint:?} {body}: {}", answer.text);
            }
        }
    }
    let cases = [
        (("POST", "/conversations/C/messages"), r#"{"content":5}"#),
        (("POST", "/conversations/C/messages"), r#"{"content":"\ud800"}"#),
        (("POST", "/conversations/C/messages"), r#"{"content":["a"]}"#),
        (("POST", "/conversations/C/messages"), r#"{"content":"a","content":"b"}"#),
        (("POST", "/conversations/C/messages"), r#"{"content":"a","messageType":"LETTER"}"#),
        (("POST", "/conversations/C/messages"), r#"{"content":"a","messageType":"text"}"#),
        (("POST", "/conversations/C/messages"), r#"{"content":"a","metadata":[]}"#),
        (("POST", "/conversations/C/messages"), r#"{"content":"a","metadata":"x"}"#),
        (("POST", "/conversations/C/messages"), r#"{"content":"a","tempId":5}"#),
        (("POST", "/conversations/C/messages"), r#"{"content":"a","attachmentIds":5}"#),
        (("POST", "/conversations"), r#"{"name":5}"#),
        (("POST", "/conversations"), r#"{"name":"a","allowReplies":"yes"}"#),
        (("POST", "/conversations"), r#"{"name":"a","participantIds":{}}"#),
        (("POST", "/conversations"), r#"{}"#),
        (("PUT", "/messages/M"), r#"{}"#),
        (("PUT", "/messages/M"), r#"{"content":null}"#),
        (("POST", "/messages/M/reactions"), r#"{}"#),
        (("POST", "/messages/M/reactions"), r#"{"emoji":["👍"]}"#),
        (("POST", "/messages/M/reactions/toggle"), r#"{"emoji":1}"#),
        (("POST", "/conversations/C/participants"), r#"{}"#),
        (("POST", "/conversations/C/participants"), r#"{"userIds":[]}"#),
        (("POST", "/presence/users"), r#"{}"#),
        (("PUT", "/presence/status"), r#"{"status":"BUSY"}"#),
    ];
    for (endpoint, body) in cases {
        home.say(endpoint, &[JSON], body).await.refused_with(400, "BAD_REQUEST");
    }
}

#[tokio::test]
async fn unknown_fields_are_ignored_and_never_stored() {
    let home = Home::new().await;
    let body = r#"{"content":"a","id":99,"senderId":2,"isDeleted":true,"createdAt":"1970-01-01T00:00:00Z","x":{}}"#;
    let sent = home.say(("POST", "/conversations/C/messages"), &[JSON], body).await;
    assert_eq!(sent.status, 201, "{}", sent.text);
    assert_eq!((&sent.data()["senderId"], &sent.data()["isDeleted"]), (&json!(1), &json!(false)));
    assert_ne!(sent.data()["id"], 99);
    let changed = home.say(("PUT", "/conversations/C"), &[JSON], r#"{"role":"OWNER","type":"DIRECT","id":5}"#).await;
    assert_eq!((changed.status, &changed.data()["type"]), (200, &json!("GROUP")));
}

#[tokio::test]
async fn another_content_type_is_415() {
    let home = Home::new().await;
    let types = ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx"];
    for endpoint in TAKING {
        for kind in types {
            let headers: &[(&str, &str)] = if kind.is_empty() { &[] } else { &[("content-type", kind)] };
            let answer = home.say(endpoint, headers, r#"{"content":"a"}"#).await;
            answer.refused_with(415, "UNSUPPORTED_MEDIA_TYPE");
        }
    }
    for kind in ["application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json"] {
        let sent =
            home.say(("POST", "/conversations/C/messages"), &[("content-type", kind)], r#"{"content":"a"}"#).await;
        assert_eq!(sent.status, 201, "{kind}: {}", sent.text);
    }
}

#[tokio::test]
async fn a_compressed_body_is_415() {
    let home = Home::new().await;
    for endpoint in TAKING {
        for encoding in ["gzip", "deflate", "br", "gzip, identity"] {
            let answer = home.say(endpoint, &[JSON, ("content-encoding", encoding)], "{}").await;
            answer.refused_with(415, "UNSUPPORTED_MEDIA_TYPE");
        }
    }
}

#[tokio::test]
async fn a_body_over_256_kib_is_413_announced_or_not() {
    let home = Home::new().await;
    let padded = |length: usize| format!("{{\"content\":\"a\"{}}}", " ".repeat(length - 15));
    assert_eq!(padded(256 * 1024).len(), 256 * 1024);
    let send = ("POST", "/conversations/C/messages");
    assert_eq!(home.say(send, &[JSON], padded(256 * 1024)).await.status, 201);
    for endpoint in TAKING {
        let answer = home.say(endpoint, &[JSON], padded(256 * 1024 + 1)).await;
        answer.refused_with(413, "PAYLOAD_TOO_LARGE");
    }
    let pieces = (0..300).map(|_| Ok::<_, std::io::Error>(" ".repeat(1024)));
    let endless = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    home.say(send, &[JSON], endless).await.refused_with(413, "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn a_byte_order_mark_is_passed_over_and_null_is_no_body() {
    let home = Home::new().await;
    let mark = b"\xEF\xBB\xBF";
    let marked = |body: &str| [mark.as_slice(), body.as_bytes()].concat();
    for (endpoint, body) in [
        (("POST", "/conversations/C/messages"), "{\"content\":\"marked\"}"),
        (("POST", "/presence/users"), " [1]"),
        (("POST", "/conversations/C/read"), "{}"),
        (("POST", "/conversations/C/read"), ""),
        (("POST", "/conversations/C/read"), "null"),
    ] {
        let answer = home.say(endpoint, &[JSON], marked(body)).await;
        assert!(answer.status < 300, "{endpoint:?} {body}: {}", answer.text);
    }
    for body in ["null", " null\n", ""] {
        home.say(("POST", "/conversations/C/read"), &[JSON], body).await.ok();
        home.say(("PUT", "/presence/status?status=AWAY"), &[JSON], body).await.ok();
        home.say(("PUT", "/presence/status"), &[JSON], body).await.refused_with(400, "BAD_REQUEST");
    }
    for body in ["nul", "null null", "nullx"] {
        home.say(("POST", "/conversations/C/read"), &[JSON], body).await.refused_with(400, "BAD_REQUEST");
    }
    let query = home.alice.request(Method::POST, "/graphql").header(JSON.0, JSON.1);
    let answer = home.alice.fetch(query.body(marked("{\"query\":\"{ me { name } }\"}"))).await;
    assert_eq!(answer.body, json!({ "data": { "me": { "name": "Alice" } } }));
}
