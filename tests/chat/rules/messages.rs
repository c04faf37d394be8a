//! Messages: tombstones, threads and reply counts, and what content becomes.

use serde_json::{Value as Json, json};

use super::DELETED;
use crate::payload::{ids, message, timeless, with};
use crate::person::Person;
use crate::server::Server;

async fn pair(server: &Server) -> (Person, Person, i64) {
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    (alice, bob, group)
}

async fn reply(person: &Person, group: i64, parent: i64) -> i64 {
    let input = json!({ "content": "a reply", "parentMessageId": parent });
    let sent = person.post(&format!("/conversations/{group}/messages"), input).await.ok();
    sent["id"].as_i64().expect("an id")
}

async fn reply_count(person: &Person, group: i64, id: i64) -> Json {
    let page = person.get(&format!("/conversations/{group}/messages?before={}&limit=1", id + 1)).await.ok();
    page[0]["replyCount"].clone()
}

#[tokio::test]
async fn nothing_can_be_done_to_a_tombstone() {
    let server = Server::start().await;
    let (alice, bob, group) = pair(&server).await;
    let id = alice.send(group, "hello").await;
    alice.delete(&format!("/messages/{id}")).await.ok();
    let path = format!("/messages/{id}");
    alice.put(&path, json!({ "content": "again" })).await.refused(409, "CONFLICT", DELETED);
    let thumb = json!({ "emoji": "👍" });
    bob.post(&format!("{path}/reactions"), thumb.clone()).await.refused(409, "CONFLICT", DELETED);
    bob.post(&format!("{path}/reactions/toggle"), thumb).await.refused(409, "CONFLICT", DELETED);
    bob.delete(&format!("{path}/reactions/👍")).await.refused(409, "CONFLICT", DELETED);
    let input = json!({ "content": "a reply", "parentMessageId": id });
    bob.post(&format!("/conversations/{group}/messages"), input).await.refused(409, "CONFLICT", DELETED);
    assert_eq!(*bob.get(&format!("{path}/reactions")).await.data(), json!([]));
    assert_eq!(*bob.get(&format!("{path}/reactions/summary")).await.data(), json!({}));
}

#[tokio::test]
async fn a_tombstone_keeps_its_place_and_its_thread_and_nothing_of_what_it_said() {
    let server = Server::start().await;
    let (alice, bob, group) = pair(&server).await;
    let path = format!("/conversations/{group}/messages");
    let input = json!({ "content": "a secret", "metadata": { "also": "secret" }, "tempId": "t1" });
    let id = alice.post(&path, input).await.ok()["id"].as_i64().expect("an id");
    let answer_to_it = reply(&bob, group, id).await;
    bob.post(&format!("/messages/{id}/reactions"), json!({ "emoji": "👍" })).await.ok();
    alice.put(&format!("/messages/{id}"), json!({ "content": "an edited secret" })).await.ok();
    let deleted = alice.delete(&format!("/messages/{id}")).await;
    let shape = json!({
        "content": null,
        "isDeleted": true,
        "isEdited": true,
        "editedAt": "TIME",
        "replyCount": 1,
    });
    let tombstone = with(message(id, group, (alice.id, "Alice"), ""), shape);
    assert_eq!(timeless(deleted.data()), with(tombstone.clone(), json!({ "tempId": "t1" })));
    let page = bob.get(&path).await;
    assert_eq!(timeless(&page.data()[0]), tombstone);
    assert!(!page.text.contains("secret"));
    assert_eq!(ids(bob.get(&format!("/messages/{id}/thread")).await.data()), [answer_to_it]);
    let last = alice.send(group, "last words").await;
    alice.delete(&format!("/messages/{last}")).await.ok();
    let view = bob.get(&format!("/conversations/{group}")).await.ok();
    assert_eq!((&view["lastMessage"]["id"], &view["lastMessage"]["content"]), (&json!(last), &Json::Null));
}

#[tokio::test]
async fn the_reply_count_is_that_of_the_replies_that_stand() {
    let server = Server::start().await;
    let (alice, bob, group) = pair(&server).await;
    let parent = alice.send(group, "parent").await;
    let (one, two) = (reply(&bob, group, parent).await, reply(&alice, group, parent).await);
    reply(&alice, group, one).await;
    assert_eq!(reply_count(&bob, group, parent).await, 2);
    for _ in 0..2 {
        bob.delete(&format!("/messages/{one}")).await.ok();
    }
    assert_eq!(reply_count(&bob, group, parent).await, 1);
    alice.put(&format!("/messages/{two}"), json!({ "content": "edited" })).await.ok();
    assert_eq!(reply_count(&bob, group, parent).await, 1);
    let thread = bob.get(&format!("/messages/{parent}/thread")).await.ok();
    assert_eq!((ids(&thread), &thread[0]["isDeleted"]), (vec![one, two], &json!(true)));
    let edited = alice.put(&format!("/messages/{parent}"), json!({ "content": "parent!" })).await.ok();
    assert_eq!(edited["replyCount"], 1);
}

#[tokio::test]
async fn replies_that_race_are_all_counted() {
    let server = Server::start().await;
    let (alice, bob, group) = pair(&server).await;
    let parent = alice.send(group, "parent").await;
    let replies = (0..20).map(|turn| reply(if turn % 2 == 0 { &alice } else { &bob }, group, parent));
    let replies = futures_util::future::join_all(replies).await;
    assert_eq!(reply_count(&bob, group, parent).await, 20);
    let deletions = replies.iter().map(|id| {
        let alice = &alice;
        async move { alice.delete(&format!("/messages/{id}")).await.ok() }
    });
    futures_util::future::join_all(deletions).await;
    assert_eq!(reply_count(&bob, group, parent).await, 0);
}

#[tokio::test]
async fn a_parent_stands_in_the_same_conversation() {
    let server = Server::start().await;
    let (alice, bob, group) = pair(&server).await;
    let elsewhere = alice.send(alice.group("Elsewhere", &[&bob]).await, "elsewhere").await;
    let foreign = alice.send(alice.group("Foreign", &[]).await, "foreign").await;
    for parent in [elsewhere, foreign, 99] {
        let input = json!({ "content": "a reply", "parentMessageId": parent });
        let answer = bob.post(&format!("/conversations/{group}/messages"), input).await;
        answer.refused(404, "NOT_FOUND", "Parent message not found");
    }
}

#[tokio::test]
async fn plain_text_comes_back_byte_for_byte() {
    let server = Server::start().await;
    let (alice, bob, group) = pair(&server).await;
    let long = "😀".repeat(10_000);
    let texts = [
        r#"1 < 2 && "x""#,
        "a &lt;b&gt; c & d",
        "  kept\tas\r\nit is\n ",
        "i <3 you > all",
        "\u{202E}turned",
        "%_'\"\\ ; DROP TABLE chat_messages",
        "👨‍👩‍👧‍👦 ❤️ e\u{301}",
        long.as_str(),
    ];
    let path = format!("/conversations/{group}/messages");
    for text in texts {
        let sent = alice.post(&path, json!({ "content": text })).await.ok();
        assert_eq!(sent["content"], text);
        assert_eq!(bob.get(&format!("{path}?limit=1")).await.data()[0]["content"], text);
        let edited = alice.put(&format!("/messages/{}", sent["id"]), json!({ "content": text })).await.ok();
        assert_eq!(edited["content"], text);
    }
}

#[tokio::test]
async fn markup_is_cleaned_when_sent_and_when_edited() {
    let server = Server::start().await;
    let (alice, _, group) = pair(&server).await;
    let path = format!("/conversations/{group}/messages");
    let dangerous = "<b>bold</b><script>alert(1)</script><img src=x onerror=alert(1)>";
    let sent = alice.post(&path, json!({ "content": dangerous })).await.ok();
    assert_eq!(sent["content"], "<b>bold</b>");
    let plain = alice.send(group, "plain").await;
    let edited = alice.put(&format!("/messages/{plain}"), json!({ "content": dangerous })).await.ok();
    assert_eq!(edited["content"], "<b>bold</b>");
    let nothing_left = json!({ "content": "<script>alert(1)</script>" });
    let sentence = "A message needs content or an attachment";
    alice.post(&path, nothing_left.clone()).await.refused(400, "BAD_REQUEST", sentence);
    alice.put(&format!("/messages/{plain}"), nothing_left).await.refused(400, "BAD_REQUEST", sentence);
}
