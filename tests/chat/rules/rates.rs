//! Rate limits: counted for each user, over all doors together.

use serde_json::json;

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
    let started = std::time::Instant::now();
    for _ in 0..15 {
        alice.send(group, "over REST").await;
        alice.gql_ok(SEND, input.clone()).await;
    }
    // One token comes back every two seconds; a slow machine may have earned some.
    let earned = usize::try_from(started.elapsed().as_secs() / 2).expect("a small number");
    let mut refused = None;
    for _ in 0..=earned + 2 {
        let answer = alice.post(&path, json!({ "content": "one too many" })).await;
        if answer.status != 201 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("the limit holds");
    refused.refused(429, "RATE_LIMITED", "You are doing this too often");
    let wait: u64 = refused.header("retry-after").and_then(|wait| wait.parse().ok()).expect("Retry-After in seconds");
    assert!((1..=2).contains(&wait), "{wait}");
    let response = alice.gql(SEND, input).await;
    let extensions = &response["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "RATE_LIMITED", "{response}");
    assert!(extensions["retryAfterSeconds"].as_u64().is_some_and(|wait| (1..=2).contains(&wait)), "{response}");
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
}
