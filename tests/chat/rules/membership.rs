//! Who is in a conversation: direct ones, leaving, handing over, closing, removal.

use futures_util::future::join_all;
use serde_json::json;

use super::{NO_CONVERSATION, NOT_IN_IT, events, types};
use crate::payload::ids;
use crate::person::Person;
use crate::server::Server;

const SET_ROLE: &str = "mutation($conversation: ID!, $user: ID!) { setParticipantRole(conversationId: $conversation, userId: $user, role: ADMIN) { id } }";

#[tokio::test]
async fn a_pair_has_one_direct_conversation_however_many_callers_race() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let calls = (0..20).map(|turn| {
        let (caller, other) = if turn % 2 == 0 { (&alice, &bob) } else { (&bob, &alice) };
        let path = format!("/conversations/direct/{}", other.id);
        async move { caller.post_nothing(&path).await }
    });
    let answers = join_all(calls).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 19, "{statuses:?}");
    assert!(answers.iter().all(|answer| answer.data()["id"] == answers[0].data()["id"]));
    assert_eq!(ids(alice.get("/conversations").await.data()).len(), 1);
    assert_eq!(types(&events(&bob).await), ["conversation.created"]);
}

#[tokio::test]
async fn a_direct_conversation_needs_somebody_else_who_is_known() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let sentence = "You cannot open a direct conversation with yourself";
    alice.post_nothing("/conversations/direct/1").await.refused(400, "BAD_REQUEST", sentence);
    alice.post_nothing("/conversations/direct/42").await.refused(404, "NOT_FOUND", "User not found: 42");
}

#[tokio::test]
async fn a_direct_conversation_is_neither_left_nor_changed_nor_joined() {
    let server = Server::start().await;
    let (alice, bob, carol) = (server.person("Alice").await, server.person("Bob").await, server.person("Carol").await);
    let path = format!("/conversations/{}", alice.direct(&bob).await);
    alice.delete(&path).await.refused_with(400, "BAD_REQUEST");
    alice.put(&path, json!({ "name": "Us" })).await.refused_with(400, "BAD_REQUEST");
    alice
        .post(&format!("{path}/participants"), json!({ "userIds": [carol.id] }))
        .await
        .refused_with(400, "BAD_REQUEST");
    for user in [alice.id, bob.id] {
        alice.delete(&format!("{path}/participants/{user}")).await.refused_with(400, "BAD_REQUEST");
    }
    assert_eq!(alice.get(&path).await.data()["participantCount"], 2);
}

fn role(view: &serde_json::Value, person: &Person) -> String {
    let people = view["participants"].as_array().expect("a list");
    let found = people.iter().find(|other| other["userId"] == person.id).expect("a participant");
    found["role"].as_str().expect("a role").to_owned()
}

#[tokio::test]
async fn when_the_owner_leaves_the_longest_serving_admin_else_member_takes_over() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let (bob, carol, dave) = (server.person("Bob").await, server.person("Carol").await, server.person("Dave").await);
    let group = alice.group("Heirs", &[&bob, &carol, &dave]).await;
    for admin in [&dave, &carol] {
        alice.gql_ok(SET_ROLE, json!({ "conversation": group.to_string(), "user": admin.id.to_string() })).await;
    }
    let path = format!("/conversations/{group}");
    alice.delete(&path).await.ok();
    let view = bob.get(&path).await.ok();
    assert_eq!([role(&view, &bob), role(&view, &carol), role(&view, &dave)], ["MEMBER", "OWNER", "ADMIN"]);
    carol.delete(&path).await.ok();
    assert_eq!(role(&bob.get(&path).await.ok(), &dave), "OWNER");
    dave.delete(&path).await.ok();
    assert_eq!(role(&bob.get(&path).await.ok(), &bob), "OWNER");
    let told = types(&events(&bob).await).into_iter().filter(|kind| *kind == "participant.role_changed").count();
    assert_eq!(told, 5);
}

#[tokio::test]
async fn a_member_who_leaves_changes_no_role() {
    let server = Server::start().await;
    let (alice, bob, carol) = (server.person("Alice").await, server.person("Bob").await, server.person("Carol").await);
    let path = format!("/conversations/{}", alice.group("Team", &[&bob, &carol]).await);
    bob.delete(&path).await.ok();
    let view = alice.get(&path).await.ok();
    assert_eq!([role(&view, &alice), role(&view, &carol)], ["OWNER", "MEMBER"]);
    bob.delete(&path).await.refused(403, "FORBIDDEN", NOT_IN_IT);
}

#[tokio::test]
async fn the_last_one_to_leave_closes_the_group_and_a_closed_group_is_404_everywhere() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let message = alice.send(group, "hello").await;
    let path = format!("/conversations/{group}");
    alice.delete(&path).await.ok();
    bob.delete(&path).await.ok();
    for person in [&alice, &bob] {
        person.get(&path).await.refused(404, "NOT_FOUND", NO_CONVERSATION);
        person.delete(&path).await.refused(404, "NOT_FOUND", NO_CONVERSATION);
        let sent = person.post(&format!("{path}/messages"), json!({ "content": "hello?" })).await;
        sent.refused(404, "NOT_FOUND", NO_CONVERSATION);
        person.get(&format!("/messages/{message}/thread")).await.refused(404, "NOT_FOUND", NO_CONVERSATION);
        assert_eq!(*person.get("/conversations").await.data(), json!([]));
        assert_eq!(person.get("/conversations/unread").await.data()["totalUnread"], 0);
    }
}

#[tokio::test]
async fn somebody_who_was_removed_loses_everything() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let theirs = alice.send(group, "a secret").await;
    let own = bob.send(group, "my own words").await;
    alice.delete(&format!("/conversations/{group}/participants/{}", bob.id)).await.ok();
    alice.send(group, "a later secret").await;

    let path = format!("/conversations/{group}");
    bob.get(&path).await.refused(403, "FORBIDDEN", NOT_IN_IT);
    bob.get(&format!("{path}/messages")).await.refused(403, "FORBIDDEN", NOT_IN_IT);
    let sent = bob.post(&format!("{path}/messages"), json!({ "content": "let me in" })).await;
    sent.refused(403, "FORBIDDEN", NOT_IN_IT);
    for message in [theirs, own] {
        bob.get(&format!("/messages/{message}/thread")).await.refused(403, "FORBIDDEN", NOT_IN_IT);
        bob.get(&format!("/messages/{message}/reactions")).await.refused(403, "FORBIDDEN", NOT_IN_IT);
    }
    bob.put(&format!("/messages/{own}"), json!({ "content": "x" })).await.refused(403, "FORBIDDEN", NOT_IN_IT);
    bob.delete(&format!("/messages/{own}")).await.refused(403, "FORBIDDEN", NOT_IN_IT);
    assert_eq!(*bob.get("/conversations").await.data(), json!([]));
    assert_eq!(*bob.get("/conversations/search?query=Team").await.data(), json!([]));
    assert_eq!(bob.get("/conversations/unread").await.data()["totalUnread"], 0);
    assert_eq!(bob.get("/presence/1").await.status, 404);

    let told = events(&bob).await;
    assert_eq!(types(&told), ["participant.removed"]);
    assert_eq!(told[0]["data"]["participant"]["userId"], bob.id);
    assert!(!format!("{told:?}").contains("secret"));
}

#[tokio::test]
async fn somebody_who_comes_back_reads_the_whole_history_and_starts_with_nothing_unread() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let first = alice.send(group, "one").await;
    let path = format!("/conversations/{group}");
    bob.delete(&path).await.ok();
    let second = alice.send(group, "two").await;
    alice.post(&format!("{path}/participants"), json!({ "userIds": [bob.id] })).await.ok();
    assert_eq!(ids(bob.get(&format!("{path}/messages")).await.data()), [first, second]);
    assert_eq!(bob.get(&path).await.data()["unreadCount"], 0);
    alice.send(group, "three").await;
    assert_eq!(bob.get(&path).await.data()["unreadCount"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_who_are_added_at_once_all_come_in_and_nobody_else_is_refused_for_it() {
    let server = Server::start().await;
    let (admin, alice) = (server.administrator("Root").await, server.person("Alice").await);
    let group = alice.group("Everybody", &[]).await;
    let upsert = "mutation($input: [UserInput!]!) { upsertUsers(input: $input) { id } }";
    let crowds: Vec<Vec<i64>> = (0..18).map(|crowd| (1_000 + crowd * 256..1_256 + crowd * 256).collect()).collect();
    for crowd in &crowds {
        let users: Vec<_> = crowd.iter().map(|id| json!({ "id": id.to_string(), "name": "Somebody" })).collect();
        admin.gql_ok(upsert, json!({ "input": users })).await;
    }
    // All of these wait for the writer together: more rows than one statement takes.
    let path = format!("/conversations/{group}/participants");
    let added = join_all(crowds.iter().map(|crowd| alice.post(&path, json!({ "userIds": crowd }))));
    let (added, sent) = tokio::join!(added, alice.send(group, "meanwhile"));
    assert!(added.iter().all(|answer| answer.status == 200), "{:?}", added.iter().map(|answer| answer.status));
    let conversation = alice.get(&format!("/conversations/{group}")).await.ok();
    assert_eq!(conversation["participantCount"], 1 + 18 * 256);
    assert_eq!(conversation["lastMessage"]["id"], sent);
}
