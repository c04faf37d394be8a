//! The list of one's conversations is in its order at every moment: before and after their activity was carried to it.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::bulk;
use crate::person::Person;
use crate::server::Server;

const GROUPS: usize = 60;

async fn town() -> (Server, Person, Person, Vec<i64>) {
    let server = Server::start_with(|config| {
        config.limits.creations_per_minute = 0;
        config.limits.messages_per_minute = 0;
    })
    .await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let mut groups = Vec::new();
    for number in 0..GROUPS {
        groups.push(alice.group(&format!("Group {number}"), &[&bob]).await);
    }
    (server, alice, bob, groups)
}

/// What a list holds, read page by page, and what orders it: pinned, latest activity, id.
async fn forwards(person: &Person, query: &str, limit: usize) -> Vec<(bool, String, i64)> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = person.get(&format!("/conversations{query}limit={limit}{cursor}")).await;
        let found = page.data().as_array().expect("a list").iter().map(key).collect::<Vec<_>>();
        assert!(found.len() <= limit);
        seen.extend(found);
        match page.body["page"]["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seen,
        }
    }
}

async fn backwards(person: &Person, limit: usize) -> Vec<(bool, String, i64)> {
    let query = "query($last: Int, $before: String) { conversations(archived: false, last: $last, before: $before) { \
        nodes { id pinned lastMessageAt createdAt } pageInfo { hasPreviousPage startCursor } } }";
    let (mut seen, mut before) = (Vec::new(), None::<String>);
    loop {
        let page = person.gql_ok(query, json!({ "last": limit, "before": before })).await["conversations"].take();
        seen.extend(page["nodes"].as_array().expect("a list").iter().rev().map(key));
        if page["pageInfo"]["hasPreviousPage"] == false {
            seen.reverse();
            return seen;
        }
        before = page["pageInfo"]["startCursor"].as_str().map(str::to_owned);
    }
}

fn key(conversation: &Json) -> (bool, String, i64) {
    let at = ["lastMessageAt", "createdAt"].into_iter().find_map(|name| conversation[name].as_str()).expect("a time");
    // With as many digits everywhere, so that they can be compared as texts.
    let (second, rest) = at.trim_end_matches('Z').split_at(19);
    let id = conversation["id"].as_i64().or_else(|| conversation["id"].as_str()?.parse().ok()).expect("an id");
    (conversation["pinned"] == true, format!("{second}.{:0<3}", rest.trim_start_matches('.')), id)
}

fn is_in_order(seen: &[(bool, String, i64)]) -> bool {
    seen.windows(2).all(|pair| pair[0] > pair[1])
}

/// Waits until nothing is left to be carried; then the lists agree with the conversations.
async fn carried(server: &Server) {
    bulk::until_carried(server).await;
    let wrong = "SELECT COUNT(*) FROM chat_participants p JOIN chat_conversations c ON c.id = p.conversation_id \
        WHERE p.listed_at IS DISTINCT FROM CASE WHEN c.closed_at IS NULL THEN c.last_activity_at END";
    assert_eq!(bulk::number(server, wrong).await, 0);
}

#[tokio::test]
async fn a_list_is_in_order_before_and_after_activity_is_carried_in_both_directions_and_under_every_filter() {
    let (server, alice, bob, groups) = town().await;
    for turn in 0..3 {
        for place in (turn..GROUPS).step_by(7) {
            bob.send(groups[place], "moved").await;
        }
        for setting in ["pin", "archive"] {
            let group = groups[5 * turn + setting.len()];
            alice.put(&format!("/conversations/{group}/{setting}"), json!(null)).await.ok();
        }
        // Once with marks, once without.
        for _ in 0..2 {
            let open = forwards(&alice, "?", 7).await;
            assert!(is_in_order(&open), "{open:?}");
            assert_eq!(open.len(), GROUPS - turn - 1, "all but the archived ones");
            assert_eq!(backwards(&alice, 7).await, open);
            assert_eq!(forwards(&alice, "?", 100).await, open);
            assert_eq!(forwards(&alice, "?archived=true&", 1).await.len(), turn + 1);
            assert_eq!(forwards(&alice, "/pinned?", 1).await.len(), turn + 1);
            let found = forwards(&alice, "/search?query=GROUP&", 9).await;
            assert!(is_in_order(&found) && found.len() == GROUPS);
            carried(&server).await;
        }
    }
}

#[tokio::test]
async fn whoever_sends_is_at_the_top_at_once_and_a_page_repeats_nothing_while_others_send() {
    let (server, alice, bob, groups) = town().await;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for turn in 0.. {
        let busy = groups[turn % 5];
        bob.send(busy, "again").await;
        let top = alice.get("/conversations?limit=1").await;
        assert_eq!(key(&top.data()[0]).2, busy, "at once");
        if turn % 3 == 0 {
            carried(&server).await;
        }
        let page = alice.get(&format!("/conversations?limit=10{cursor}")).await;
        seen.extend(page.data().as_array().expect("a list").iter().map(key));
        match page.body["page"]["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(is_in_order(&seen), "{seen:?}");
    let seen: BTreeSet<i64> = seen.into_iter().map(|(_, _, id)| id).collect();
    assert!(groups[5..].iter().all(|group| seen.contains(group)), "those that did not move are all there");
}

#[tokio::test]
async fn whoever_joins_or_leaves_and_whatever_is_closed_is_right_in_the_lists() {
    let (server, alice, bob, groups) = town().await;
    let carol = server.person("Carol").await;
    bob.send(groups[0], "before").await;
    for group in [groups[0], groups[1]] {
        alice.post(&format!("/conversations/{group}/participants"), json!({ "userIds": [carol.id] })).await.ok();
    }
    let ids =
        async |person: &Person| forwards(person, "?", 100).await.into_iter().map(|(_, _, id)| id).collect::<Vec<_>>();
    assert_eq!(ids(&carol).await, [groups[0], groups[1]]);
    carried(&server).await;
    assert_eq!(ids(&carol).await, [groups[0], groups[1]]);
    alice.delete(&format!("/conversations/{}/participants/{}", groups[0], carol.id)).await.ok();
    alice.gql_ok("mutation($id: ID!) { deleteConversation(conversationId: $id) }", json!({ "id": groups[1] })).await;
    assert_eq!(ids(&carol).await, Vec::<i64>::new());
    assert_eq!(ids(&bob).await.len(), GROUPS - 1);
    carried(&server).await;
    assert_eq!(ids(&bob).await.len(), GROUPS - 1);
    let listed = "SELECT COUNT(*) FROM chat_participants WHERE listed_at IS NOT NULL";
    assert_eq!(bulk::number(&server, listed).await, 2 * (GROUPS as i64 - 1));
}
