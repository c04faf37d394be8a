//! The curl examples as they are printed, byte for byte in their bodies, and the error of the reference's last page.

use serde_json::{Value as Json, json};

use super::{project_team, succeeds, team};
use crate::payload::{ids, message, participant, timeless, with};

#[tokio::test]
async fn the_example_of_direct_messages_works() {
    let team = team().await;
    let answer = team.alice.post_nothing("/conversations/direct/2").await;
    succeeds(&answer, 201);
    assert_eq!((&answer.data()["type"], &answer.data()["name"]), (&json!("DIRECT"), &json!("Bob")));
}

#[tokio::test]
async fn the_example_of_group_conversations_works() {
    let team = team().await;
    let body = r#"{
    "name": "Project Team",
    "description": "Discussion for Project X",
    "participantIds": [2, 3, 4],
    "allowReactions": true,
    "allowReplies": true,
    "allowFileUploads": true
  }"#;
    let answer = team.alice.post_text("/conversations", body).await;
    succeeds(&answer, 201);
    let empty = json!({ "id": 2, "lastMessage": null, "lastMessageAt": null, "unreadCount": 0 });
    assert_eq!(timeless(answer.data()), with(project_team(), empty));
    assert_eq!(timeless(&answer.data()["participants"][0]), participant((1, "Alice"), "OWNER"));
}

#[tokio::test]
async fn the_example_of_message_threading_works() {
    let team = team().await;
    let body = r#"{
    "content": "I agree with this point",
    "parentMessageId": 5
  }"#;
    let answer = team.alice.post_text("/conversations/1/messages", body).await;
    succeeds(&answer, 201);
    let reply = with(message(9, 1, (1, "Alice"), "I agree with this point"), json!({ "parentMessageId": 5 }));
    assert_eq!(timeless(answer.data()), reply);
    assert_eq!(ids(team.bob.get("/messages/5/thread").await.data()), [9]);
    let parent = &team.bob.get("/conversations/1/messages?before=6&limit=1").await.ok()[0];
    assert_eq!(parent["replyCount"], 1);
}

#[tokio::test]
async fn the_example_of_reactions_works() {
    let team = team().await;
    let answer = team.alice.post_text("/messages/1/reactions/toggle", r#"{"emoji": "👍"}"#).await;
    succeeds(&answer, 200);
    assert_eq!(*answer.data(), json!({ "emoji": "👍", "added": true, "reactionSummary": { "👍": 1 } }));
}

#[tokio::test]
async fn the_examples_of_pagination_work() {
    let team = team().await;
    let initial = team.alice.get("/conversations/1/messages?limit=50").await;
    succeeds(&initial, 200);
    assert_eq!(ids(initial.data()), [1, 2, 3, 4, 5, 6, 7, 8]);
    let older = team.alice.get("/conversations/1/messages?before=100&limit=50").await;
    succeeds(&older, 200);
    assert_eq!(ids(older.data()), [1, 2, 3, 4, 5, 6, 7, 8]);
    let newer = team.alice.get("/conversations/1/messages?after=100&limit=50").await;
    succeeds(&newer, 200);
    assert_eq!(*newer.data(), json!([]));
    assert_eq!(newer.body["page"], json!({ "hasMore": false, "before": null, "after": 100 }));
}

#[tokio::test]
async fn the_error_of_the_reference_is_answered_word_for_word() {
    let team = team().await;
    let stranger = team.server.person("Eve").await;
    let answer = stranger.get("/conversations/1").await;
    let envelope = r#"{"success":false,"error":"You are not a participant in this conversation","data":null"#;
    assert_eq!(answer.text, format!(r#"{envelope},"code":"FORBIDDEN"}}"#));
    assert_eq!((answer.status, answer.data()), (403, &Json::Null));
}

#[tokio::test]
async fn a_request_id_that_the_caller_gives_comes_back() {
    let team = team().await;
    let request = |id: &str| team.alice.request(reqwest::Method::GET, "/api/chat/presence").header("x-request-id", id);
    let answer = team.alice.fetch(request("trace-1.2_3")).await;
    assert_eq!(answer.header("x-request-id"), Some("trace-1.2_3"));
    let long = "x".repeat(65);
    for strange in ["a b", "a;b", long.as_str()] {
        let answer = team.alice.fetch(request(strange)).await;
        assert!(answer.header("x-request-id").is_some_and(|id| id.len() == 36), "{strange}");
    }
}
