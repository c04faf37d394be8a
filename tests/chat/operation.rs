//! What an operator relies on: health, metrics, the pruned log, the limits on connections, and the doctor.

use std::time::Duration;

use confab::doctor;
use confab::store::Store;
use sea_orm::{ConnectionTrait, Database, TransactionTrait};
use serde_json::json;

use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_without_a_token() {
    let server = Server::start().await;
    for path in ["/health/live", "/health/ready"] {
        let answer = reqwest::get(server.url(path)).await.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.text().await.expect("a text").as_str()), (200, "ok"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_messages_deliveries_connections_and_requests_and_name_nobody() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice-of-the-metrics").await, server.person("Bob").await);
    let room = alice.group("Room of the metrics", &[&bob]).await;
    let mut socket = bob.subscribe("subscription { messages { id } }").await;
    alice.send(room, "to be counted").await;
    socket.event().await;
    let text = reqwest::get(server.url("/metrics")).await.expect("an answer").text().await.expect("a text");
    for line in [
        "confab_connections{door=\"graphql\"}",
        "confab_deliveries_total{door=\"graphql\"}",
        "confab_messages_total",
        "confab_batch_changes_bucket",
        "confab_commit_seconds_bucket",
        "confab_writer_waiting",
        "route=\"/api/chat/conversations/{id}/messages\",method=\"POST\",status=\"201\"",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
    assert!(!text.contains("of-the-metrics") && !text.contains("Room of"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_before_what_was_pruned_is_refused_with_410_on_every_door() {
    let mut server = Server::start().await;
    let alice = server.person("Alice").await;
    let room = alice.group("Room", &[]).await;
    let start = alice.get("/events").await.body["page"]["next"].as_str().expect("a cursor").to_owned();
    alice.send(room, "old").await;
    server.stop().await;
    let database = Database::connect(server.database_url()).await.expect("the database opens");
    let ages_ago = "UPDATE chat_events SET created_at = '2001-01-01T00:00:00+00:00'";
    database.execute_unprepared(ages_ago).await.expect("the log grows old");
    database.close().await.expect("the database closes");
    server.resume().await;

    let alice = server.somebody(alice.id, &alice.token, "Alice");
    let until = tokio::time::Instant::now() + Duration::from_secs(10);
    while alice.get(&format!("/events?after={start}")).await.status == 200 && tokio::time::Instant::now() < until {
        tokio::task::yield_now().await;
    }
    alice.get(&format!("/events?after={start}")).await.refused_with(410, "CURSOR_EXPIRED");
    let query = "query($after: String) { sync(after: $after) { cursor } }";
    assert_eq!(alice.gql_refused(query, json!({ "after": start })).await.0, "CURSOR_EXPIRED");
    let mut socket = alice.socket().await;
    let subscription = "subscription($after: String) { events(after: $after) { __typename } }";
    let payload = json!({ "query": subscription, "variables": { "after": start } });
    socket.say(json!({ "type": "subscribe", "id": "1", "payload": payload })).await;
    let answer = socket.hear().await;
    assert_eq!(answer["payload"][0]["extensions"]["code"], "CURSOR_EXPIRED", "{answer}");

    // What comes now stands in the log as ever, behind what was pruned.
    let now = alice.get("/events").await.body["page"]["next"].as_str().expect("a cursor").to_owned();
    let sent = alice.send(room, "new").await;
    let events = alice.get(&format!("/events?after={now}")).await.ok();
    assert_eq!(events[0]["data"]["id"], json!(sent));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_opens_more_connections_than_the_setting_allows() {
    let server = Server::start_with(|config| config.limits.connections_per_user = 2).await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let _open = [
        alice.subscribe("subscription { messages { id } }").await,
        alice.subscribe("subscription { messages { id } }").await,
    ];
    let request = alice.request(reqwest::Method::POST, "/graphql").header("accept", "text/event-stream");
    let refused = alice.fetch(request.json(&json!({ "query": "subscription { messages { id } }" }))).await;
    assert!(refused.text.contains("RATE_LIMITED"), "{}", refused.text);
    bob.subscribe("subscription { messages { id } }").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_a_used_database_well_and_a_meddled_one_not() {
    let mut server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let room = alice.group("Room", &[&bob]).await;
    alice.direct(&bob).await;
    let parent = alice.send(room, "parent").await;
    for number in 0..5 {
        let path = format!("/conversations/{room}/messages");
        bob.post(&path, json!({ "content": format!("{number}"), "parentMessageId": parent })).await.ok();
    }
    let reply = bob.send(room, "to go").await;
    bob.post(&format!("/messages/{reply}/reactions"), json!({ "emoji": "👍" })).await.ok();
    bob.delete(&format!("/messages/{reply}")).await.ok();
    alice.post_nothing(&format!("/conversations/{room}/read")).await.ok();
    alice.delete(&format!("/conversations/{room}")).await.ok();
    server.stop().await;

    let store = Store::open(&server.database_url()).await.expect("the database opens");
    let findings = doctor::examine(&store).await.expect("every rule can be checked");
    assert!(findings.iter().all(|finding| finding.broken == 0), "{findings:?}");
    store.close().await;

    let database = Database::connect(server.database_url()).await.expect("the database opens");
    for meddling in [
        "DELETE FROM chat_events WHERE position = 3",
        "UPDATE chat_messages SET reply_count = 7 WHERE id = 1",
        "UPDATE chat_events SET event_type = 'message.lost' WHERE position = 4",
        "UPDATE chat_messages SET search_words = 'parents' WHERE id = 1",
    ] {
        database.execute_unprepared(meddling).await.expect("the database is meddled with");
    }
    database.close().await.expect("the database closes");
    let store = Store::open(&server.database_url()).await.expect("the database opens");
    let findings = doctor::examine(&store).await.expect("every rule can be checked");
    let broken: Vec<&str> = findings.iter().filter(|finding| finding.broken > 0).map(|finding| finding.rule).collect();
    assert_eq!(
        broken,
        [
            "The log has no hole",
            "The replies to a message are counted right",
            "Each event has a known type",
            "A message is found by the words of its text",
        ]
    );
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_database_can_be_read_but_not_written_is_not_ready_until_it_can() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let room = alice.group("Room", &[]).await;
    let ready = async || reqwest::get(server.url("/health/ready")).await.expect("an answer").status().as_u16();
    let database = Database::connect(server.database_url()).await.expect("the database opens");
    let held = database.begin().await.expect("a transaction");
    held.execute_unprepared("UPDATE chat_log SET position = position WHERE id = 1")
        .await
        .expect("the lock of all writing");

    let refused = alice.post(&format!("/conversations/{room}/messages"), json!({ "content": "in vain" })).await;
    refused.refused_with(503, "UNAVAILABLE");
    assert_eq!(alice.get("/conversations").await.status, 200, "reading works");
    assert_eq!(ready().await, 503);

    held.rollback().await.expect("the lock is given back");
    let until = tokio::time::Instant::now() + Duration::from_secs(60);
    while ready().await != 200 && tokio::time::Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(ready().await, 200);
    alice.send(room, "written").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_whether_the_server_is_ready_does_not_write_each_time() {
    let server = Server::start().await;
    for _ in 0..3 {
        let before = server.statements();
        for _ in 0..40 {
            assert_eq!(reqwest::get(server.url("/health/ready")).await.expect("an answer").status(), 200);
        }
        // The server has chores of its own; a trial is three statements.
        if server.statements() - before < 80 {
            return;
        }
    }
    panic!("each question writes");
}
