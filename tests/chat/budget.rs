//! What a list costs: a fixed number of statements, however long it is and whatever hangs on its entries.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::person::Person;
use crate::server::Server;

/// Statements that each list may take, REST first and then GraphQL.
const REST: [(&str, u64); 7] = [
    ("/conversations", 6),
    ("/conversations/{id}/participants", 4),
    ("/conversations/{id}/messages", 3),
    ("/conversations/{id}/messages/search?query=word", 6),
    ("/conversations/{id}/attachments", 3),
    ("/messages/{message}/thread", 4),
    ("/events?after={cursor}&limit=100", 15),
];
const GRAPHQL: [(&str, u64); 8] = [
    ("{ conversations { edges { node { id name participants { userName } lastMessage { content } } } } }", 6),
    ("{ conversations { edges { node { messages(last: 50) { edges { node { content sender { name } } } } } } } }", 9),
    (
        "query($id: ID!) { conversation(id: $id) { messages(last: 50) { edges { node { content sender { name } \
         attachments { fileName } reactionSummary { emoji count viewerReacted } parent { content } } } } } }",
        14,
    ),
    (
        "query($id: ID!) { conversation(id: $id) { messages(last: 50) { edges { node { reactions { emoji user { name } } \
         readReceipts { user { name } } replies(first: 5) { edges { node { content sender { name } } } } } } } } }",
        16,
    ),
    ("{ searchMessages(query: \"word\") { edges { node { content sender { name } } snippet } } }", 7),
    ("{ users(search: \"b\") { nodes { name presence { status } } } }", 7),
    (
        "{ conversations { nodes { otherUser { name } viewerRole viewerPermissions { canSend } typing { userName } \
         participants { user { presence { online } } } } } }",
        13,
    ),
    ("{ unread { totalUnread conversations { conversationId } } }", 1),
];

/// Somebody with `rooms` groups of `messages` messages, replies and reactions among them.
async fn furnish(alice: &Person, bob: &Person, rooms: usize, messages: usize) -> (i64, i64) {
    let mut last = (0, 0);
    for room in 0..rooms {
        let group = alice.group(&format!("Room {room}"), &[bob]).await;
        let first = bob.send(group, "the first word").await;
        for number in 1..messages {
            let input = json!({ "content": format!("word {number}"), "parentMessageId": first });
            let sender = if number % 2 == 0 { alice } else { bob };
            let reply = sender.post(&format!("/conversations/{group}/messages"), input).await.ok();
            let path = format!("/messages/{}/reactions", reply["id"]);
            alice.post(&path, json!({ "emoji": if number % 3 == 0 { "👍" } else { "🎉" } })).await.ok();
        }
        last = (group, first);
    }
    last
}

/// The statements of a request: the smallest of many counts, since the server has chores of its own, more of them right
/// after much was written. Counting ends early where the goal is met.
async fn cost(server: &Server, goal: u64, request: impl AsyncFn() -> Json) -> u64 {
    let mut smallest = u64::MAX;
    for turn in 0..60 {
        let before = server.statements();
        request().await;
        smallest = smallest.min(server.statements() - before);
        match turn {
            8.. if smallest <= goal => break,
            8.. => tokio::time::sleep(Duration::from_millis(50)).await,
            _ => {}
        }
    }
    smallest
}

/// What every list costs with that many rooms and messages, each counted until it meets its goal.
async fn costs(rooms: usize, messages: usize, goals: &[u64]) -> Vec<(String, u64)> {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let start = alice.get("/events").await.body["page"]["next"].as_str().expect("a cursor").to_owned();
    let (group, first) = furnish(&alice, &bob, rooms, messages).await;
    let mut costs = Vec::new();
    for ((path, _), goal) in REST.into_iter().zip(goals) {
        let path = path.replace("{id}", &group.to_string()).replace("{message}", &first.to_string());
        let path = path.replace("{cursor}", &start);
        costs.push((path.clone(), cost(&server, *goal, async || alice.get(&path).await.ok()).await));
    }
    for ((query, _), goal) in GRAPHQL.into_iter().zip(&goals[REST.len()..]) {
        let variables = json!({ "id": group.to_string() });
        let variables = if query.contains("$id") { variables } else { json!({}) };
        let asked = async || alice.gql_ok(query, variables.clone()).await;
        costs.push((query.to_owned(), cost(&server, *goal, asked).await));
    }
    costs
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_costs_the_same_however_long_it_is() {
    let budgets: Vec<u64> = REST.iter().chain(&GRAPHQL).map(|(_, budget)| *budget).collect();
    let short = costs(2, 3, &budgets).await;
    // A long list is counted until it costs what the short one did: the budget alone would let a chore that fell into
    // each of a few counts pass for a statement of the list.
    let goals: Vec<u64> = short.iter().map(|(_, few)| *few).collect();
    let long = costs(12, 8, &goals).await;
    for (((path, few), (_, many)), budget) in short.iter().zip(&long).zip(&budgets) {
        let what = path.split('?').next().unwrap_or_default();
        println!("{few:>3} and {many:>3} of {budget:>3} statements: {what}");
    }
    for (((path, few), (_, many)), budget) in short.iter().zip(&long).zip(&budgets) {
        assert!(many <= few, "{path} costs {few} statements for a short list and {many} for a long one");
        assert!(many <= budget, "{path} costs {many} statements, more than {budget}");
    }
}
