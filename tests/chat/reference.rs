//! The reference, row by row: each endpoint in its order, and each example, upon the demo data that the examples name.

mod conversations;
mod examples;
mod messages;
mod participants;
mod presence;
mod reactions;

use serde_json::{Value as Json, json};

use crate::payload::{message, participant};
use crate::person::{Answer, Person};
use crate::server::Server;

/// The people of the demo data: the group "Project Team" is conversation 1, with messages 1 to 8.
struct Team {
    server: Server,
    alice: Person,
    bob: Person,
    carol: Person,
    dave: Person,
}

async fn team() -> Team {
    let server = Server::start_with_demo().await;
    let alice = server.person("Alice").await;
    let bob = server.person("Bob").await;
    let carol = server.person("Carol").await;
    let dave = server.person("Dave").await;
    Team { server, alice, bob, carol, dave }
}

/// The group of the demo data as Bob sees it at first, without times.
fn project_team() -> Json {
    json!({
        "id": 1,
        "type": "GROUP",
        "name": "Project Team",
        "description": "Discussion for Project X",
        "avatarUrl": null,
        "createdById": 1,
        "participants": [
            participant((1, "Alice"), "OWNER"),
            participant((2, "Bob"), "MEMBER"),
            participant((3, "Carol"), "MEMBER"),
            participant((4, "Dave"), "MEMBER"),
        ],
        "participantCount": 4,
        "lastMessage": message(8, 1, (1, "Alice"), "Then let us do it"),
        "unreadCount": 6,
        "muted": false,
        "pinned": false,
        "archived": false,
        "allowReactions": true,
        "allowReplies": true,
        "allowFileUploads": true,
        "maxFileSizeMb": 25,
        "allowedFileTypes": null,
        "lastMessageAt": "TIME",
        "createdAt": "TIME",
        "updatedAt": "TIME",
    })
}

/// Asserts the envelope of a success: its status, its three keys in order (and `page` where there is one), its id.
#[track_caller]
fn succeeds(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!((&answer.body["success"], &answer.body["error"]), (&json!(true), &Json::Null), "{}", answer.text);
    let keys = crate::payload::keys(&answer.text, "");
    assert!(keys == ["success", "error", "data"] || keys == ["success", "error", "data", "page"], "{keys:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.header("x-request-id").is_some_and(|id| id.len() == 36), "{:?}", answer.headers);
}
