//! Conversations: the nine endpoints of the reference's first table.

use serde_json::{Value as Json, json};

use super::{project_team, succeeds, team};
use crate::payload::{CONVERSATION, MESSAGE, PARTICIPANT, ids, keys, participant, timeless, with};

#[tokio::test]
async fn get_conversations_lists_the_callers_own() {
    let team = team().await;
    let answer = team.bob.get("/conversations").await;
    succeeds(&answer, 200);
    assert_eq!(timeless(answer.data()), json!([project_team()]));
    assert_eq!(answer.body["page"], json!({ "hasMore": false, "next": null }));
    assert_eq!(keys(&answer.text, "page"), ["hasMore", "next"]);
    assert_eq!(keys(&answer.text, "data/0"), CONVERSATION);
    assert_eq!(keys(&answer.text, "data/0/participants/0"), PARTICIPANT);
    assert_eq!(keys(&answer.text, "data/0/lastMessage"), MESSAGE);

    let stranger = team.server.person("Eve").await;
    assert_eq!(*stranger.get("/conversations").await.data(), json!([]));
}

#[tokio::test]
async fn the_list_is_paged_pinned_first_then_latest_activity_first_and_archived_apart() {
    let team = team().await;
    let quiet = team.alice.group("Quiet", &[&team.bob]).await;
    let pinned = team.alice.group("Pinned", &[&team.bob]).await;
    let busy = team.alice.group("Busy", &[&team.bob]).await;
    let old = team.alice.group("Old", &[&team.bob]).await;
    team.alice.send(busy, "hello").await;
    team.bob.put(&format!("/conversations/{pinned}/pin"), json!(null)).await.ok();
    team.bob.put(&format!("/conversations/{old}/archive"), json!(null)).await.ok();

    let (mut met, mut path) = (Vec::new(), "/conversations?limit=1".to_owned());
    loop {
        let page = team.bob.get(&path).await;
        succeeds(&page, 200);
        met.extend(ids(page.data()));
        match page.body["page"]["next"].as_str() {
            Some(next) => path = format!("/conversations?limit=1&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(met, [pinned, busy, quiet, 1]);
    assert_eq!(ids(team.bob.get("/conversations?archived=true").await.data()), [old]);
    assert_eq!(ids(team.bob.get("/conversations?archived=false&limit=1000").await.data()), met);
}

#[tokio::test]
async fn get_conversation_answers_the_viewers_own_view() {
    let team = team().await;
    let answer = team.bob.get("/conversations/1").await;
    succeeds(&answer, 200);
    assert_eq!(timeless(answer.data()), project_team());
    assert_eq!(keys(&answer.text, "data"), CONVERSATION);
    assert_eq!(team.alice.get("/conversations/1").await.data()["unreadCount"], 5);
}

#[tokio::test]
async fn post_conversations_creates_a_group_that_the_caller_owns() {
    let team = team().await;
    let input = json!({
        "name": "Pictures",
        "participantIds": [3, 1, 3, 2],
        "allowReactions": false,
        "allowReplies": false,
        "allowFileUploads": false,
        "maxFileSizeMb": 5,
        "allowedFileTypes": ["image/*", "application/pdf"],
    });
    let answer = team.alice.post("/conversations", input).await;
    succeeds(&answer, 201);
    let expected = with(
        project_team(),
        json!({
            "id": 2,
            "name": "Pictures",
            "description": null,
            "participants": [
                participant((1, "Alice"), "OWNER"),
                participant((3, "Carol"), "MEMBER"),
                participant((2, "Bob"), "MEMBER"),
            ],
            "participantCount": 3,
            "lastMessage": null,
            "lastMessageAt": null,
            "unreadCount": 0,
            "allowReactions": false,
            "allowReplies": false,
            "allowFileUploads": false,
            "maxFileSizeMb": 5,
            "allowedFileTypes": ["image/*", "application/pdf"],
        }),
    );
    assert_eq!(timeless(answer.data()), expected);

    let alone = team.alice.post("/conversations", json!({ "name": "Alone" })).await;
    succeeds(&alone, 201);
    assert_eq!(timeless(&alone.data()["participants"]), json!([participant((1, "Alice"), "OWNER")]));
}

#[tokio::test]
async fn post_direct_creates_once_and_answers_the_same_one_ever_after() {
    let team = team().await;
    let created = team.alice.post_nothing("/conversations/direct/2").await;
    succeeds(&created, 201);
    let expected = with(
        project_team(),
        json!({
            "id": 2,
            "type": "DIRECT",
            "name": "Bob",
            "description": null,
            "participants": [participant((1, "Alice"), "MEMBER"), participant((2, "Bob"), "MEMBER")],
            "participantCount": 2,
            "lastMessage": null,
            "lastMessageAt": null,
            "unreadCount": 0,
        }),
    );
    assert_eq!(timeless(created.data()), expected);
    let again = team.alice.post_nothing("/conversations/direct/2").await;
    succeeds(&again, 200);
    assert_eq!(again.body, created.body);
    let from_the_other_side = team.bob.post_nothing("/conversations/direct/1").await;
    succeeds(&from_the_other_side, 200);
    assert_eq!(timeless(from_the_other_side.data()), with(expected, json!({ "name": "Alice" })));
}

#[tokio::test]
async fn put_conversation_changes_what_is_named_and_leaves_the_rest() {
    let team = team().await;
    let input = json!({ "name": "Project X", "description": null, "avatarUrl": "https://example.com/x.png" });
    let answer = team.alice.put("/conversations/1", input).await;
    succeeds(&answer, 200);
    let named = json!({ "name": "Project X", "avatarUrl": "https://example.com/x.png", "unreadCount": 5 });
    assert_eq!(timeless(answer.data()), with(project_team(), named));
    let settings = json!({
        "description": "Files only",
        "allowReactions": false,
        "allowReplies": false,
        "allowFileUploads": false,
        "maxFileSizeMb": 1,
        "allowedFileTypes": ["text/plain"],
    });
    let answer = team.alice.put("/conversations/1", settings.clone()).await;
    succeeds(&answer, 200);
    for (field, value) in settings.as_object().expect("an object") {
        assert_eq!(answer.data()[field], *value, "{field}");
    }
    assert_eq!(answer.data()["name"], "Project X");
    let opened = team.alice.put("/conversations/1", json!({ "allowReactions": true, "allowedFileTypes": [] })).await;
    assert_eq!((&opened.data()["allowReactions"], &opened.data()["allowedFileTypes"]), (&json!(true), &Json::Null));
}

#[tokio::test]
async fn delete_conversation_leaves_it() {
    let team = team().await;
    let answer = team.dave.delete("/conversations/1").await;
    succeeds(&answer, 200);
    assert_eq!(answer.text, r#"{"success":true,"error":null,"data":null}"#);
    assert_eq!(team.alice.get("/conversations/1").await.data()["participantCount"], 3);
    let sentence = "You are not a participant in this conversation";
    team.dave.get("/conversations/1").await.refused(403, "FORBIDDEN", sentence);
}

#[tokio::test]
async fn get_pinned_lists_the_pinned_ones() {
    let team = team().await;
    assert_eq!(*team.bob.get("/conversations/pinned").await.data(), json!([]));
    team.bob.put("/conversations/1/pin?pinned=true", json!(null)).await.ok();
    let answer = team.bob.get("/conversations/pinned").await;
    succeeds(&answer, 200);
    assert_eq!(timeless(answer.data()), json!([with(project_team(), json!({ "pinned": true }))]));
    assert_eq!(*team.alice.get("/conversations/pinned").await.data(), json!([]));
    team.bob.put("/conversations/1/archive", json!(null)).await.ok();
    assert_eq!(ids(team.bob.get("/conversations/pinned").await.data()), [1]);

    let direct = team.bob.direct(&team.alice).await;
    team.bob.put(&format!("/conversations/{direct}/pin"), json!(null)).await.ok();
    let first = team.bob.get("/conversations/pinned?limit=1").await;
    let next = first.body["page"]["next"].as_str().expect("a cursor");
    let second = team.bob.get(&format!("/conversations/pinned?limit=1&cursor={next}")).await;
    assert_eq!(
        (first.body["page"]["hasMore"].as_bool(), second.body["page"]["hasMore"].as_bool()),
        (Some(true), Some(false))
    );
    let mut both = [ids(first.data()), ids(second.data())].concat();
    both.sort_unstable();
    assert_eq!(both, [1, direct]);
    team.bob.get("/conversations/pinned?limit=0").await.refused_with(400, "BAD_REQUEST");
}

#[tokio::test]
async fn get_search_finds_the_callers_groups_by_name_or_description() {
    let team = team().await;
    let answer = team.bob.get("/conversations/search?query=pROJ").await;
    succeeds(&answer, 200);
    assert_eq!(timeless(answer.data()), json!([project_team()]));
    assert_eq!(ids(team.bob.get("/conversations/search?query=discussion+for").await.data()), [1]);
    for nothing in ["%25", "_", "%27", "%22", "Alice", "%00"] {
        let answer = team.bob.get(&format!("/conversations/search?query={nothing}")).await;
        assert_eq!((answer.status, answer.data()), (200, &json!([])), "{nothing}");
    }
    team.alice.direct(&team.bob).await;
    assert_eq!(*team.bob.get("/conversations/search?query=Alice").await.data(), json!([]));
    let stranger = team.server.person("Eve").await;
    assert_eq!(*stranger.get("/conversations/search?query=Project").await.data(), json!([]));
}

#[tokio::test]
async fn get_unread_counts_what_is_unread() {
    let team = team().await;
    let direct = team.alice.direct(&team.bob).await;
    team.alice.send(direct, "one").await;
    team.alice.send(direct, "two").await;
    let answer = team.bob.get("/conversations/unread").await;
    succeeds(&answer, 200);
    let counts = r#"{"totalUnread":8,"conversations":[{"conversationId":1,"unreadCount":6},{"conversationId":2,"unreadCount":2}]}"#;
    assert_eq!(answer.text, format!(r#"{{"success":true,"error":null,"data":{counts}}}"#));
}
