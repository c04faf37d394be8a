//! `tempId`: a repeated send is the first one's answer, once in the log, and free of charge.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value as Json, json};

use super::{events, types};
use crate::payload::{ids, timeless};
use crate::person::{Answer, Person};
use crate::server::Server;

async fn send(person: &Person, conversation: i64, content: &str, temp_id: &str) -> Answer {
    let input = json!({ "content": content, "tempId": temp_id });
    person.post(&format!("/conversations/{conversation}/messages"), input).await
}

async fn sent_events(person: &Person) -> usize {
    types(&events(person).await).into_iter().filter(|kind| *kind == "message.sent").count()
}

#[tokio::test]
async fn a_repeat_answers_the_first_message_and_tells_nobody_again() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let first = send(&alice, group, "hello", "t1").await;
    let repeat = send(&alice, group, "hello", "t1").await;
    assert_eq!((first.status, repeat.status), (201, 200), "{}", repeat.text);
    assert_eq!(first.data(), repeat.data());
    assert_eq!(ids(bob.get(&format!("/conversations/{group}/messages")).await.data()).len(), 1);
    assert_eq!(sent_events(&bob).await, 1);
    assert_eq!(bob.get("/conversations/unread").await.data()["totalUnread"], 1);
}

#[tokio::test]
async fn a_repeat_answers_the_message_as_it_is_now() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let id = send(&alice, group, "hello", "t1").await.ok()["id"].clone();
    alice.put(&format!("/messages/{id}"), json!({ "content": "edited" })).await.ok();
    bob.post(&format!("/messages/{id}/reactions"), json!({ "emoji": "👍" })).await.ok();
    let repeat = send(&alice, group, "hello", "t1").await;
    assert_eq!((repeat.status, &repeat.data()["content"]), (200, &json!("edited")));
    assert_eq!(repeat.data()["reactionSummary"], json!({ "👍": 1 }));

    let tombstone = alice.delete(&format!("/messages/{id}")).await.ok();
    let repeat = send(&alice, group, "hello", "t1").await;
    assert_eq!((repeat.status, repeat.data()), (200, &tombstone));
    assert_eq!((&tombstone["isDeleted"], &tombstone["tempId"]), (&json!(true), &json!("t1")));
}

#[tokio::test]
async fn the_same_temp_id_with_other_input_is_a_conflict() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let parent = alice.send(group, "parent").await;
    send(&alice, group, "hello", "t1").await.ok();
    let path = format!("/conversations/{group}/messages");
    let others = [
        json!({ "content": "hello!", "tempId": "t1" }),
        json!({ "content": "hello", "messageType": "IMAGE", "tempId": "t1" }),
        json!({ "content": "hello", "parentMessageId": parent, "tempId": "t1" }),
    ];
    for other in others {
        let answer = alice.post(&path, other).await;
        answer.refused(409, "CONFLICT", "This tempId was used for another message");
    }
    // The type that is meant where none is said, and metadata, make no other input.
    let same = json!({ "content": "hello", "messageType": "TEXT", "metadata": { "a": 1 }, "tempId": "t1" });
    assert_eq!(alice.post(&path, same).await.status, 200);
}

#[tokio::test]
async fn sends_that_race_with_one_temp_id_make_one_message() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let answers = join_all((0..10).map(|_| send(&alice, group, "hello", "t1"))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 9, "{statuses:?}");
    assert!(answers.iter().all(|answer| answer.data() == answers[0].data()));
    assert_eq!(sent_events(&bob).await, 1);

    let contents: Vec<String> = (0..10).map(|turn| format!("version {turn}")).collect();
    let answers = join_all(contents.iter().map(|content| send(&alice, group, content, "t2"))).await;
    let created: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!((created.len(), answers.iter().filter(|answer| answer.status == 409).count()), (1, 9));
    assert_eq!(ids(bob.get(&format!("/conversations/{group}/messages")).await.data()).len(), 2);
}

#[tokio::test]
async fn a_temp_id_is_the_senders_in_that_conversation() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let (group, other) = (alice.group("Team", &[&bob]).await, alice.group("Others", &[&bob]).await);
    let answers = [
        send(&alice, group, "one", "t1").await,
        send(&bob, group, "two", "t1").await,
        send(&alice, other, "three", "t1").await,
    ];
    assert!(answers.iter().all(|answer| answer.status == 201));
    let seen = bob.get(&format!("/conversations/{group}/messages")).await.ok();
    let temp_ids: Vec<&Json> = seen.as_array().expect("a list").iter().map(|message| &message["tempId"]).collect();
    assert_eq!(temp_ids, [&Json::Null, &json!("t1")]);
}

#[tokio::test]
async fn a_repeat_costs_no_rate_limit_token() {
    let server = Server::start_with(|config| config.limits.messages_per_minute = 2).await;
    let alice = server.person("Alice").await;
    let group = alice.group("Notes", &[]).await;
    let first = send(&alice, group, "one", "t1").await;
    for _ in 0..5 {
        assert_eq!(send(&alice, group, "one", "t1").await.status, 200);
    }
    assert_eq!(send(&alice, group, "two", "t2").await.status, 201);
    send(&alice, group, "three", "t3").await.refused_with(429, "RATE_LIMITED");
    let repeat = send(&alice, group, "one", "t1").await;
    assert_eq!((repeat.status, timeless(repeat.data())), (200, timeless(first.data())));
}

#[tokio::test]
async fn a_refused_send_leaves_its_temp_id_free() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let group = alice.group("Notes", &[]).await;
    let path = format!("/conversations/{group}/messages");
    let refused = alice.post(&path, json!({ "content": "a", "parentMessageId": 99, "tempId": "t1" })).await;
    refused.refused(404, "NOT_FOUND", "Parent message not found");
    assert_eq!(send(&alice, group, "b", "t1").await.status, 201);
}

#[tokio::test]
async fn a_temp_id_is_free_again_after_24_hours() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let group = alice.group("Notes", &[]).await;
    let first = send(&alice, group, "one", "t1").await.ok()["id"].clone();
    let long_ago = crate::now() - TimeDelta::hours(25);
    server.meddle("UPDATE chat_messages SET created_at = $1", vec![long_ago.into()]).await;
    let later = send(&alice, group, "other", "t1").await;
    assert_eq!(later.status, 201, "{}", later.text);
    assert_ne!(later.data()["id"], first);
    assert_eq!(send(&alice, group, "other", "t1").await.status, 200);
}
