//! Sending many messages at once: what that costs the writer, and that nothing slips in or is doubled between what it reads
//! and what it writes.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::json;

use super::{events, position};
use crate::bulk;
use crate::person::{Answer, Person};
use crate::server::Server;

/// Statements of a batch of sends, whatever its size: one that reads and one that writes.
const STATEMENTS: u64 = 2;

async fn send_many(person: &Person, group: i64, from: usize, count: usize) -> Vec<Answer> {
    let path = format!("/conversations/{group}/messages");
    join_all((from..from + count).map(|n| person.post(&path, json!({ "content": format!("message {n}") })))).await
}

/// That the numbers of messages are dense, all together and for each sender.
async fn numbers_are_dense(server: &Server, group: i64, messages: i64) {
    let dense = format!(
        "SELECT count(*) FROM (SELECT number, row_number() OVER (ORDER BY id) AS place, sender_number, \
         row_number() OVER (PARTITION BY sender_id ORDER BY id) AS own FROM chat_messages WHERE conversation_id = {group}) m \
         WHERE number = place AND sender_number = own"
    );
    assert_eq!(bulk::number(server, &dense).await, messages);
    let counted = format!("SELECT message_count FROM chat_conversations WHERE id = {group}");
    assert_eq!(bulk::number(server, &counted).await, messages);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sends_at_once_cost_the_writer_few_statements() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    alice.send(group, "the first one learns who wants to be told").await;
    let mut costs = Vec::new();
    for count in [1, 64] {
        let mut smallest = u64::MAX;
        // A busy machine makes smaller batches than it could: it has some more rounds then.
        for round in 0..40 {
            if round >= 8 && smallest <= 15 * STATEMENTS {
                break;
            }
            let before = server.written();
            let answers = send_many(&alice, group, 0, count).await;
            smallest = smallest.min(server.written() - before);
            answers.iter().for_each(|answer| assert_eq!(answer.status, 201, "{}", answer.text));
        }
        costs.push(smallest);
    }
    println!("1 and 64 sends cost {costs:?} statements");
    assert_eq!(costs[0], STATEMENTS, "one send costs {costs:?} statements");
    // A few batches: the first one begins before all are there, and SQLite is done with it soon.
    assert!(costs[1] <= 15 * STATEMENTS, "64 sends cost {costs:?} statements");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_was_removed_slips_in_while_many_send() {
    let server = Server::start().await;
    let (alice, bob, carol) = (server.person("Alice").await, server.person("Bob").await, server.person("Carol").await);
    let group = alice.group("Team", &[&bob, &carol]).await;
    for turn in 0..5 {
        let removed = format!("/conversations/{group}/participants/{}", carol.id);
        let (sent, others, gone) =
            tokio::join!(send_many(&carol, group, 0, 20), send_many(&bob, group, 100, 20), alice.delete(&removed));
        assert_eq!(gone.status, 200, "{}", gone.text);
        assert!(sent.iter().all(|answer| [201, 403].contains(&answer.status)), "{turn}");
        assert!(others.iter().all(|answer| answer.status == 201));
        alice.post(&format!("/conversations/{group}/participants"), json!({ "userIds": [carol.id] })).await.ok();
    }
    let mut is_inside = true;
    let mut messages = 0;
    for event in events(&alice).await {
        match event["type"].as_str() {
            Some("participant.removed") => is_inside = false,
            Some("participant.added") => is_inside = true,
            Some("message.sent") => {
                messages += 1;
                assert!(is_inside || event["data"]["senderId"] != json!(carol.id), "{event}");
            }
            _ => {}
        }
    }
    numbers_are_dense(&server, group, messages).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_that_send_into_one_conversation_leave_no_hole_and_double_nothing() {
    let server = Server::start().await;
    if server.database_url().starts_with("sqlite:") {
        return;
    }
    let twin = server.twin().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let elsewhere = bob.at(twin.address);
    for round in 0..6 {
        let path = format!("/conversations/{group}/messages");
        let same = json!({ "content": "once", "tempId": format!("t{round}") });
        let (here, there, one, other) = tokio::join!(
            send_many(&alice, group, 0, 25),
            send_many(&elsewhere, group, 100, 25),
            bob.post(&path, same.clone()),
            elsewhere.post(&path, same.clone())
        );
        here.iter().chain(&there).for_each(|answer| assert_eq!(answer.status, 201, "{}", answer.text));
        let statuses: HashSet<u16> = [one.status, other.status].into();
        assert_eq!(statuses, [200, 201].into(), "{} {}", one.text, other.text);
        assert_eq!(one.data()["id"], other.data()["id"]);
    }
    let told = events(&alice).await;
    let positions: Vec<i64> = told.iter().map(position).collect();
    assert_eq!(positions, (1..=positions.len() as i64).collect::<Vec<_>>());
    numbers_are_dense(&server, group, 6 * 51).await;
}
