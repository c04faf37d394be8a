//! The log: dense, in order, the same for everybody, not torn by what fails beside it, and kept through a restart.

use futures_util::future::join_all;
use serde_json::{Value as Json, json};

use super::{beginning, cursor, events, position, types};
use crate::payload::{CONVERSATION, MESSAGE, ids, keys};
use crate::person::Answer;
use crate::server::{Server, execute};

#[tokio::test]
async fn what_fails_in_a_batch_does_not_fail_its_neighbours_and_leaves_no_hole() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let path = format!("/conversations/{group}/messages");
    let inputs: Vec<Json> = (0..60)
        .map(|turn| match turn % 6 {
            0 => json!({ "content": "no such parent", "parentMessageId": 9_000_000 }),
            1 => json!({ "content": "no such file", "attachmentIds": [9_000_000], "tempId": format!("f{turn}") }),
            2 => json!({ "content": "twice", "tempId": "twice" }),
            _ => json!({ "content": format!("message {turn}"), "tempId": format!("t{turn}") }),
        })
        .collect();
    let sends = inputs.iter().enumerate().map(|(turn, input)| {
        let person = if turn % 2 == 0 { &alice } else { &bob };
        person.post(&path, input.clone())
    });
    let renamed = format!("/conversations/{group}");
    let others = (0..10).map(|turn| alice.put(&renamed, json!({ "name": format!("{turn}") })));
    let (answers, renamed): (Vec<Answer>, Vec<Answer>) = tokio::join!(join_all(sends), join_all(others));
    for (turn, answer) in answers.iter().enumerate() {
        let expected: &[u16] = match turn % 6 {
            0 | 1 => &[404],
            2 => &[200, 201],
            _ => &[201],
        };
        assert!(expected.contains(&answer.status), "{turn}: {} {}", answer.status, answer.text);
    }
    assert!(renamed.iter().all(|answer| answer.status == 200));

    let told = events(&alice).await;
    let positions: Vec<i64> = told.iter().map(position).collect();
    assert_eq!(positions, (1..=positions.len() as i64).collect::<Vec<_>>());
    let sent: Vec<i64> = told
        .iter()
        .filter(|event| event["type"] == "message.sent")
        .map(|event| event["data"]["id"].as_i64().expect("an id"))
        .collect();
    assert_eq!(sent.len(), 31);
    assert!(sent.is_sorted(), "ids grow in the order of the log: {sent:?}");
    assert_eq!(ids(bob.get(&format!("{path}?limit=100")).await.data()), sent);
}

#[tokio::test]
async fn a_change_that_fails_half_way_is_undone_without_a_hole_in_the_log() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    // An owner's leaving stands in the log before the group has its next owner, which the database refuses.
    let refusal = match server.database_url().starts_with("sqlite:") {
        true => {
            "CREATE TRIGGER no_heir BEFORE UPDATE ON chat_participants WHEN NEW.role = 'OWNER' \
                 BEGIN SELECT RAISE(ABORT, 'no heir'); END"
        }
        false => "ALTER TABLE chat_participants ADD CONSTRAINT no_heir CHECK (role <> 'OWNER') NOT VALID",
    };
    execute(&server.database_url(), refusal).await;
    let (path, messages) = (format!("/conversations/{group}"), format!("/conversations/{group}/messages"));
    // Many at once, so that some of them are written together.
    for _ in 0..5 {
        let leaving = join_all((0..10).map(|_| alice.delete(&path)));
        let sending = join_all((0..20).map(|turn| bob.post(&messages, json!({ "content": format!("{turn}") }))));
        let (left, sent) = tokio::join!(leaving, sending);
        left.iter().for_each(|answer| assert!(answer.status >= 500, "{}", answer.text));
        sent.iter().for_each(|answer| assert_eq!(answer.status, 201, "{}", answer.text));
    }
    let positions: Vec<i64> = events(&alice).await.iter().map(position).collect();
    assert_eq!(positions, (1..=101).collect::<Vec<_>>());
}

#[tokio::test]
async fn without_a_cursor_the_log_answers_an_empty_list_and_where_it_stands() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let now = alice.get("/events").await;
    assert_eq!((now.status, now.data()), (200, &json!([])));
    assert_eq!(now.body["page"]["hasMore"], false);
    let cursor = now.body["page"]["next"].as_str().expect("a cursor").to_owned();
    assert!(cursor.len() <= 64);
    assert_eq!(alice.get(&format!("/events?after={cursor}")).await.body, now.body);

    bob.send(group, "hello").await;
    let later = alice.get(&format!("/events?after={cursor}")).await;
    assert_eq!(keys(&later.text, "data/0"), ["cursor", "type", "data"]);
    assert_eq!(
        (types(later.data().as_array().expect("a list")), &later.data()[0]["data"]["content"]),
        (vec!["message.sent"], &json!("hello"))
    );
    assert_eq!(later.body["page"]["next"], later.data()[0]["cursor"]);

    bob.post(&format!("/messages/{}/reactions", later.data()[0]["data"]["id"]), json!({ "emoji": "👍" })).await.ok();
    alice.put(&format!("/conversations/{group}"), json!({ "description": "All of it" })).await.ok();
    let all = alice.get(&format!("/events?after={cursor}")).await;
    let payload = |place: usize| keys(&all.text, &format!("data/{place}/data"));
    assert_eq!(
        types(all.data().as_array().expect("a list")),
        ["message.sent", "reaction.added", "conversation.updated"]
    );
    assert_eq!(payload(0), MESSAGE);
    assert_eq!(payload(1), ["messageId", "conversationId", "userId", "userName", "emoji", "added", "reactionSummary"]);
    assert_eq!(payload(2), CONVERSATION);
}

#[tokio::test]
async fn a_cursor_that_was_never_given_out_is_400_and_one_that_is_too_old_is_410() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let group = alice.group("Team", &[]).await;
    alice.send(group, "one").await;
    let now = cursor(&alice).await;
    let (epoch, position) = now.split_once('.').expect("epoch.position");
    let future = format!("{epoch}.{}", position.parse::<i64>().expect("a position") + 1);
    let long = format!("{epoch}.{}", "0".repeat(64));
    let strange = [
        "",
        ".",
        "abc",
        "1",
        epoch,
        "other.1",
        &format!("{epoch}."),
        &format!("{epoch}.-1"),
        &format!("{epoch}.%2B1"),
        &format!("{epoch}.9223372036854775808"),
        &future,
        &long,
    ];
    for after in strange {
        let answer = alice.get(&format!("/events?after={after}")).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!("BAD_REQUEST")), "{after}");
    }
    let old = beginning(&alice).await;
    server.meddle("UPDATE chat_log SET pruned_position = $1", vec![1_i64.into()]).await;
    alice.get(&format!("/events?after={old}")).await.refused_with(410, "CURSOR_EXPIRED");
    assert_eq!(alice.get(&format!("/events?after={epoch}.1")).await.status, 200);
}

#[tokio::test]
async fn the_log_is_paged_without_a_gap_over_what_one_may_not_see() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let (ours, mine) = (alice.group("Ours", &[&bob]).await, alice.group("Mine", &[]).await);
    let mut expected = Vec::new();
    for turn in 0..5 {
        alice.send(mine, "not for Bob").await;
        expected.push(alice.send(ours, &format!("for both {turn}")).await);
    }
    let (mut met, mut after) = (Vec::new(), beginning(&bob).await);
    loop {
        let page = bob.get(&format!("/events?limit=2&after={after}")).await;
        met.extend(page.data().as_array().expect("a list").iter().cloned());
        after = page.body["page"]["next"].as_str().expect("a cursor").to_owned();
        if page.body["page"]["hasMore"] == false {
            break;
        }
    }
    assert!(!format!("{met:?}").contains("not for Bob"));
    let sent = met.iter().filter(|event| event["type"] == "message.sent");
    assert_eq!(sent.map(|event| event["data"]["id"].as_i64().expect("an id")).collect::<Vec<_>>(), expected);
    assert_eq!(met.len(), 6);
}

#[tokio::test]
async fn what_is_replayed_shows_the_present() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let input = json!({ "content": "a secret", "tempId": "t1" });
    let id = alice.post(&format!("/conversations/{group}/messages"), input).await.ok()["id"].clone();
    bob.put(&format!("/conversations/{group}/mute"), json!(null)).await.ok();
    alice.delete(&format!("/messages/{id}")).await.ok();
    let bobs = events(&bob).await;
    assert_eq!(types(&bobs), ["conversation.created", "message.sent", "settings.changed", "message.deleted"]);
    assert_eq!((&bobs[1]["data"], &bobs[1]["data"]["isDeleted"]), (&bobs[3]["data"], &json!(true)));
    let alices = events(&alice).await;
    assert_eq!(types(&alices), ["conversation.created", "message.sent", "message.deleted"]);
    assert_eq!((&alices[1]["data"]["tempId"], &bobs[1]["data"]["tempId"]), (&json!("t1"), &Json::Null));
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let mut server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let direct = bob.direct(&alice).await;
    let input = json!({ "content": "hello", "tempId": "t1", "metadata": { "a": 1 } });
    let path = format!("/conversations/{group}/messages");
    let id = alice.post(&path, input.clone()).await.ok()["id"].clone();
    bob.post(&format!("/messages/{id}/reactions"), json!({ "emoji": "👍" })).await.ok();
    bob.post_nothing(&format!("/conversations/{group}/read")).await.ok();
    let deleted = alice.send(direct, "gone").await;
    alice.delete(&format!("/messages/{deleted}")).await.ok();
    bob.put(&format!("/conversations/{direct}/pin"), json!(null)).await.ok();
    let paths = [
        "/conversations".to_owned(),
        "/conversations/pinned".to_owned(),
        "/conversations/unread".to_owned(),
        path.clone(),
        format!("/conversations/{direct}/messages"),
        format!("/messages/{id}/reactions"),
        format!("/messages/{id}/read-receipts"),
        format!("/events?after={}", beginning(&bob).await),
    ];
    let before: Vec<String> =
        join_all(paths.iter().map(|path| bob.get(path))).await.into_iter().map(|a| a.text).collect();

    server.stop().await;
    server.resume().await;
    let (alice, bob) = (alice.at(server.address), bob.at(server.address));
    let after: Vec<String> =
        join_all(paths.iter().map(|path| bob.get(path))).await.into_iter().map(|a| a.text).collect();
    assert_eq!(before, after);
    assert_eq!(alice.post(&path, input).await.status, 200);
    let next = alice.send(group, "after the restart").await;
    assert!(next > deleted, "ids go on growing");
    let positions: Vec<i64> = events(&bob).await.iter().map(position).collect();
    assert!(positions.is_sorted_by(|a, b| a < b), "{positions:?}");
}
