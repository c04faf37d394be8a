//! Routes, methods and query strings that are not there.

use reqwest::Method;
use serde_json::json;

use super::alice_at_home;
use crate::server::Server;

#[tokio::test]
async fn an_unknown_route_is_404_in_the_envelope() {
    let server = Server::start().await;
    let (alice, ..) = alice_at_home(&server).await;
    let paths = [
        "/",
        "/api",
        "/api/chat",
        "/api/chat/",
        "/api/chat/nothing",
        "/api/chat/conversations/1/nothing",
        "/api/chat/conversations/1/messages/",
        "/API/CHAT/conversations",
        "/api/chat//conversations",
        "/api/chat/messages/1/reactions/a/b",
        "/api/chat/..%2f..%2fetc%2fpasswd",
    ];
    for path in paths {
        let answer = alice.fetch(alice.request(Method::GET, path)).await;
        answer.refused(404, "NOT_FOUND", "There is nothing at this address");
        assert!(answer.header("x-request-id").is_some(), "{path}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_405_with_allow_in_the_envelope() {
    let server = Server::start().await;
    let (alice, ..) = alice_at_home(&server).await;
    let cases = [
        (Method::DELETE, "/conversations", ["GET", "HEAD", "POST"].as_slice()),
        (Method::POST, "/conversations/1", &["DELETE", "GET", "HEAD", "PUT"]),
        (Method::PATCH, "/conversations/1", &["DELETE", "GET", "HEAD", "PUT"]),
        (Method::GET, "/conversations/direct/2", &["POST"]),
        (Method::POST, "/conversations/pinned", &["GET", "HEAD"]),
        (Method::POST, "/conversations/1/mute", &["PUT"]),
        (Method::PUT, "/conversations/1/messages", &["GET", "HEAD", "POST"]),
        (Method::GET, "/messages/1", &["DELETE", "PUT"]),
        (Method::GET, "/messages/1/reactions/toggle", &["POST"]),
        (Method::POST, "/messages/1/reactions/summary", &["GET", "HEAD"]),
        (Method::GET, "/presence/status", &["PUT"]),
        (Method::POST, "/events", &["GET", "HEAD"]),
    ];
    for (method, path, allowed) in cases {
        let answer = alice.fetch(alice.request(method.clone(), &format!("/api/chat{path}"))).await;
        answer.refused(405, "METHOD_NOT_ALLOWED", "This address does not take this method");
        let mut told: Vec<&str> = answer.header("allow").unwrap_or_default().split(',').map(str::trim).collect();
        told.sort_unstable();
        assert_eq!(told, allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn head_answers_like_get_without_the_body() {
    let server = Server::start().await;
    let (alice, group, message) = alice_at_home(&server).await;
    let paths = [
        "/conversations".to_owned(),
        format!("/conversations/{group}/messages"),
        format!("/messages/{message}/thread"),
        "/conversations/99".to_owned(),
        "/conversations/abc".to_owned(),
        "/events".to_owned(),
    ];
    for path in paths {
        let get = alice.get(&path).await;
        let head = alice.fetch(alice.request(Method::HEAD, &format!("/api/chat{path}"))).await;
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        for header in ["content-type", "content-length"] {
            assert_eq!(head.header(header), get.header(header), "{path}: {header}");
        }
        assert!(head.header("x-request-id").is_some());
    }
}

#[tokio::test]
async fn a_flag_is_true_or_false_and_given_once() {
    let server = Server::start().await;
    let (alice, group, _) = alice_at_home(&server).await;
    for (verb, flag) in [("mute", "muted"), ("pin", "pinned"), ("archive", "archived")] {
        let path = format!("/api/chat/conversations/{group}/{verb}");
        for query in ["=", "", "=1", "=0", "=TRUE", "=yes", "=null", "=%FF", "[]=true"] {
            let answer = alice.fetch(alice.request(Method::PUT, &format!("{path}?{flag}{query}"))).await;
            // Another name is another parameter, and unknown ones are ignored.
            let expected = if query == "[]=true" { 200 } else { 400 };
            assert_eq!(answer.status, expected, "{verb}?{flag}{query}: {}", answer.text);
        }
        let twice = alice.fetch(alice.request(Method::PUT, &format!("{path}?{flag}=true&{flag}=false"))).await;
        twice.refused(400, "BAD_REQUEST", &format!("{flag} was given more than once"));
    }
}

#[tokio::test]
async fn a_repeated_parameter_is_400() {
    let server = Server::start().await;
    let (alice, group, message) = alice_at_home(&server).await;
    let paths = [
        "/conversations?limit=1&limit=2".to_owned(),
        "/conversations?archived=true&archived=true".to_owned(),
        "/conversations/search?query=a&query=b".to_owned(),
        format!("/conversations/{group}/messages?before=1&before=2"),
        format!("/messages/{message}/thread?after=1&after=1"),
        "/events?after=a&after=b".to_owned(),
        "/presence?limit=1&limit=1".to_owned(),
    ];
    for path in paths {
        let answer = alice.get(&path).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!("BAD_REQUEST")), "{path}");
    }
    alice.put("/presence/status?status=AWAY&status=DND", json!({})).await.refused_with(400, "BAD_REQUEST");
}

#[tokio::test]
async fn a_search_needs_1_to_200_characters() {
    let server = Server::start().await;
    let (alice, ..) = alice_at_home(&server).await;
    for query in ["", "?query=", "?query=+++", &format!("?query={}", "a".repeat(201))] {
        alice.get(&format!("/conversations/search{query}")).await.refused_with(400, "BAD_REQUEST");
    }
    let longest = format!("?query={}", "%C3%BC".repeat(200));
    assert_eq!(alice.get(&format!("/conversations/search{longest}")).await.status, 200);
}
