//! The writer's time, which everybody who writes shares: what changes nothing takes none of it, and what changes
//! something takes the same at any length of the history and any size of the group.

use serde_json::{Value as Json, json};

use crate::bulk;
use crate::person::Person;
use crate::server::Server;

/// Messages of a long history.
const MANY: i64 = 50_000;

/// The statements that the writer ran for a request. The server has chores of its own, so the smallest of a few counts
/// is taken.
async fn written(server: &Server, times: usize, request: impl AsyncFn()) -> u64 {
    let mut smallest = u64::MAX;
    for _ in 0..times {
        let before = server.written();
        request().await;
        smallest = smallest.min(server.written() - before);
    }
    smallest
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_nothing_does_not_reach_the_writer() {
    let server = Server::start().await;
    let (alice, bob, carol) = (server.person("Alice").await, server.person("Bob").await, server.person("Carol").await);
    let group = alice.group("Team", &[&bob]).await;
    let first = bob.send(group, "first").await;
    let gone = alice.send(group, "gone").await;
    alice.delete(&format!("/messages/{gone}")).await.ok();
    alice.post(&format!("/messages/{first}/reactions"), json!({ "emoji": "👍" })).await.ok();
    alice.post(&format!("/conversations/{group}/read"), json!({ "lastReadMessageId": first })).await.ok();
    bulk::history(&server, group, &bob, MANY).await;

    let read = async |id: i64| {
        let state = alice.post(&format!("/conversations/{group}/read"), json!({ "lastReadMessageId": id })).await.ok();
        assert_eq!((&state["lastReadMessageId"], &state["unreadCount"]), (&json!(first), &json!(MANY)), "{state}");
    };
    assert_eq!(written(&server, 5, async || read(first).await).await, 0, "a marker that stands there already");
    let known = |id: i64| format!("\"{id}\"");
    let (c, m, u) = (known(group), known(first), known(bob.id));
    let again = [
        format!("setMuted(conversationId: {c}, muted: false) {{ unreadCount }}"),
        format!("setPinned(conversationId: {c}, pinned: false) {{ unreadCount }}"),
        format!("setArchived(conversationId: {c}, archived: false) {{ unreadCount }}"),
        format!("updateConversation(conversationId: {c}, input: {{ name: \"Team\", allowReplies: true }}) {{ name }}"),
        format!("addParticipants(conversationId: {c}, userIds: [{u}]) {{ participantCount }}"),
        format!("setParticipantRole(conversationId: {c}, userId: {u}, role: MEMBER) {{ id }}"),
        format!("transferOwnership(conversationId: {c}, userId: \"{}\") {{ id }}", alice.id),
        format!("addReaction(messageId: {m}, emoji: \"👍\") {{ added }}"),
        format!("removeReaction(messageId: {m}, emoji: \"🎉\") {{ added }}"),
        format!("markRead(conversationId: {c}, lastReadMessageId: {m}) {{ unreadCount }}"),
    ];
    for mutation in again {
        let document = format!("mutation {{ {mutation} }}");
        let cost = written(&server, 5, async || drop(alice.gql_ok(&document, Json::Null).await)).await;
        assert_eq!(cost, 0, "{mutation}");
    }
    let tombstone = async || assert_eq!(alice.delete(&format!("/messages/{gone}")).await.ok()["isDeleted"], true);
    assert_eq!(written(&server, 5, tombstone).await, 0, "a tombstone that is deleted again");
    let pair = alice.direct(&carol).await;
    let direct = async || assert_eq!(alice.direct(&carol).await, pair);
    assert_eq!(written(&server, 5, direct).await, 0, "a direct conversation that is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_in_the_writer_that_can_be_read_afterwards() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let mut marker = bob.send(group, "first").await;
    for _ in 0..10 {
        bob.send(group, "hello").await;
    }
    let path = format!("/conversations/{group}");
    // Beginning, the log's row, two to prove the membership, the change itself, the event, the log's row, the end.
    let most = 8;
    let mute = async |on: bool| {
        let muted = alice.put(&format!("{path}/mute?muted={on}"), json!({})).await.ok();
        assert_eq!((&muted["muted"], &muted["unreadCount"]), (&json!(on), &json!(11)), "{muted}");
    };
    for on in [true, false] {
        let cost = written(&server, 1, async || mute(on).await).await;
        assert!(cost <= most, "muting costs the writer {cost} statements");
    }
    let (mut cost, mut left) = (u64::MAX, 11);
    for _ in 0..5 {
        let before = server.written();
        let state = alice.post(&format!("{path}/read"), json!({ "lastReadMessageId": marker })).await.ok();
        cost = cost.min(server.written() - before);
        left -= 1;
        assert_eq!((&state["lastReadMessageId"], &state["unreadCount"]), (&json!(marker), &json!(left)), "{state}");
        assert!(state["readAt"].is_string(), "{state}");
        marker += 1;
    }
    assert!(cost <= most + 1, "a move of a marker costs the writer {cost} statements");
    let renamed = alice.put(&path, json!({ "name": "Crew" })).await.ok();
    assert_eq!((&renamed["name"], &renamed["unreadCount"]), (&json!("Crew"), &json!(left)), "{renamed}");
}

/// People whom the server has seen, and their ids.
async fn crowd(admin: &Person, from: i64, size: i64) -> Vec<i64> {
    let ids: Vec<i64> = (from..from + size).collect();
    let users: Vec<Json> = ids.iter().map(|id| json!({ "id": id.to_string(), "name": format!("User {id}") })).collect();
    let upsert = "mutation($users: [UserInput!]!) { upsertUsers(input: $users) { id } }";
    admin.gql_ok(upsert, json!({ "users": users })).await;
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_256_people_costs_the_writer_as_many_statements_as_adding_two() {
    let server = Server::start().await;
    let admin = server.administrator("Root").await;
    let ids = crowd(&admin, 1_000, 256).await;
    let mut costs = Vec::new();
    for size in [2, 256] {
        let mut smallest = u64::MAX;
        for _ in 0..3 {
            let group = admin.group("Team", &[]).await;
            let path = format!("/conversations/{group}/participants");
            let before = server.written();
            let added = admin.post(&path, json!({ "userIds": ids[..size] })).await.ok();
            smallest = smallest.min(server.written() - before);
            assert_eq!(added["participantCount"], size + 1);
        }
        costs.push(smallest);
    }
    assert_eq!(costs[0], costs[1], "{costs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_closed_at_once_and_tidied_up_later_however_long_it_is() {
    const WITH_WORDS: &str = "SELECT count(*) FROM chat_messages WHERE search_words IS NOT NULL";
    const UNTIDIED: &str = "SELECT count(*) FROM chat_conversations WHERE untidied_from IS NOT NULL";
    let mut server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let (group, other) = (alice.group("Team", &[&bob]).await, alice.group("Other", &[&bob]).await);
    bulk::history(&server, group, &bob, MANY).await;
    alice.send(other, "number one").await;
    let file = alice.upload("a.txt", "text/plain", b"text").await;
    alice.send_files(group, &[file["id"].as_i64().expect("an id")]).await;
    let link = file["url"].as_str().expect("a link").to_owned();
    let opened = async |link: &str| reqwest::get(server_url(&alice, link)).await.expect("an answer").status().as_u16();
    assert_eq!(opened(&link).await, 200);

    let close = format!("mutation {{ deleteConversation(conversationId: \"{group}\") }}");
    alice.gql_ok(&close, Json::Null).await;
    let left = bulk::number(&server, WITH_WORDS).await;
    assert!(left > MANY / 2, "closing touched the messages: {left} of {MANY} have their words");
    for person in [&alice, &bob] {
        person.get(&format!("/conversations/{group}")).await.refused_with(404, "NOT_FOUND");
        person.get(&format!("/conversations/{group}/messages")).await.refused_with(404, "NOT_FOUND");
        person.get(&format!("/messages/{}/thread", MANY / 2)).await.refused_with(404, "NOT_FOUND");
        let search = "{ searchMessages(query: \"number\") { edges { node { content } } } }";
        let found = person.gql_ok(search, Json::Null).await;
        assert_eq!(found["searchMessages"]["edges"], json!([{ "node": { "content": "number one" } }]));
        let path = format!("/api/files/{}", file["id"]);
        person.fetch(person.request(reqwest::Method::GET, &path)).await.refused_with(404, "NOT_FOUND");
    }
    assert_eq!(opened(&link).await, 404, "a link does not outlive the group");

    // It goes on where it was after a restart, and others write meanwhile.
    server.stop().await;
    server.resume().await;
    let alice = alice.at(server.address);
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(120);
    let mut sent = 1;
    while bulk::number(&server, UNTIDIED).await > 0 {
        assert!(tokio::time::Instant::now() < until, "{} are left", bulk::number(&server, WITH_WORDS).await);
        alice.send(other, "number two").await;
        sent += 1;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(bulk::number(&server, WITH_WORDS).await, sent);
    assert_eq!(bulk::number(&server, "SELECT count(*) FROM chat_messages").await, MANY + sent + 1);
}

fn server_url(person: &Person, link: &str) -> String {
    if link.starts_with("http") { link.to_owned() } else { format!("http://{}{link}", person.address) }
}
