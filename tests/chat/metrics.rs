//! The metrics: which there are is written down, and each kind moves with what it counts. Each test has a process of its own,
//! since a process counts for all of its servers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use sea_orm::{ConnectionTrait, Database, TransactionTrait};
use serde_json::json;

use crate::person::Person;
use crate::process::{Home, Process};
use crate::receiver::{Receiver, Reply};
use crate::sockets::{GraphqlSocket, until};
use crate::stomp_client::Carrier;

const OPERATIONS: &str = include_str!("../../docs/operations.md");
const CATALOG: &str = include_str!("../../src/telemetry/catalog.rs");

/// What a server tells Prometheus, as text.
async fn text(address: SocketAddr) -> String {
    reqwest::get(format!("http://{address}/metrics")).await.expect("an answer").text().await.expect("a text")
}

/// Each series with its value.
async fn series(address: SocketAddr) -> BTreeMap<String, f64> {
    let text = text(address).await;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, value)| (name.to_owned(), value.parse().expect("a number")))
        .collect()
}

/// The value of one series; 0 where nothing was counted.
async fn value(process: &Process, name: &str) -> f64 {
    series(process.address).await.get(name).copied().unwrap_or_default()
}

/// Waits until a series has this value.
async fn becomes(process: &Process, name: &str, expected: f64) {
    until(&format!("{name} becomes {expected}"), async || value(process, name).await == expected).await;
}

async fn alice(home: &Home, process: &Process) -> Person {
    process.somebody(1, &home.token(1, "Alice").await, "Alice")
}

/// The names that begin so in the tables of the page.
fn told(prefix: &str) -> BTreeSet<String> {
    let cells = OPERATIONS.lines().filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next());
    cells.filter(|name| name.starts_with(prefix)).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_counts_is_what_the_page_for_operators_lists() {
    let quoted = CATALOG.split('"').skip(1).step_by(2).filter(|text| text.starts_with("confab_"));
    assert_eq!(quoted.map(str::to_owned).collect::<BTreeSet<_>>(), told("confab_"));

    let home = Home::new().await;
    let process = home.serve(&[]).await;
    let alice = alice(&home, &process).await;
    let room = alice.group("Room", &[]).await;
    alice.send(room, "counted").await;
    let text = text(process.address).await;
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned));
    let exposed: BTreeSet<String> = names.collect();
    let known: BTreeSet<String> = told("confab_").union(&told("process_")).cloned().collect();
    let untold: Vec<&String> = exposed.difference(&known).collect();
    assert!(untold.is_empty() && exposed.len() > 15, "{untold:?} of {exposed:?}");
    #[cfg(target_os = "linux")]
    {
        let process: BTreeSet<String> = exposed.into_iter().filter(|name| name.starts_with("process_")).collect();
        assert_eq!(process, told("process_"));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_process_and_the_build_are_told() {
    let home = Home::new().await;
    let process = home.serve(&[]).await;
    let kind = if home.postgres().is_some() { "postgresql" } else { "sqlite" };
    let build = format!("confab_build_info{{version=\"{}\",database=\"{kind}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(value(&process, &build).await, 1.0);
    let before = series(process.address).await;
    assert!(before["process_resident_memory_bytes"] > 1e6, "{before:?}");
    let age = crate::now().timestamp() as f64 - before["process_start_time_seconds"];
    assert!((-5.0..600.0).contains(&age), "{age}");
    assert_eq!(before["process_max_fds"], process.files() as f64);

    let alice = alice(&home, &process).await;
    let mut sockets = Vec::new();
    for _ in 0..8 {
        sockets.push(alice.socket().await);
    }
    let after = series(process.address).await;
    assert!(after["process_open_fds"] >= before["process_open_fds"] + 6.0, "{before:?} {after:?}");
    assert!(after["process_cpu_seconds_total"] >= before["process_cpu_seconds_total"]);
    assert!(after["confab_transport_connections"] >= before["confab_transport_connections"] + 6.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_are_counted_by_their_result() {
    let home = Home::new().await;
    let process = home.serve(&[]).await;
    let alice = alice(&home, &process).await;
    let bob = process.somebody(2, &home.token(2, "Bob").await, "Bob");
    for (who, status) in [(&alice, 200), (&bob, 200), (&alice, 200)] {
        assert_eq!(who.get("/conversations/unread").await.status, status);
    }
    process.somebody(3, "nonsense", "Nobody").get("/conversations/unread").await.refused_with(401, "UNAUTHENTICATED");
    let admin = home.printed(&["token", "--user", "9", "--admin"]).await;
    let admin = process.somebody(9, admin.trim_end(), "Admin");
    admin.gql_ok(r#"mutation { banUser(userId: "2") { id } }"#, json!({})).await;
    bob.get("/conversations/unread").await.refused_with(403, "FORBIDDEN");
    for (result, times) in [("accepted", 4.0), ("refused", 1.0), ("banned", 1.0)] {
        let name = format!("confab_sign_ins_total{{result=\"{result}\"}}");
        assert_eq!(value(&process, &name).await, times, "{result}");
    }
    until("the ban is logged", async || process.logged().contains("You are banned from this server")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_counted_by_door_and_code_and_limits_by_which_of_them_was_hit() {
    let home = Home::new().await;
    let limits = ["--set", "limits.reactions_per_minute=1", "--set", "limits.connections_per_user=1"];
    let process = home.serve(&limits).await;
    let alice = alice(&home, &process).await;
    let room = alice.group("Room", &[]).await;
    let message = alice.send(room, "to be reacted to").await;
    let reactions = format!("/messages/{message}/reactions");
    alice.post(&reactions, json!({ "emoji": "👍" })).await.ok();
    alice.post(&reactions, json!({ "emoji": "🎉" })).await.refused_with(429, "RATE_LIMITED");
    alice.get("/conversations/404").await.refused_with(404, "NOT_FOUND");
    let delete = r#"mutation { deleteMessage(messageId: "404") { id } }"#;
    assert_eq!(alice.gql_refused(delete, json!({})).await.0, "NOT_FOUND");
    let mut stomp = alice.stomp_on(Carrier::Raw, &["errors"]).await;
    stomp.send("markRead", json!({ "conversationId": 404 })).await;
    assert_eq!(stomp.message("errors").await["code"], "NOT_FOUND");
    let mut second = GraphqlSocket::open(process.address, "/graphql").await;
    let payload = json!({ "Authorization": format!("Bearer {}", alice.token) });
    second.say(json!({ "type": "connection_init", "payload": payload })).await;
    assert_eq!(second.closed().await.0, 1013);

    for (name, times) in [
        ("confab_errors_total{door=\"http\",code=\"RATE_LIMITED\"}", 1.0),
        ("confab_errors_total{door=\"http\",code=\"NOT_FOUND\"}", 1.0),
        ("confab_errors_total{door=\"graphql\",code=\"NOT_FOUND\"}", 1.0),
        ("confab_errors_total{door=\"stomp\",code=\"NOT_FOUND\"}", 1.0),
        ("confab_limits_hit_total{limit=\"reactions\"}", 1.0),
        ("confab_limits_hit_total{limit=\"connections_per_user\"}", 1.0),
    ] {
        assert_eq!(value(&process, name).await, times, "{name}");
    }
    assert_eq!(value(&process, "confab_connections{door=\"stomp\"}").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_the_writer_and_what_connections_do_is_told_while_the_database_hangs() {
    let home = Home::new().await;
    let process = home.serve(&[]).await;
    let alice = alice(&home, &process).await;
    let room = alice.group("Room", &[]).await;
    alice.get("/conversations").await.ok();
    becomes(&process, "confab_writer_waiting", 0.0).await;
    assert_eq!(value(&process, "confab_hub_lag_events").await, 0.0);
    assert!(value(&process, "confab_read_wait_seconds_count{for=\"users\"}").await >= 1.0);
    let idle = "confab_database_connections{for=\"users\",state=\"idle\"}";
    until("a connection lies idle", async || value(&process, idle).await >= 1.0).await;

    let database = Database::connect(home.database_url()).await.expect("the database opens");
    let held = database.begin().await.expect("a transaction");
    held.execute_unprepared("UPDATE chat_log SET position = position WHERE id = 1")
        .await
        .expect("the lock of all writing");
    // The first is taken by the writer, and the others have to wait for it.
    let waiting: Vec<_> = (0..6)
        .map(|number| {
            let (alice, path) = (alice.clone(), format!("/conversations/{room}"));
            tokio::spawn(async move {
                if number > 0 {
                    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                }
                alice.put(&path, json!({ "description": format!("{number}") })).await
            })
        })
        .collect();
    until("changes wait", async || value(&process, "confab_writer_waiting").await > 0.0).await;
    held.rollback().await.expect("the lock is given back");
    for change in waiting {
        change.await.expect("an answer");
    }
    becomes(&process, "confab_writer_waiting", 0.0).await;
    becomes(&process, "confab_database_connections{for=\"writer\",state=\"busy\"}", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_is_counted_as_behind_until_it_is_gone() {
    let home = Home::new().await;
    let process = home.serve(&[]).await;
    let alice = alice(&home, &process).await;
    let bob = process.somebody(2, &home.token(2, "Bob").await, "Bob");
    bob.get("/conversations").await.ok();
    let room = alice.group("Room", &[&bob]).await;
    let protocol = [("Sec-WebSocket-Protocol", "graphql-transport-ws")];
    let mut deaf = GraphqlSocket::knock(process.address, &protocol, Some(4096)).await.expect("a socket");
    deaf.init(&bob.token).await;
    deaf.subscribe("1", "subscription { messages { content } }", json!({})).await;
    assert_eq!(value(&process, "confab_connections_behind").await, 0.0);
    let long = "x".repeat(9_000);
    let mut sent = 0;
    while value(&process, "confab_connections_behind").await == 0.0 {
        assert!(sent < 4_000, "it takes all of them");
        let messages = (0..64).map(|_| alice.send(room, &long));
        futures_util::future::join_all(messages).await;
        sent += 64;
    }
    drop(deaf);
    becomes(&process, "confab_connections_behind", 0.0).await;
    becomes(&process, "confab_connections{door=\"graphql\"}", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_counted_while_they_wait_and_by_what_came_of_them() {
    let receiver = Receiver::start_with(|_, _| Reply::Status(500)).await;
    let home = Home::new().await;
    let process =
        home.serve(&["--set", "webhooks.allow_private_targets=true", "--set", "webhooks.retry_seconds=3600"]).await;
    let admin = home.printed(&["token", "--user", "9", "--admin"]).await;
    let admin = process.somebody(9, admin.trim_end(), "Admin");
    let create = "mutation($url: String!) { createWebhookEndpoint(input: { url: $url }) { id } }";
    admin.gql_ok(create, json!({ "url": receiver.url() })).await;
    let room = admin.group("Room", &[]).await;
    admin.send(room, "to be told").await;
    // The first is refused, and both wait for its next attempt.
    becomes(&process, "confab_webhook_outbox", 2.0).await;
    assert_eq!(value(&process, "confab_webhook_attempts_total{result=\"refused\"}").await, 1.0);

    let other = Receiver::start().await;
    admin.gql_ok(create, json!({ "url": other.url() })).await;
    admin.send(room, "to be heard").await;
    other.wait_for(1).await;
    becomes(&process, "confab_webhook_attempts_total{result=\"delivered\"}", 1.0).await;
    becomes(&process, "confab_webhook_outbox", 3.0).await;
}
