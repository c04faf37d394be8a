//! Read markers, unread counts and receipts: never backwards, always equal to a recount.

use serde_json::{Value as Json, json};

use super::{events, types};
use crate::person::Person;
use crate::server::Server;

async fn trio(server: &Server) -> (Person, Person, Person, i64) {
    let (alice, bob, carol) = (server.person("Alice").await, server.person("Bob").await, server.person("Carol").await);
    let group = alice.group("Team", &[&bob, &carol]).await;
    (alice, bob, carol, group)
}

async fn read(person: &Person, group: i64, up_to: i64) -> Json {
    let path = format!("/conversations/{group}/read");
    person.post(&path, json!({ "lastReadMessageId": up_to })).await.ok()
}

async fn readers(person: &Person, message: i64) -> Vec<String> {
    let receipts = person.get(&format!("/messages/{message}/read-receipts")).await.ok();
    let names = receipts.as_array().expect("a list").iter().map(|receipt| receipt["userName"].as_str());
    names.map(|name| name.expect("a name").to_owned()).collect()
}

/// Asserts that what the server says is unread is what counting the messages gives, wherever it says so.
async fn unread_is_exact(person: &Person, group: i64, expected: i64) {
    let view = person.get(&format!("/conversations/{group}")).await.ok();
    let people = view["participants"].as_array().expect("a list");
    let me = people.iter().find(|other| other["userId"] == person.id).expect("myself");
    let marker = me["lastReadMessageId"].as_i64().unwrap_or(0);
    let messages = person.get(&format!("/conversations/{group}/messages?limit=100")).await.ok();
    let unread = |message: &&Json| {
        message["id"].as_i64().is_some_and(|id| id > marker)
            && message["senderId"] != person.id
            && message["isDeleted"] == false
    };
    let counted = messages.as_array().expect("a list").iter().filter(unread).count();
    let overview = person.get("/conversations/unread").await.ok();
    let entry = overview["conversations"].as_array().expect("a list").iter();
    let mut entry = entry.filter(|entry| entry["conversationId"] == group).map(|entry| entry["unreadCount"].clone());
    assert_eq!(json!(counted), expected);
    assert_eq!(view["unreadCount"], expected);
    assert_eq!(entry.next_back().unwrap_or(json!(0)), expected);
}

#[tokio::test]
async fn the_marker_never_moves_back_and_only_real_moves_are_told() {
    let server = Server::start().await;
    let (alice, bob, _, group) = trio(&server).await;
    let (one, two) = (alice.send(group, "one").await, alice.send(group, "two").await);
    let there = read(&bob, group, two).await;
    assert_eq!(read(&bob, group, one).await, there);
    assert_eq!(read(&bob, group, two).await, there);
    assert_eq!((&there["lastReadMessageId"], &there["unreadCount"]), (&json!(two), &json!(0)));
    assert_eq!(types(&events(&alice).await).into_iter().filter(|kind| *kind == "receipt.moved").count(), 1);
}

#[tokio::test]
async fn marks_that_race_end_at_the_furthest() {
    let server = Server::start().await;
    let (alice, bob, _, group) = trio(&server).await;
    let mut sent = Vec::new();
    for turn in 0..8 {
        sent.push(alice.send(group, &format!("message {turn}")).await);
    }
    let marks = sent.iter().rev().chain(&sent).map(|id| read(&bob, group, *id));
    futures_util::future::join_all(marks).await;
    unread_is_exact(&bob, group, 0).await;
    let moves: Vec<i64> = events(&alice)
        .await
        .iter()
        .filter(|event| event["type"] == "receipt.moved")
        .map(|event| event["data"]["lastReadMessageId"].as_i64().expect("an id"))
        .collect();
    assert!(moves.is_sorted() && moves.last() == sent.last(), "{moves:?}");
}

#[tokio::test]
async fn an_empty_conversation_can_be_marked_as_read() {
    let server = Server::start().await;
    let (_, bob, _, group) = trio(&server).await;
    let state = bob.post_nothing(&format!("/conversations/{group}/read")).await.ok();
    let nothing = json!({ "conversationId": group, "lastReadMessageId": null, "readAt": null, "unreadCount": 0 });
    assert_eq!(state, nothing);
}

#[tokio::test]
async fn a_marker_in_another_conversation_or_in_the_future_is_404() {
    let server = Server::start().await;
    let (alice, bob, _, group) = trio(&server).await;
    let other = alice.group("Elsewhere", &[&bob]).await;
    let elsewhere = alice.send(other, "elsewhere").await;
    for id in [elsewhere, elsewhere + 1] {
        let answer = bob.post(&format!("/conversations/{group}/read"), json!({ "lastReadMessageId": id })).await;
        answer.refused(404, "NOT_FOUND", "Message not found");
    }
}

#[tokio::test]
async fn unread_equals_a_recount_through_sending_editing_and_deleting() {
    let server = Server::start().await;
    let (alice, bob, carol, group) = trio(&server).await;
    let mut sent = Vec::new();
    for turn in 0..4 {
        sent.push(alice.send(group, &format!("message {turn}")).await);
        carol.send(group, "and me").await;
    }
    unread_is_exact(&bob, group, 8).await;
    bob.send(group, "sending does not move the marker").await;
    unread_is_exact(&bob, group, 8).await;
    read(&bob, group, sent[1]).await;
    unread_is_exact(&bob, group, 5).await;
    alice.put(&format!("/messages/{}", sent[2]), json!({ "content": "edited" })).await.ok();
    unread_is_exact(&bob, group, 5).await;
    alice.delete(&format!("/messages/{}", sent[2])).await.ok();
    alice.delete(&format!("/messages/{}", sent[0])).await.ok();
    unread_is_exact(&bob, group, 4).await;
    alice.delete(&format!("/messages/{}", sent[2])).await.ok();
    unread_is_exact(&bob, group, 4).await;
    unread_is_exact(&alice, group, 5).await;
}

#[tokio::test]
async fn unread_equals_a_recount_through_leaving_and_coming_back() {
    let server = Server::start().await;
    let (alice, bob, carol, group) = trio(&server).await;
    alice.send(group, "one").await;
    bob.send(group, "mine").await;
    bob.delete(&format!("/conversations/{group}")).await.ok();
    let missed = alice.send(group, "missed").await;
    let path = format!("/conversations/{group}/participants");
    alice.post(&path, json!({ "userIds": [bob.id] })).await.ok();
    unread_is_exact(&bob, group, 0).await;
    alice.delete(&format!("/messages/{missed}")).await.ok();
    unread_is_exact(&bob, group, 0).await;
    let after = carol.send(group, "after").await;
    unread_is_exact(&bob, group, 1).await;
    assert_eq!(read(&bob, group, after).await["unreadCount"], 0);
    unread_is_exact(&carol, group, 2).await;
}

#[tokio::test]
async fn receipts_show_real_moves_of_present_participants_but_the_sender() {
    let server = Server::start().await;
    let (alice, bob, carol, group) = trio(&server).await;
    let (one, two) = (alice.send(group, "one").await, alice.send(group, "two").await);
    let own = bob.send(group, "three").await;
    read(&carol, group, one).await;
    read(&bob, group, own).await;
    read(&alice, group, own).await;
    assert_eq!(readers(&alice, one).await, ["Carol", "Bob"]);
    assert_eq!(readers(&alice, two).await, ["Bob"]);
    assert_eq!(readers(&alice, own).await, ["Alice"]);
    bob.delete(&format!("/conversations/{group}")).await.ok();
    assert_eq!(readers(&alice, one).await, ["Carol"]);
    alice.post(&format!("/conversations/{group}/participants"), json!({ "userIds": [bob.id] })).await.ok();
    assert_eq!(readers(&alice, one).await, ["Carol", "Bob"]);
}

#[tokio::test]
async fn the_place_where_a_new_member_starts_is_no_receipt() {
    let server = Server::start().await;
    let (alice, _, _, group) = trio(&server).await;
    let dave = server.person("Dave").await;
    let before = alice.send(group, "before").await;
    alice.post(&format!("/conversations/{group}/participants"), json!({ "userIds": [dave.id] })).await.ok();
    let after = alice.send(group, "after").await;
    dave.post_nothing(&format!("/conversations/{group}/read")).await.ok();
    assert_eq!(readers(&alice, before).await, [""; 0]);
    assert_eq!(readers(&alice, after).await, ["Dave"]);
}
