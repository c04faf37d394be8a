//! What is malformed, forged or foreign, through the REST door: each refused in the envelope, and never a fault.

mod bodies;
mod doors;
mod ids;
mod tokens;
mod values;

use reqwest::Method;
use serde_json::json;

use crate::person::Person;
use crate::server::Server;

/// Every endpoint that names a conversation or a message: method, path, body. `C` and `M` stand for the two.
const ENDPOINTS: [(&str, &str, &str); 22] = [
    ("GET", "/conversations/C", ""),
    ("PUT", "/conversations/C", r#"{"name":"Mine"}"#),
    ("DELETE", "/conversations/C", ""),
    ("POST", "/conversations/C/participants", r#"{"userIds":[3]}"#),
    ("DELETE", "/conversations/C/participants/1", ""),
    ("PUT", "/conversations/C/mute?muted=true", ""),
    ("PUT", "/conversations/C/pin?pinned=true", ""),
    ("PUT", "/conversations/C/archive?archived=true", ""),
    ("GET", "/conversations/C/messages", ""),
    ("POST", "/conversations/C/messages", r#"{"content":"hello"}"#),
    ("POST", "/conversations/C/messages", r#"{"content":"hello","tempId":"t"}"#),
    ("GET", "/conversations/C/messages/search?query=hello", ""),
    ("POST", "/conversations/C/read", ""),
    ("GET", "/messages/M/thread", ""),
    ("PUT", "/messages/M", r#"{"content":"bye"}"#),
    ("DELETE", "/messages/M", ""),
    ("POST", "/messages/M/reactions", r#"{"emoji":"👍"}"#),
    ("DELETE", "/messages/M/reactions/👍", ""),
    ("POST", "/messages/M/reactions/toggle", r#"{"emoji":"👍"}"#),
    ("GET", "/messages/M/reactions", ""),
    ("GET", "/messages/M/reactions/summary", ""),
    ("GET", "/messages/M/read-receipts", ""),
];

/// Calls an endpoint of the table with these names in its path.
async fn call(
    person: &Person,
    (method, path, body): (&str, &str, &str),
    conversation: &str,
    message: &str,
) -> crate::person::Answer {
    let path = path.replace("/C", &format!("/{conversation}")).replace("/M", &format!("/{message}"));
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let mut request = person.request(method, &format!("/api/chat{path}"));
    if !body.is_empty() {
        request = request.header("content-type", "application/json").body(body.to_owned());
    }
    person.fetch(request).await
}

/// Alice with a group and a message in it.
async fn alice_at_home(server: &Server) -> (Person, i64, i64) {
    let alice = server.person("Alice").await;
    let group = alice.group("Team", &[]).await;
    let message = alice.send(group, "hello").await;
    (alice, group, message)
}

#[tokio::test]
async fn what_is_in_a_foreign_conversation_is_403_and_what_does_not_exist_is_404() {
    let server = Server::start().await;
    let (alice, group, message) = alice_at_home(&server).await;
    let eve = server.person("Eve").await;
    server.person("Carol").await;
    for endpoint in ENDPOINTS {
        let foreign = call(&eve, endpoint, &group.to_string(), &message.to_string()).await;
        foreign.refused(403, "FORBIDDEN", "You are not a participant in this conversation");
        let unknown = call(&eve, endpoint, "9007199254740991", "9007199254740991").await;
        let thing = if endpoint.1.contains("/C") { "Conversation not found" } else { "Message not found" };
        unknown.refused(404, "NOT_FOUND", thing);
    }
    let page = alice.get(&format!("/conversations/{group}/messages")).await.ok();
    assert_eq!((page.as_array().map(Vec::len), &page[0]["content"]), (Some(1), &json!("hello")));
}
