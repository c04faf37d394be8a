//! Rate limits: counted for each user, over all doors together.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::server::Server;

const SEND: &str = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }";
const REACT: &str = "mutation($id: ID!) { addReaction(messageId: $id, emoji: \"👍\") { added } }";

#[tokio::test]
async fn the_thirty_first_message_of_a_minute_is_429_wherever_it_comes() {
    let server = Server::start_with(|config| config.limits.messages_per_minute = 30).await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let path = format!("/conversations/{group}/messages");
    let input = json!({ "input": { "conversationId": group.to_string(), "content": "over GraphQL" } });
    for _ in 0..15 {
        alice.send(group, "over REST").await;
        alice.gql_ok(SEND, input.clone()).await;
    }
    let refused = alice.post(&path, json!({ "content": "one too many" })).await;
    refused.refused(429, "RATE_LIMITED", "You are doing this too often");
    let wait: u64 = refused.header("retry-after").and_then(|wait| wait.parse().ok()).expect("Retry-After in seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    let response = alice.gql(SEND, input).await;
    let extensions = &response["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "RATE_LIMITED", "{response}");
    assert!(extensions["retryAfterSeconds"].as_u64().is_some_and(|wait| (1..=60).contains(&wait)), "{response}");
    bob.send(group, "my own bucket").await;
    assert_eq!(alice.get(&path).await.status, 200);
}

#[tokio::test]
async fn reactions_count_whether_they_change_anything_or_not() {
    let server = Server::start_with(|config| config.limits.reactions_per_minute = 3).await;
    let alice = server.person("Alice").await;
    let message = alice.send(alice.group("Team", &[]).await, "hello").await;
    let path = format!("/messages/{message}/reactions");
    alice.post(&path, json!({ "emoji": "👍" })).await.ok();
    alice.delete(&format!("{path}/👎")).await.ok();
    alice.gql_ok(REACT, json!({ "id": message.to_string() })).await;
    let refused = alice.post(&format!("{path}/toggle"), json!({ "emoji": "👍" })).await;
    refused.refused(429, "RATE_LIMITED", "You are doing this too often");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(alice.get(&path).await.status, 200);
}

#[tokio::test]
async fn a_limit_of_zero_is_none() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let group = alice.group("Team", &[]).await;
    for _ in 0..40 {
        alice.send(group, "hello").await;
    }
    for _ in 0..70 {
        alice.get(&format!("/conversations/{group}/messages/search?query=hello")).await.ok();
    }
}

#[tokio::test]
async fn edits_take_from_the_messages_of_a_minute() {
    let server = Server::start_with(|config| config.limits.messages_per_minute = 5).await;
    let alice = server.person("Alice").await;
    let group = alice.group("Team", &[]).await;
    let message = alice.send(group, "hello").await;
    let path = format!("/messages/{message}");
    let edit = async |number: usize| alice.put(&path, json!({ "content": format!("edit {number}") })).await;
    edit(1).await.ok();
    edit(2).await.ok();
    let mutation = "mutation($id: ID!) { editMessage(messageId: $id, content: \"by GraphQL\") { content } }";
    alice.gql_ok(mutation, json!({ "id": message.to_string() })).await;
    // What is out of form costs nothing.
    alice.put(&path, json!({ "content": "x".repeat(10_001) })).await.refused_with(400, "BAD_REQUEST");
    alice.send(group, "the fifth").await;
    let refused = edit(6).await;
    refused.refused(429, "RATE_LIMITED", "You are doing this too often");
    assert!(refused.header("retry-after").is_some());
    let sent = alice.post(&format!("/conversations/{group}/messages"), json!({ "content": "one too many" })).await;
    sent.refused_with(429, "RATE_LIMITED");
    let messages = alice.get(&format!("/conversations/{group}/messages")).await.ok();
    assert_eq!(messages[0]["content"], "by GraphQL");
}

#[tokio::test]
async fn creating_opening_and_adding_share_a_limit() {
    let server = Server::start_with(|config| config.limits.creations_per_minute = 4).await;
    let (alice, bob, carol) = (server.person("Alice").await, server.person("Bob").await, server.person("Carol").await);
    let group = alice.group("Team", &[&bob]).await;
    let people = format!("/conversations/{group}/participants");
    alice.post(&people, json!({ "userIds": [bob.id, carol.id] })).await.ok();
    alice.direct(&bob).await;
    let create = "mutation { createGroup(input: { name: \"Crew\" }) { id } }";
    alice.gql_ok(create, json!({})).await;
    let too_often = |code: &str| assert_eq!(code, "RATE_LIMITED");
    too_often(&alice.gql_refused(create, json!({})).await.0);
    alice.post("/conversations", json!({ "name": "Third" })).await.refused_with(429, "RATE_LIMITED");
    alice.post(&people, json!({ "userIds": [bob.id] })).await.refused_with(429, "RATE_LIMITED");
    let direct = alice.post_nothing(&format!("/conversations/direct/{}", carol.id)).await;
    direct.refused_with(429, "RATE_LIMITED");
    assert!(direct.header("retry-after").is_some());
    bob.direct(&carol).await;
}

#[tokio::test]
async fn searches_have_a_limit_of_their_own() {
    let server = Server::start_with(|config| config.limits.searches_per_minute = 6).await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    alice.send(group, "an apple").await;
    let paths =
        [format!("/conversations/{group}/messages/search?query=apple"), "/conversations/search?query=team".into()];
    for path in &paths {
        alice.get(path).await.ok();
    }
    let twice = "{ a: searchMessages(query: \"apple\") { edges { node { id } } } \
                 b: searchMessages(query: \"apple\") { edges { node { id } } } }";
    alice.gql_ok(twice, json!({})).await;
    let people =
        format!("{{ conversation(id: \"{group}\") {{ participantsPage(search: \"bob\") {{ nodes {{ userId }} }} }} }}");
    let asked = ["{ conversations(search: \"team\") { nodes { id } } }", people.as_str()];
    for query in asked {
        alice.gql_ok(query, json!({})).await;
    }
    // All doors share it, and none is left.
    for path in &paths {
        let refused = alice.get(path).await;
        refused.refused(429, "RATE_LIMITED", "You are doing this too often");
        assert!(refused.header("retry-after").is_some());
    }
    let is_refused = |answer: &Json| {
        let error = &answer["errors"][0];
        assert_eq!(error["message"], "You are doing this too often", "{answer}");
        assert_eq!(error["extensions"]["code"], "RATE_LIMITED", "{answer}");
        assert!(error["extensions"]["retryAfterSeconds"].is_u64(), "{answer}");
    };
    let mut socket = alice.socket().await;
    for query in asked.into_iter().chain([twice]) {
        is_refused(&alice.gql(query, json!({})).await);
        socket.say(json!({ "type": "subscribe", "id": "1", "payload": { "query": query } })).await;
        let answer = socket.hear().await;
        assert_eq!(answer["type"], "next", "{answer}");
        is_refused(&answer["payload"]);
        assert_eq!(socket.hear().await["type"], "complete");
    }
    bob.get(&paths[0]).await.ok();
    alice.get("/conversations").await.ok();
    alice.send(group, "another apple").await;
}

#[tokio::test]
async fn typing_is_told_once_a_second_and_what_was_told_is_ended() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let mut ear = bob.subscribe("subscription { typing { typing } }").await;
    let says = async |typing: bool| {
        let set = "mutation($id: ID!, $typing: Boolean!) { setTyping(conversationId: $id, typing: $typing) }";
        alice.gql_ok(set, json!({ "id": group.to_string(), "typing": typing })).await;
    };
    let started = Instant::now();
    let mut said = 0_u32;
    while started.elapsed() < Duration::from_millis(2_500) {
        says(true).await;
        said += 1;
    }
    says(false).await;
    let mut heard = Vec::new();
    while heard.last() != Some(&false) {
        heard.push(ear.event().await["typing"]["typing"].as_bool().expect("a word"));
    }
    let seconds = usize::try_from(started.elapsed().as_secs()).expect("a few");
    assert!((2..=seconds + 2).contains(&heard.len()), "{} were told of {said} in {seconds} s", heard.len());
    // Whoever begins anew at once is told a little later, and whoever only flickers is not told at all.
    for _ in 0..20 {
        says(true).await;
        says(false).await;
    }
    says(true).await;
    let mut heard = vec![ear.event().await["typing"]["typing"].as_bool().expect("a word")];
    alice.send(group, "hello").await;
    while heard.last() != Some(&false) {
        heard.push(ear.event().await["typing"]["typing"].as_bool().expect("a word"));
    }
    let most = 4 + 2 * usize::try_from(started.elapsed().as_secs()).expect("a few");
    assert!(heard[0] && heard.len() <= most, "{heard:?}");
}
