//! What is no id, in paths, query strings and bodies.

use serde_json::json;

use super::{ENDPOINTS, alice_at_home, call};
use crate::server::Server;

const NOT_AN_ID: &str = "An id is a positive whole number below 2^53";
const WRONG: [&str; 18] = [
    "01",
    "0",
    "-1",
    "1.5",
    "1e2",
    "0x1",
    "+1",
    "%201",
    "1%20",
    "abc",
    "null",
    "[1]",
    "%00",
    "%D9%A1",
    "9007199254740992",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
];

#[tokio::test]
async fn in_a_path() {
    let server = Server::start().await;
    let (alice, ..) = alice_at_home(&server).await;
    for wrong in WRONG {
        for endpoint in ENDPOINTS {
            let answer = call(&alice, endpoint, wrong, wrong).await;
            answer.refused(400, "BAD_REQUEST", NOT_AN_ID);
        }
        alice.post_nothing(&format!("/conversations/direct/{wrong}")).await.refused(400, "BAD_REQUEST", NOT_AN_ID);
        alice.delete(&format!("/conversations/1/participants/{wrong}")).await.refused(400, "BAD_REQUEST", NOT_AN_ID);
        alice.get(&format!("/presence/{wrong}")).await.refused(400, "BAD_REQUEST", NOT_AN_ID);
    }
    alice.get("/conversations/%FF").await.refused_with(400, "BAD_REQUEST");
    alice.get("/conversations/").await.refused_with(404, "NOT_FOUND");
}

#[tokio::test]
async fn in_a_query_string() {
    let server = Server::start().await;
    let (alice, group, message) = alice_at_home(&server).await;
    for wrong in WRONG.into_iter().chain(["", "%FF"]) {
        let paths = [
            format!("/conversations/{group}/messages?before={wrong}"),
            format!("/conversations/{group}/messages?after={wrong}"),
            format!("/conversations/{group}/messages/search?query=hello&before={wrong}"),
            format!("/messages/{message}/thread?after={wrong}"),
            format!("/presence?after={wrong}"),
        ];
        // A page may begin after zero.
        for path in paths.into_iter().filter(|path| !path.ends_with("after=0")) {
            let answer = alice.get(&path).await;
            assert_eq!((answer.status, &answer.body["code"]), (400, &json!("BAD_REQUEST")), "{path}");
        }
    }
}

#[tokio::test]
async fn in_a_body() {
    let server = Server::start().await;
    let (alice, group, _) = alice_at_home(&server).await;
    let wrong = [
        "0",
        "-1",
        "1.5",
        "1e2",
        "\"1\"",
        "\"abc\"",
        "true",
        "[1]",
        "{}",
        "9007199254740992",
        "9223372036854775808",
        "18446744073709551616",
        "1e999",
        "NaN",
        "0x1",
        "01",
    ];
    for wrong in wrong {
        let calls = [
            ("/conversations".to_owned(), format!(r#"{{"name":"X","participantIds":[{wrong}]}}"#)),
            (format!("/conversations/{group}/participants"), format!(r#"{{"userIds":[{wrong}]}}"#)),
            (format!("/conversations/{group}/participants"), format!(r#"{{"participantIds":[1,{wrong}]}}"#)),
            (format!("/conversations/{group}/messages"), format!(r#"{{"content":"x","parentMessageId":{wrong}}}"#)),
            (format!("/conversations/{group}/messages"), format!(r#"{{"content":"x","attachmentIds":[{wrong}]}}"#)),
            (format!("/conversations/{group}/read"), format!(r#"{{"lastReadMessageId":{wrong}}}"#)),
            ("/presence/users".to_owned(), format!("[{wrong}]")),
            ("/presence/users".to_owned(), format!(r#"{{"userIds":[{wrong}]}}"#)),
        ];
        for (path, body) in calls {
            let answer = alice.post_text(&path, &body).await;
            assert_eq!((answer.status, &answer.body["code"]), (400, &json!("BAD_REQUEST")), "{path} {body}");
            let sentence = answer.body["error"].as_str().expect("a sentence");
            assert!(!sentence.contains("untagged") && !sentence.contains("struct"), "{sentence}");
        }
    }
    for list in ["null", "1", "\"1\"", "{}", "[null]", "[[1]]"] {
        let body = format!(r#"{{"userIds":{list}}}"#);
        for path in [format!("/conversations/{group}/participants"), "/presence/users".to_owned()] {
            alice.post_text(&path, &body).await.refused_with(400, "BAD_REQUEST");
        }
    }
}
