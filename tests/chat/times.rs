//! Times have one form at every door and in every webhook (protocol §1), whatever their milliseconds are.

use sea_orm::Value;
use serde_json::json;

use crate::payload::times;
use crate::receiver::Receiver;
use crate::server::Server;

/// A time without a fraction, as one of a thousand is.
const WHOLE_SECOND: &str = "2026-11-27T10:30:48+00:00";
const TOLD: &str = "2026-11-27T10:30:48.000Z";

fn whole_second() -> Value {
    chrono::DateTime::parse_from_rfc3339(WHOLE_SECOND).expect("a time").to_utc().into()
}

#[tokio::test]
async fn a_time_without_milliseconds_is_told_with_three_zeros_at_every_door() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let message = alice.send(group, "Hello").await;
    alice.post(&format!("/messages/{message}/reactions"), json!({ "emoji": "👍" })).await.ok();
    bob.post(&format!("/conversations/{group}/read"), json!({ "lastReadMessageId": message })).await.ok();
    for (table, column) in [
        ("chat_messages", "created_at"),
        ("chat_conversations", "created_at"),
        ("chat_conversations", "last_message_at"),
        ("chat_conversations", "updated_at"),
        ("chat_participants", "joined_at"),
        ("chat_message_reactions", "created_at"),
        ("chat_message_read_receipts", "read_at"),
    ] {
        server.meddle(&format!("UPDATE {table} SET {column} = $1"), vec![whole_second()]).await;
    }
    let mut told = Vec::new();
    for path in [
        format!("/conversations/{group}"),
        format!("/conversations/{group}/messages"),
        format!("/conversations/{group}/participants"),
        format!("/messages/{message}/reactions"),
        format!("/messages/{message}/read-receipts"),
    ] {
        let here = times(&alice.get(&path).await.body);
        assert!(!here.is_empty(), "{path} tells no time");
        told.extend(here);
    }
    let query = "query($id: ID!) { conversation(id: $id) { createdAt updatedAt lastMessageAt participants { joinedAt } \
                 messages { nodes { createdAt reactions { createdAt } readReceipts { readAt } } } } }";
    let asked = alice.gql_ok(query, json!({ "id": group.to_string() })).await;
    let here = times(&asked);
    assert!(here.len() >= 7, "{asked}");
    told.extend(here);
    assert!(told.iter().all(|time| time == TOLD), "{told:?}");
}

#[tokio::test]
async fn a_webhook_tells_times_in_the_same_form() {
    let server = Server::start_with(|config| config.webhooks.allow_private_targets = true).await;
    let (admin, alice) = (server.administrator("Root").await, server.person("Alice").await);
    let group = alice.group("Team", &[]).await;
    let receiver = Receiver::start().await;
    let create = "mutation($url: String!) { createWebhookEndpoint(input: { url: $url }) { id createdAt } }";
    let made = admin.gql_ok(create, json!({ "url": receiver.url() })).await;
    alice.send(group, "Hello").await;
    let hooks = receiver.wait_for(1).await;
    let told: Vec<String> = times(&made).into_iter().chain(times(&hooks[0].body)).collect();
    assert!(told.len() >= 3, "{told:?}");
    let form = |time: &String| time.len() == TOLD.len() && time.as_bytes()[19] == b'.' && time.ends_with('Z');
    assert!(told.iter().all(form), "{told:?}");
}
