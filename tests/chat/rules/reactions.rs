//! Reactions: one emoji in one spelling, idempotent, exact under races, at most fifty kinds.

use futures_util::future::join_all;
use serde_json::json;

use super::{NOT_IN_IT, events, types};
use crate::person::Person;
use crate::server::Server;

async fn pair(server: &Server) -> (Person, Person, i64) {
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let message = alice.send(group, "hello").await;
    (alice, bob, message)
}

fn told(events: &[serde_json::Value]) -> Vec<&str> {
    types(events).into_iter().filter(|kind| kind.starts_with("reaction.")).collect()
}

#[tokio::test]
async fn only_what_changes_something_is_told() {
    let server = Server::start().await;
    let (alice, bob, message) = pair(&server).await;
    let path = format!("/messages/{message}/reactions");
    for _ in 0..2 {
        bob.post(&path, json!({ "emoji": "👍" })).await.ok();
    }
    for _ in 0..2 {
        bob.delete(&format!("{path}/👍")).await.ok();
    }
    bob.post(&format!("{path}/toggle"), json!({ "emoji": "👍" })).await.ok();
    bob.post(&format!("{path}/toggle"), json!({ "emoji": "👍" })).await.ok();
    let expected = ["reaction.added", "reaction.removed", "reaction.added", "reaction.removed"];
    assert_eq!(told(&events(&alice).await), expected);
}

#[tokio::test]
async fn a_heart_is_a_heart_in_whatever_spelling() {
    let server = Server::start().await;
    let (alice, bob, message) = pair(&server).await;
    let path = format!("/messages/{message}/reactions");
    alice.post(&path, json!({ "emoji": "❤" })).await.ok();
    let second = bob.post(&path, json!({ "emoji": "❤️" })).await.ok();
    assert_eq!(second, json!({ "emoji": "❤️", "added": true, "reactionSummary": { "❤️": 2 } }));
    let removed = bob.delete(&format!("{path}/❤")).await.ok();
    assert_eq!(removed["reactionSummary"], json!({ "❤️": 1 }));
    assert_eq!(alice.post(&format!("{path}/toggle"), json!({ "emoji": "❤" })).await.ok()["added"], false);
}

#[tokio::test]
async fn skin_tones_flags_keycaps_and_joined_people_are_each_one_emoji() {
    let server = Server::start().await;
    let (alice, _, message) = pair(&server).await;
    let path = format!("/messages/{message}/reactions");
    for emoji in ["👍🏽", "🇩🇪", "1️⃣", "👨‍👩‍👧‍👦", "🏳️‍🌈"] {
        let answer = alice.post(&path, json!({ "emoji": emoji })).await;
        assert_eq!((answer.status, &answer.data()["emoji"]), (200, &json!(emoji)));
        let removed = alice.delete(&format!("{path}/{emoji}")).await;
        assert_eq!((removed.status, &removed.data()["reactionSummary"]), (200, &json!({})), "{emoji}");
    }
}

#[tokio::test]
async fn what_is_not_one_emoji_is_400() {
    let server = Server::start().await;
    let (alice, _, message) = pair(&server).await;
    let path = format!("/messages/{message}/reactions");
    let long = "👍".repeat(200);
    for wrong in ["", " ", "a", "1", "👍👍", " 👍", ":thumbsup:", "\u{FE0F}", "\u{E0001}", "👍\0", long.as_str()]
    {
        for path in [path.clone(), format!("{path}/toggle")] {
            let answer = alice.post(&path, json!({ "emoji": wrong })).await;
            answer.refused(400, "BAD_REQUEST", "A reaction must be one emoji");
        }
    }
    for wrong in ["a", "%2F", "%00", "%25F0%259F%2591%258D", "%F0%9F%91%8D%F0%9F%91%8D"] {
        let answer = alice.delete(&format!("{path}/{wrong}")).await;
        answer.refused(400, "BAD_REQUEST", "A reaction must be one emoji");
    }
    alice.delete(&format!("{path}/%FF")).await.refused_with(400, "BAD_REQUEST");
}

#[tokio::test]
async fn toggles_that_race_end_in_a_legal_state_that_equals_a_recount() {
    let server = Server::start().await;
    let (alice, bob, message) = pair(&server).await;
    let path = format!("/messages/{message}/reactions");
    bob.post(&path, json!({ "emoji": "👍" })).await.ok();
    let toggle = format!("{path}/toggle");
    let answers = join_all((0..21).map(|_| alice.post(&toggle, json!({ "emoji": "👍" })))).await;
    let added = answers.iter().filter(|answer| answer.data()["added"] == true).count();
    assert_eq!((added, answers.iter().filter(|answer| answer.status == 200).count()), (11, 21));
    assert_eq!(*bob.get(&format!("{path}/summary")).await.data(), json!({ "👍": 2 }));
    assert_eq!(bob.get(&path).await.data().as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_message_takes_fifty_different_emojis_and_no_more() {
    let server = Server::start().await;
    let (alice, bob, message) = pair(&server).await;
    let path = format!("/messages/{message}/reactions");
    let emojis: Vec<String> = ('\u{1F600}'..='\u{1F632}').map(String::from).collect();
    assert_eq!(emojis.len(), 51);
    for emoji in &emojis[..50] {
        assert_eq!(alice.post(&path, json!({ "emoji": emoji })).await.status, 200, "{emoji}");
    }
    let sentence = "A message takes at most 50 different emojis";
    bob.post(&path, json!({ "emoji": emojis[50] })).await.refused(409, "CONFLICT", sentence);
    bob.post(&format!("{path}/toggle"), json!({ "emoji": emojis[50] })).await.refused(409, "CONFLICT", sentence);
    assert_eq!(bob.post(&path, json!({ "emoji": emojis[0] })).await.status, 200);
    assert_eq!(alice.delete(&format!("{path}/{}", emojis[1])).await.status, 200);
    assert_eq!(bob.post(&path, json!({ "emoji": emojis[50] })).await.status, 200);
}

#[tokio::test]
async fn strangers_neither_react_nor_see_reactions() {
    let server = Server::start().await;
    let (_, _, message) = pair(&server).await;
    let eve = server.person("Eve").await;
    let path = format!("/messages/{message}/reactions");
    eve.post(&path, json!({ "emoji": "👍" })).await.refused(403, "FORBIDDEN", NOT_IN_IT);
    eve.delete(&format!("{path}/👍")).await.refused(403, "FORBIDDEN", NOT_IN_IT);
    eve.get(&path).await.refused(403, "FORBIDDEN", NOT_IN_IT);
    eve.get(&format!("{path}/summary")).await.refused(403, "FORBIDDEN", NOT_IN_IT);
    eve.get("/messages/99/reactions").await.refused(404, "NOT_FOUND", "Message not found");
}
