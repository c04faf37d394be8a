//! Messages and read receipts: paging, sending, threads, editing, deleting, and who has read what.

use serde_json::json;

use super::{succeeds, team};
use crate::payload::{MESSAGE, READ_RECEIPT, ids, keys, message, timeless, with};

#[tokio::test]
async fn get_messages_answers_the_newest_page_oldest_first() {
    let team = team().await;
    let answer = team.bob.get("/conversations/1/messages").await;
    succeeds(&answer, 200);
    assert_eq!(ids(answer.data()), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(keys(&answer.text, "data/0"), MESSAGE);
    assert_eq!(timeless(&answer.data()[1]), message(2, 1, (2, "Bob"), "Hi Alice, glad to be here"));
    let proposal = message(5, 1, (1, "Alice"), "I propose that we ship on Friday");
    let summary = json!({ "reactionSummary": { "👍": 2, "❤️": 1 } });
    assert_eq!(timeless(&answer.data()[4]), with(proposal, summary));
    assert_eq!(keys(&answer.text, "data/4/reactionSummary"), ["👍", "❤️"]);
    assert_eq!(answer.body["page"], json!({ "hasMore": false, "before": 1, "after": 8 }));
    assert_eq!(keys(&answer.text, "page"), ["hasMore", "before", "after"]);
}

#[tokio::test]
async fn post_messages_sends_the_request_of_the_reference() {
    let team = team().await;
    let request = json!({
        "conversationId": 1,
        "content": "Hello!",
        "messageType": "TEXT",
        "parentMessageId": null,
        "attachmentIds": [],
        "metadata": {},
        "tempId": "temp-123",
    });
    let answer = team.alice.post("/conversations/1/messages", request).await;
    succeeds(&answer, 201);
    let sent = with(message(9, 1, (1, "Alice"), "Hello!"), json!({ "metadata": {}, "tempId": "temp-123" }));
    assert_eq!(timeless(answer.data()), sent);
    assert_eq!(keys(&answer.text, "data"), [MESSAGE, &["tempId"]].concat());

    let own = team.alice.get("/conversations/1/messages?limit=1").await;
    assert_eq!(timeless(&own.data()[0]), sent);
    let others = team.bob.get("/conversations/1/messages?limit=1").await;
    assert_eq!(keys(&others.text, "data/0"), MESSAGE);
}

#[tokio::test]
async fn every_type_but_system_can_be_sent_with_whatever_metadata() {
    let team = team().await;
    let metadata = json!({ "__proto__": { "a": [1, 2.5, null, "ü"] }, "backslash": "\\u0000" });
    for kind in ["TEXT", "IMAGE", "VIDEO", "AUDIO", "FILE"] {
        let input = json!({ "content": kind, "messageType": kind, "metadata": metadata });
        let answer = team.alice.post("/conversations/1/messages", input).await;
        succeeds(&answer, 201);
        assert_eq!((&answer.data()["messageType"], &answer.data()["metadata"]), (&json!(kind), &metadata));
    }
}

#[tokio::test]
async fn get_thread_answers_the_direct_replies_oldest_first() {
    let team = team().await;
    let mut replies = Vec::new();
    for content in ["first", "second", "third"] {
        let input = json!({ "content": content, "parentMessageId": 5 });
        replies.push(team.bob.post("/conversations/1/messages", input).await.ok()["id"].as_i64().expect("an id"));
    }
    let deeper = json!({ "content": "deeper", "parentMessageId": replies[0] });
    team.alice.post("/conversations/1/messages", deeper).await.ok();
    let answer = team.alice.get("/messages/5/thread").await;
    succeeds(&answer, 200);
    assert_eq!(ids(answer.data()), replies);
    assert_eq!(keys(&answer.text, "data/0"), MESSAGE);
    let first = with(message(9, 1, (2, "Bob"), "first"), json!({ "parentMessageId": 5, "replyCount": 1 }));
    assert_eq!(timeless(&answer.data()[0]), first);
    assert_eq!(answer.body["page"], json!({ "hasMore": false, "before": 9, "after": 11 }));
    let page = team.alice.get("/messages/5/thread?after=9&limit=1").await;
    assert_eq!((ids(page.data()), &page.body["page"]["hasMore"]), (vec![10], &json!(true)));
    let start = team.alice.get("/messages/5/thread?limit=2").await;
    assert_eq!((ids(start.data()), &start.body["page"]["hasMore"]), (vec![9, 10], &json!(true)));
    assert_eq!(*team.alice.get("/messages/8/thread").await.data(), json!([]));
}

#[tokio::test]
async fn put_message_edits_it() {
    let team = team().await;
    let answer = team.bob.put("/messages/2", json!({ "content": "Hi everybody" })).await;
    succeeds(&answer, 200);
    let edited = json!({ "isEdited": true, "editedAt": "TIME" });
    assert_eq!(timeless(answer.data()), with(message(2, 1, (2, "Bob"), "Hi everybody"), edited));
    assert_eq!(keys(&answer.text, "data"), MESSAGE);
    assert_eq!(answer.data(), &team.alice.get("/conversations/1/messages").await.data()[1]);
}

#[tokio::test]
async fn delete_message_answers_its_tombstone() {
    let team = team().await;
    let answer = team.alice.delete("/messages/5").await;
    succeeds(&answer, 200);
    let tombstone = with(message(5, 1, (1, "Alice"), ""), json!({ "content": null, "isDeleted": true }));
    assert_eq!(timeless(answer.data()), tombstone);
    assert_eq!(keys(&answer.text, "data"), MESSAGE);
    assert_eq!(timeless(&team.bob.get("/conversations/1/messages").await.data()[4]), tombstone);
    let again = team.alice.delete("/messages/5").await;
    succeeds(&again, 200);
    assert_eq!(again.data(), answer.data());
}

#[tokio::test]
async fn post_read_marks_as_read_up_to_a_message_or_to_the_newest() {
    let team = team().await;
    let answer = team.bob.post("/conversations/1/read", json!({ "lastReadMessageId": 3 })).await;
    succeeds(&answer, 200);
    let state = json!({ "conversationId": 1, "lastReadMessageId": 3, "readAt": "TIME", "unreadCount": 4 });
    assert_eq!(timeless(answer.data()), state);
    assert_eq!(keys(&answer.text, "data"), ["conversationId", "lastReadMessageId", "readAt", "unreadCount"]);
    let newest = team.bob.post_nothing("/conversations/1/read").await;
    succeeds(&newest, 200);
    assert_eq!(timeless(newest.data()), with(state, json!({ "lastReadMessageId": 8, "unreadCount": 0 })));
    assert_eq!(team.carol.post("/conversations/1/read", json!({})).await.data()["lastReadMessageId"], 8);
    let marker = |view: serde_json::Value| view["participants"][1]["lastReadMessageId"].clone();
    assert_eq!(marker(team.alice.get("/conversations/1").await.ok()), 8);
}

#[tokio::test]
async fn get_read_receipts_lists_who_has_read_a_message() {
    let team = team().await;
    team.bob.post("/conversations/1/read", json!({ "lastReadMessageId": 5 })).await.ok();
    team.carol.post("/conversations/1/read", json!({ "lastReadMessageId": 4 })).await.ok();
    team.alice.post_nothing("/conversations/1/read").await.ok();
    let answer = team.dave.get("/messages/5/read-receipts").await;
    succeeds(&answer, 200);
    let receipts = json!([{ "messageId": 5, "userId": 2, "userName": "Bob", "readAt": "TIME" }]);
    assert_eq!(timeless(answer.data()), receipts);
    assert_eq!(keys(&answer.text, "data/0"), READ_RECEIPT);
    let readers = |answer: &serde_json::Value| {
        let readers = answer.as_array().expect("a list").iter().map(|receipt| receipt["userId"].as_i64());
        readers.map(|id| id.expect("an id")).collect::<Vec<_>>()
    };
    assert_eq!(readers(team.dave.get("/messages/4/read-receipts").await.data()), [2, 3, 1]);
    assert_eq!(readers(team.dave.get("/messages/7/read-receipts").await.data()), [1]);
}
