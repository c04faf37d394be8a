//! Several servers on one PostgreSQL database: what one door of one of them changes, every door of every other hears at once
//! (protocol §14). On SQLite, where a server is alone, there is nothing to try.

use std::time::Duration;

use serde_json::{Value as Json, json};
use sqlx::postgres::{PgConnection, PgListener};
use sqlx::{Connection, Row};
use tokio::time::{Instant, sleep};

use crate::attendance::{self, stomp};
use crate::bulk;
use crate::matrix::stomp::Stomp;
use crate::person::Person;
use crate::server::{Server, token};
use crate::sockets::{SOON, until};

/// Far below the time after which a node looks into the log of its own accord.
const AT_ONCE: Duration = Duration::from_secs(2);
/// How long the people of a node that ended have to be elsewhere, and how long the end of that may take to be noticed.
const LEASE: Duration = Duration::from_secs(15);
const BURIED: Duration = Duration::from_secs(25);

/// Two nodes, Alice at the first, Bob at the second, and a group of both.
struct Scene {
    here: Server,
    there: Server,
    alice: Person,
    bob: Person,
    group: i64,
}

async fn scene() -> Option<Scene> {
    let here = Server::start_with_room_for_twins(|_| {}).await?;
    let there = here.twin().await;
    let (alice, bob) = (here.person("Alice").await, here.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let bob = bob.at(there.address);
    Some(Scene { here, there, alice, bob, group })
}

/// The next status that is told of somebody.
async fn told(stomp: &mut Stomp, of: &Person, within: Duration) -> Option<String> {
    let body = attendance::told(stomp, of, within).await?;
    body["status"].as_str().map(str::to_owned)
}

async fn status(viewer: &Person, of: &Person) -> String {
    let body = viewer.get(&format!("/presence/{}", of.id)).await.ok();
    body["status"].as_str().expect("a status").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_at_one_node_is_heard_at_the_other_at_once() {
    let Some(Scene { here: _here, there: _there, alice, bob, group }) = scene().await else { return };
    let mut ear = stomp(&bob, &["messages", "reactions", "receipts"]).await;
    let mut subscribed =
        bob.subscribe("subscription { messages { content sender { name } attachments { url } } }").await;
    // The first that a node hears of another may take a beat.
    alice.send(group, "Hello").await;
    assert_eq!(ear.hear("messages").await["content"], "Hello");
    assert_eq!(subscribed.event().await["messages"]["sender"]["name"], "Alice");
    let mut slowest = Duration::ZERO;
    for number in 0..50 {
        let began = Instant::now();
        alice.send(group, &format!("number {number}")).await;
        assert_eq!(ear.hear("messages").await["content"], format!("number {number}"));
        slowest = slowest.max(began.elapsed());
        assert_eq!(subscribed.event().await["messages"]["content"], format!("number {number}"));
    }
    println!("slowest of 50 sends until they were heard at the other node: {slowest:?}");
    assert!(slowest < AT_ONCE, "{slowest:?}");

    let message = alice.send(group, "the last").await;
    ear.hear("messages").await;
    alice.put(&format!("/messages/{message}"), json!({ "content": "the **very** last" })).await.ok();
    let edited = ear.hear("messages").await;
    assert_eq!((&edited["content"], &edited["isEdited"]), (&json!("the **very** last"), &json!(true)));
    alice.post(&format!("/messages/{message}/reactions"), json!({ "emoji": "👍" })).await.ok();
    let reaction = ear.hear("reactions").await;
    assert_eq!((&reaction["emoji"], &reaction["reactionSummary"]), (&json!("👍"), &json!({ "👍": 1 })));
    // Alice reads at the first node what Bob sent at the second, who is told of it there.
    let answer = bob.send(group, "Read this").await;
    assert_eq!(ear.hear("messages").await["senderId"], bob.id);
    alice.post(&format!("/conversations/{group}/read"), json!({ "messageId": answer })).await;
    assert_eq!(ear.hear("receipts").await["lastReadMessageId"], answer);
    let mut ear = stomp(&bob, &["conversations"]).await;
    let began = Instant::now();
    alice.put(&format!("/conversations/{group}"), json!({ "name": "A new name" })).await.ok();
    assert_eq!(ear.hear("conversations").await["name"], "A new name");
    assert!(began.elapsed() < AT_ONCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_is_heard_at_the_other_node_and_ends_with_a_message_sent_there() {
    let Some(Scene { here, there, alice, bob, group }) = scene().await else { return };
    let mut ears = [stomp(&bob, &["typing"]).await, stomp(&bob.at(here.address), &["typing"]).await];
    let mut session = stomp(&alice, &[]).await;
    let typing = json!({ "conversationId": group, "typing": true }).to_string();
    for turn in 0..3 {
        assert!(session.send("/app/chat.typing", &typing).await.is_none());
        for ear in &mut ears {
            assert_eq!(ear.hear("typing").await["typing"], true, "{turn}");
        }
        let began = Instant::now();
        alice.at(there.address).send(group, "sent at the other node").await;
        for ear in &mut ears {
            assert_eq!(ear.hear("typing").await["typing"], false, "{turn}");
        }
        assert!(began.elapsed() < AT_ONCE, "{turn}: {:?}", began.elapsed());
        // It is told once a second at most.
        sleep(Duration::from_millis(1_100)).await;
    }
    for ear in &mut ears {
        ear.is_quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_online_while_they_are_connected_to_any_node() {
    let Some(Scene { here, there, alice, bob, .. }) = scene().await else { return };
    let mut ears = [stomp(&alice, &["presence"]).await, stomp(&alice.at(there.address), &["presence"]).await];
    let first = stomp(&bob.at(here.address), &[]).await;
    for ear in &mut ears {
        assert_eq!(told(ear, &bob, AT_ONCE).await.as_deref(), Some("ONLINE"));
    }
    let second = stomp(&bob, &[]).await;
    drop(first);
    for ear in &mut ears {
        assert_eq!(told(ear, &bob, Duration::from_secs(4)).await, None, "one node is left");
    }
    sleep(Duration::from_secs(4)).await;
    assert_eq!((status(&alice, &bob).await, status(&alice.at(there.address), &bob).await).0, "ONLINE");
    bob.put("/presence/status", json!({ "status": "DND" })).await.ok();
    for ear in &mut ears {
        assert_eq!(told(ear, &bob, AT_ONCE).await.as_deref(), Some("DND"));
    }
    drop(second);
    for ear in &mut ears {
        assert_eq!(told(ear, &bob, Duration::from_secs(8)).await.as_deref(), Some("OFFLINE"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn to_come_and_go_at_several_nodes_ends_with_the_truth_at_each() {
    let Some(Scene { here, there, alice, bob, .. }) = scene().await else { return };
    let third = here.twin().await;
    let nodes = [here.address, there.address, third.address];
    let mut ears = Vec::new();
    for node in nodes {
        ears.push(stomp(&alice.at(node), &["presence"]).await);
    }
    for turn in 0..50 {
        drop(stomp(&bob.at(nodes[turn % 3]), &[]).await);
    }
    let stays = stomp(&bob.at(nodes[1]), &[]).await;
    sleep(Duration::from_secs(6)).await;
    for (node, ear) in nodes.into_iter().zip(&mut ears) {
        let mut heard = Vec::new();
        while let Some(status) = told(ear, &bob, Duration::from_millis(200)).await {
            heard.push(status);
        }
        assert!((1..=5).contains(&heard.len()), "{heard:?}");
        assert_eq!(heard.last().map(String::as_str), Some("ONLINE"), "{heard:?}");
        assert_eq!(status(&alice.at(node), &bob).await, "ONLINE");
    }
    drop(stays);
    for ear in &mut ears {
        assert_eq!(told(ear, &bob, Duration::from_secs(9)).await.as_deref(), Some("OFFLINE"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_whoever_moves_from_a_node_that_stops_to_another_nobody_is_told_and_the_others_are_gone() {
    let Some(Scene { here, mut there, alice, bob, .. }) = scene().await else { return };
    let carol = here.person("Carol").await;
    alice.direct(&carol).await;
    let mut ear = stomp(&alice, &["presence"]).await;
    let (bobs, carols) = (stomp(&bob, &[]).await, stomp(&carol.at(there.address), &[]).await);
    assert_eq!(told(&mut ear, &bob, AT_ONCE).await.as_deref(), Some("ONLINE"));
    assert_eq!(told(&mut ear, &carol, AT_ONCE).await.as_deref(), Some("ONLINE"));
    let stopped = Instant::now();
    there.stop().await;
    drop((bobs, carols));
    let _back = stomp(&bob.at(here.address), &[]).await;
    let gone = told(&mut ear, &carol, BURIED).await;
    assert_eq!(gone.as_deref(), Some("OFFLINE"), "after {:?}", stopped.elapsed());
    assert!(stopped.elapsed() > LEASE - Duration::from_secs(2), "after {:?}", stopped.elapsed());
    assert_eq!(told(&mut ear, &bob, Duration::from_secs(6)).await, None, "they are here all the time");
    assert_eq!((status(&alice, &bob).await, status(&alice, &carol).await), ("ONLINE".into(), "OFFLINE".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_name_is_known_at_the_other_node_at_once() {
    let Some(Scene { here: _here, there: _there, alice, bob, group }) = scene().await else { return };
    bob.get("/conversations").await.ok();
    let path = format!("/conversations/{group}/messages");
    let renamed = Person::new(bob.address, bob.id, "Robert", &token(json!({ "sub": bob.id, "name": "Robert" })));
    let old_token_at_the_first = bob.at(alice.address);
    assert_eq!(renamed.post(&path, json!({ "content": "Hi" })).await.ok()["senderName"], "Robert");
    until("the new name is known", async || {
        let me = alice.gql_ok("query($id: ID!) { user(id: $id) { name } }", json!({ "id": bob.id.to_string() })).await;
        me["user"]["name"] == "Robert"
    })
    .await;
    // A token with the old name is a new name again; the first node knows that it has to be written.
    old_token_at_the_first.post(&path, json!({ "content": "Hi" })).await.ok();
    assert_eq!(alice.get(&path).await.ok()[1]["senderName"], "Bob");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_one_user_count_over_all_nodes() {
    let most = |config: &mut confab::config::Config| config.limits.connections_per_user = 3;
    let Some(here) = Server::start_with_room_for_twins(most).await else { return };
    let there = here.twin().await;
    let alice = here.person("Alice").await;
    let elsewhere = alice.at(there.address);
    let mut sessions = Vec::new();
    for person in [&alice, &elsewhere, &alice] {
        sessions.push(stomp(person, &[]).await);
        sleep(Duration::from_millis(200)).await;
    }
    for person in [&alice, &elsewhere] {
        let refused = Stomp::connect(person.address, Some(&person.token)).await.err().expect("one too many");
        assert!(refused.contains("At most 3 connections"), "{refused}");
    }
    sessions.pop();
    until("there is room again", async || Stomp::connect(elsewhere.address, Some(&elsewhere.token)).await.is_ok())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_come_twice_late_forged_or_garbled_change_nothing() {
    let Some(Scene { here, there: _there, alice, bob, group }) = scene().await else { return };
    let mut listener = PgListener::connect(&here.database_url()).await.expect("the database answers");
    listener.listen("confab").await.expect("anybody may listen");
    let meddler = sqlx::PgPool::connect(&here.database_url()).await.expect("the database answers");
    let mut ear = stomp(&bob, &["messages", "presence"]).await;
    alice.send(group, "the first").await;
    assert_eq!(ear.hear("messages").await["content"], "the first");
    let meddling = tokio::spawn(async move {
        let mut kept: Vec<String> = Vec::new();
        while let Ok(heard) = listener.recv().await {
            let frame = heard.payload().to_owned();
            if frame.contains("meddled") || kept.contains(&frame) {
                continue;
            }
            kept.push(frame.clone());
            // As it is, changed, cut short, of another node, of a later version; and an old one again.
            let old = kept[kept.len() / 2].clone();
            let garbled = [
                frame.clone(),
                frame.replace("number", "meddled"),
                frame.get(..frame.len() / 2).unwrap_or_default().to_owned(),
                frame.replacen("1.", "9.", 1),
                frame.replace("\"to\":", "\"to\":9"),
                old,
                "meddled".to_owned(),
                String::new(),
            ];
            for text in garbled {
                let told = sqlx::query("SELECT pg_notify('confab', $1)").bind(text).execute(&meddler).await;
                told.expect("anybody may notify");
            }
        }
    });
    for number in 0..100 {
        alice.send(group, &format!("number {number}")).await;
    }
    for number in 0..100 {
        let heard = loop {
            let (queue, body) = ear.next(SOON).await.expect("it is heard");
            if queue == "messages" {
                break body;
            }
        };
        assert_eq!(heard["content"], format!("number {number}"));
    }
    assert!(!meddling.is_finished(), "the meddler goes on to the end");
    while let Some((queue, body)) = ear.next(Duration::from_millis(300)).await {
        assert_eq!(queue, "presence", "{body}");
    }
    assert_eq!(bob.get("/health").await.status, 404);
}

/// What a message costs PostgreSQL does not grow with the nodes that hear of it: the statements of all nodes together.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_message_costs_the_database_does_not_grow_with_the_nodes() {
    let Some(Scene { here, there, alice, bob, group }) = scene().await else { return };
    let third = here.twin().await;
    let mut ears = Vec::new();
    for node in [there.address, third.address] {
        ears.push(stomp(&bob.at(node), &["messages"]).await);
    }
    alice.send(group, "the first").await;
    for ear in &mut ears {
        ear.hear("messages").await;
    }
    let others = || there.statements() + third.statements();
    // Looks into the log, signs of life and leases fall into some of the counts.
    let mut smallest = u64::MAX;
    for round in 0..20 {
        let before = others();
        for number in 0..10 {
            alice.send(group, &format!("{round} {number}")).await;
        }
        for ear in &mut ears {
            for number in 0..10 {
                assert_eq!(ear.hear("messages").await["content"], format!("{round} {number}"));
            }
        }
        smallest = smallest.min(others() - before);
    }
    assert_eq!(smallest, 0, "the other nodes asked the database for what they were told");
}

/// Two statements a message wherever it is sent, and none that waits for its node while it holds the log; and what is counted
/// of the messages is right, though one person sends at both nodes.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_send_at_the_same_time_do_not_get_in_each_others_way() {
    const MESSAGES: u64 = 100;
    let Some(Scene { here, there, alice, bob, group }) = scene().await else { return };
    let also_alice = alice.at(there.address);
    let send = async |person: &Person| {
        for number in 0..MESSAGES {
            person.send(group, &format!("{number}")).await;
        }
    };
    let before = here.statements() + there.statements();
    tokio::join!(send(&alice), send(&bob), send(&also_alice));
    let statements = here.statements() + there.statements() - before;
    // Signs of life, and what a node looks for of its own accord, fall into it.
    assert!(statements < MESSAGES * 3 * 2 + 100, "{statements} statements for {} messages", MESSAGES * 3);

    let numbered = "SELECT count(*) AS messages, count(DISTINCT number) AS numbers, max(number) AS newest, \
        count(DISTINCT (sender_id, sender_number)) AS of_senders, max(sender_number) AS of_alice FROM chat_messages";
    let mut database = PgConnection::connect(&here.database_url()).await.expect("the database answers");
    let row = sqlx::query(numbered).fetch_one(&mut database).await.unwrap();
    let counted = ["messages", "numbers", "newest", "of_senders", "of_alice"].map(|name| row.get::<i64, _>(name));
    assert_eq!(counted, [300, 300, 300, 300, 200]);

    let mut last = String::new();
    let mut cursor = String::new();
    loop {
        let page = alice.get(&format!("/conversations/{group}/messages?limit=100{cursor}")).await.ok();
        let page = page.as_array().expect("a list");
        let Some(oldest) = page.first() else { break };
        cursor = format!("&before={}", oldest["id"]);
        let times: Vec<&str> = page.iter().map(|message| message["createdAt"].as_str().expect("a time")).collect();
        assert!(times.is_sorted() && (last.is_empty() || times[times.len() - 1] <= last.as_str()), "{times:?}");
        last = times[0].to_owned();
    }
    assert!(!last.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_longer_than_a_frame_is_heard_all_the_same() {
    let Some(Scene { here: _here, there: _there, alice, bob, group }) = scene().await else { return };
    let mut ear = stomp(&bob, &["messages"]).await;
    for length in [7_000, 7_600, 7_900, 9_999] {
        let text = "é".repeat(length);
        let began = Instant::now();
        alice.send(group, &text).await;
        assert_eq!(ear.hear("messages").await["content"], Json::from(text));
        assert!(began.elapsed() < AT_ONCE, "{length}: {:?}", began.elapsed());
    }
}

/// A node that others can take over from ends its connections one after the other, and nobody notices but by coming back.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_leaves_its_clients_to_the_others_in_even_steps() {
    let slowly = |config: &mut confab::config::Config| config.server.drain_seconds = 4;
    let Some(here) = Server::start_with_room_for_twins(|_| {}).await else { return };
    let mut there = here.twin_with(slowly).await;
    let alice = here.person("Alice").await;
    let mut sockets = Vec::new();
    for _ in 0..40 {
        sockets.push(alice.at(there.address).socket().await);
    }
    let (began, url) = (Instant::now(), there.url("/health/ready"));
    let stopping = tokio::spawn(async move {
        there.stop().await;
        began.elapsed()
    });
    until("it is not ready", async || reqwest::get(&url).await.is_ok_and(|answer| answer.status() == 503)).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let mut ended = Vec::new();
    for mut socket in sockets {
        ended.push(tokio::spawn(
            async move { (socket.closed_within(Duration::from_secs(20)).await.0, began.elapsed()) },
        ));
    }
    let mut times = Vec::new();
    for ended in ended {
        let (code, after) = ended.await.expect("it ends");
        assert_eq!(code, 1001);
        times.push(after);
    }
    times.sort_unstable();
    let (first, last) = (times[0], times[39]);
    assert!(first > Duration::from_secs(4), "balancers have a moment to notice: {first:?}");
    assert!(last - first > Duration::from_secs(3), "they end from {first:?} to {last:?}");
    let largest = times
        .iter()
        .map(|one| times.iter().filter(|other| **other >= *one && **other < *one + Duration::from_secs(1)).count());
    assert!(largest.max().is_some_and(|largest| largest <= 14), "{times:?}");
    let took = stopping.await.expect("it stops");
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(reqwest::get(&url).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_count_over_all_nodes_and_a_repeat_takes_nothing() {
    let thirty = |config: &mut confab::config::Config| config.limits.messages_per_minute = 30;
    let Some(here) = Server::start_with_room_for_twins(thirty).await else { return };
    let nodes = [here.twin().await, here.twin().await];
    let alice = here.person("Alice").await;
    let places = [alice.clone(), alice.at(nodes[0].address), alice.at(nodes[1].address)];
    let group = alice.group("Team", &[]).await;
    let path = format!("/conversations/{group}/messages");
    let first = json!({ "content": "once", "tempId": "t1" });
    assert_eq!(alice.post(&path, first.clone()).await.status, 201);
    let sends = (0..60).map(|number| {
        let (place, path) = (places[number % 3].clone(), path.clone());
        tokio::spawn(async move {
            // Half of them with a tempId, which is asked for ahead.
            let mut input = json!({ "content": format!("number {number}") });
            if number % 2 == 0 {
                input["tempId"] = format!("n{number}").into();
            }
            place.post(&path, input).await
        })
    });
    let mut statuses = Vec::new();
    for send in sends.collect::<Vec<_>>() {
        let answer = send.await.expect("it is answered");
        if answer.status == 429 {
            let wait: u64 = answer.header("retry-after").and_then(|wait| wait.parse().ok()).expect("how long to wait");
            assert!((1..=60).contains(&wait), "{wait}");
        }
        statuses.push(answer.status);
    }
    let passed = statuses.iter().filter(|status| **status == 201).count();
    assert_eq!(passed, 29, "with the first one, exactly thirty: {statuses:?}");
    assert!(statuses.iter().all(|status| [201, 429].contains(status)), "{statuses:?}");
    for place in &places {
        assert_eq!(place.post(&path, first.clone()).await.status, 200, "a repeat is answered whatever the limit");
        assert_eq!(place.post(&path, json!({ "content": "one more" })).await.status, 429);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_does_for_all_is_done_by_another_when_it_ends() {
    let Some(here) = Server::start_with_room_for_twins(|_| {}).await else { return };
    let mut there = here.twin().await;
    let holders = async || {
        let sql = "SELECT count(DISTINCT l.node_id) FROM chat_leases l JOIN chat_nodes n ON n.id = l.node_id \
            WHERE l.until > now() AND n.seen_until > now()";
        (bulk::number(&here, sql).await, bulk::number(&here, "SELECT count(*) FROM chat_leases").await)
    };
    until("each job has a lease", async || holders().await.1 == 5).await;
    let before = bulk::number(&here, "SELECT count(*) FROM chat_leases WHERE until <= now()").await;
    assert_eq!(before, 0);
    there.stop().await;
    let alone = "SELECT count(*) FROM chat_leases l JOIN chat_nodes n ON n.id = l.node_id WHERE NOT n.draining";
    let end = Instant::now() + Duration::from_secs(60);
    while bulk::number(&here, alone).await < 5 {
        assert!(Instant::now() < end, "the node that is left takes over");
        sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_other_keys_or_another_storage_does_not_start() {
    let Some(here) = Server::start_with_room_for_twins(|config| config.cluster.name = Some("chat-1".to_owned())).await
    else {
        return;
    };
    let other_key = here.refused_twin(|config| config.auth.jwt_secret = Some("x".repeat(40))).await;
    assert!(other_key.starts_with("The node chat-1 of this database checks tokens with another key"), "{other_key}");
    let elsewhere = |config: &mut confab::config::Config| config.storage.url = None;
    let other_place = here.refused_twin(elsewhere).await;
    assert!(other_place.starts_with("The node chat-1 of this database keeps files somewhere else"), "{other_place}");
    // Other differences are no reason.
    let _twin = here.twin_with(|config| config.limits.messages_per_minute = 7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sees_the_nodes_and_how_they_hear_each_other() {
    let Some(here) = Server::start_with_room_for_twins(|config| config.cluster.name = Some("chat-1".to_owned())).await
    else {
        return;
    };
    let mut there = here.twin_with(|config| config.cluster.name = Some("chat-2".to_owned())).await;
    let (admin, alice) = (here.administrator("Admin").await, here.person("Alice").await);
    let look = async |token: &str| {
        let client = reqwest::Client::new();
        let asked = client.get(here.url("/health/cluster")).header("Authorization", format!("Bearer {token}"));
        let answer = asked.send().await.expect("it is answered");
        (answer.status().as_u16(), answer.json::<Json>().await.expect("JSON"))
    };
    assert_eq!(look(&alice.token).await.0, 403);
    assert_eq!(look("").await.0, 401);
    let (status, body) = look(&admin.token).await;
    assert_eq!(status, 200);
    assert_eq!((&body["node"], &body["ways"]), (&json!("chat-1"), &json!([{ "kind": "postgresql", "up": true }])));
    let named = |body: &Json| -> Vec<(Json, Json)> {
        let nodes = body["nodes"].as_array().expect("a list").iter();
        nodes.map(|node| (node["name"].clone(), node["state"].clone())).collect()
    };
    let both = vec![(json!("chat-1"), json!("alive")), (json!("chat-2"), json!("alive"))];
    assert_eq!(named(&body), both);
    let metrics = reqwest::get(here.url("/metrics")).await.expect("it answers").text().await.expect("text");
    assert!(metrics.contains("confab_nodes 2") && metrics.contains("confab_backplane_up{kind=\"postgresql\"} 1"));
    there.stop().await;
    let (_, body) = look(&admin.token).await;
    assert_eq!(named(&body)[1].1, "draining");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_stays_online_when_all_nodes_have_stopped_one_after_the_other() {
    let Some(Scene { mut here, mut there, alice, bob, .. }) = scene().await else { return };
    let (alices, bobs) = (stomp(&alice, &[]).await, stomp(&bob, &[]).await);
    assert_eq!(status(&alice, &bob).await, "ONLINE");
    there.stop().await;
    here.stop().await;
    let online = "SELECT count(*) FROM chat_user_presence WHERE seen_until > now()";
    assert_eq!(bulk::number(&here, online).await, 0);
    drop((alices, bobs));
    // With nodes that have ended nobody has to agree.
    let mut changed = here.twin_with(|config| config.storage.url = None).await;
    changed.stop().await;
}

/// A PostgreSQL that crashed has forgotten which nodes there are, and who is connected to them. Whoever were written down as
/// connected to a node that is not written down would be buried with it.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_connected_to_a_node_that_is_not_written_down() {
    let Some(Scene { here, there: _there, alice, bob, .. }) = scene().await else { return };
    let mut ear = stomp(&alice, &["presence"]).await;
    let _stays = stomp(&bob, &[]).await;
    assert_eq!(told(&mut ear, &bob, AT_ONCE).await.as_deref(), Some("ONLINE"));
    let database = sqlx::PgPool::connect(&here.database_url()).await.expect("the database answers");
    let forgotten = sqlx::query("TRUNCATE chat_nodes, chat_attendance").execute(&database).await;
    forgotten.expect("it is forgotten");
    let _another = stomp(&bob, &[]).await;
    let began = Instant::now();
    loop {
        let sql = "SELECT count(*) FROM chat_attendance a \
            WHERE NOT EXISTS (SELECT 1 FROM chat_nodes n WHERE n.id = a.node_id)";
        let homeless: i64 = sqlx::query_scalar(sql).fetch_one(&database).await.expect("a number");
        assert_eq!(homeless, 0, "after {:?}", began.elapsed());
        let sql = "SELECT count(*) FROM chat_attendance WHERE user_id = $1";
        let written: i64 = sqlx::query_scalar(sql).bind(bob.id).fetch_one(&database).await.expect("a number");
        if written > 0 {
            break;
        }
        assert!(began.elapsed() < LEASE, "he is written down again");
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(told(&mut ear, &bob, Duration::from_secs(6)).await, None, "he is here all the time");
}
