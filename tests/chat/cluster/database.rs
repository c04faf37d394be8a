//! A node that is cut from PostgreSQL while the others go on, and a PostgreSQL that crashes under all of them and has forgotten
//! who was there.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::guests::{Guest, invite, statuses};
use super::{GONE, HEARD, SLACK, TALK, are_tested, metric, nodes, nodes_at_home, redis, within};
use crate::faults::ledger::Outcome;
use crate::faults::proxy::Way;
use crate::faults::service::Service;
use crate::faults::wire::Wire;
use crate::faults::{Stage, rounds};
use crate::process::Home;

/// When a node that is cut from the database says so at the latest: a batch has five seconds, and connecting anew two.
const REFUSED: Duration = Duration::from_secs(7);
/// When a node has surely forgotten whose last connection to it ended.
const FORGOTTEN: Duration = Duration::from_secs(6);
/// When nodes are ready, and all who are here are written down, after the database is back.
const READY: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_from_the_database_says_so_and_keeps_its_connections() {
    if !are_tested() {
        return;
    }
    let (starts, ways) = nodes_at_home(3, redis().as_deref()).await;
    let stage = Stage::open("a node cut from the database", starts).await;
    let (watch, people) = invite(&stage, 2, 0).await;
    let cut = Guest::enter(&people[0], &stage.addresses, 2, false).await;
    let other = Guest::enter(&people[1], &stage.addresses, 1, false).await;
    let carol = stage.people[2].clone();
    let scene = stage.begin(TALK).await;
    let mut ear = Wire::stomp(scene.town.nodes.at(2), &carol.token).await.expect("a session");
    ear.say("SUBSCRIBE\nid:1\ndestination:/user/queue/chat/messages\nreceipt:1\n\n\0".to_owned()).await;
    for _ in 0..5 {
        assert!(ear.frame(HEARD).await.is_some());
    }

    let began = Instant::now();
    ways[2].cut_from_the_database();
    let (mut refused, mut slowest) = (None, Duration::ZERO);
    let path = format!("/conversations/{}/messages", scene.town.conversations[0]);
    for number in 0.. {
        let (asked, temp) = (Instant::now(), format!("cut-{number}"));
        // What went into the cut may come out of it.
        scene.town.ledger.sent(&temp, Outcome::Unknown);
        let body = json!({ "content": format!("{temp} x"), "tempId": temp });
        let answer = carol.at(scene.town.nodes.at(2)).post(&path, body).await;
        if answer.status != 201 {
            assert_eq!((answer.status, answer.body["code"].as_str()), (503, Some("UNAVAILABLE")), "{}", answer.text);
            slowest = slowest.max(asked.elapsed());
            refused.get_or_insert_with(|| began.elapsed());
        }
        if began.elapsed() > REFUSED * 2 {
            break;
        }
    }
    let refused = refused.expect("its writes are refused");
    let gone = watch.hears(&cut, "OFFLINE", began, GONE + SLACK).await;
    let silence = scene.town.watch.silence(began, Instant::now());
    sleep(Duration::from_secs(rounds(0, 30) as u64)).await;

    let mended = Instant::now();
    ways[2].mend();
    let back = watch.hears(&cut, "ONLINE", mended, GONE + SLACK).await;
    scene.until("it is ready", async || scene.ready(2).await == Some(200)).await;
    println!(
        "{}: refused {refused:?} after the cut, each in {slowest:?} at most; gone after {gone:?}; back after {back:?}; \
         the others were without an acknowledgement for {silence:?} at most",
        scene.name
    );
    assert!(refused < REFUSED + SLACK && slowest < REFUSED + SLACK, "{refused:?} {slowest:?}");
    assert!(silence < REFUSED + SLACK, "{silence:?}");
    // The ear's connection is the same: it hears on.
    let until = Instant::now() + HEARD + SLACK;
    let mark = scene.town.ledger.acknowledged();
    scene.more_are_acknowledged(20).await;
    let mut heard = 0;
    while Instant::now() < until && heard < mark {
        assert!(ear.frame(HEARD + SLACK).await.is_some(), "the connection ended");
        heard += 1;
    }
    assert!(cut.ends().is_empty(), "the connection ended");
    watch.saw_nobody_go([&other], began);
    assert_eq!(statuses(&watch, &scene.town.nodes, &cut).await, ["ONLINE"; 3]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_does_not_learn_what_was_committed_says_all_the_same_who_is_here() {
    if !are_tested() {
        return;
    }
    let (starts, ways) = nodes_at_home(2, redis().as_deref()).await;
    let stage = Stage::open("answers that are lost", starts).await;
    let (watch, people) = invite(&stage, 3, 0).await;
    let here = Guest::enter(&people[0], &stage.addresses, 1, false).await;
    let scene = stage.begin(TALK).await;
    let began = Instant::now();
    ways[1].cut_from_the_database();
    watch.hears(&here, "OFFLINE", began, GONE + SLACK).await;
    within(HEARD + SLACK, "one is gone", async || metric(&scene, 0, "confab_nodes").await == Some(1.0)).await;

    // It is written down anew as a node, and is not told so.
    ways[1].mend();
    ways[1].database.set(Way::EveryAnswerLost);
    within(GONE + SLACK, "there are two nodes again", async || metric(&scene, 0, "confab_nodes").await == Some(2.0))
        .await;
    let mended = Instant::now();
    ways[1].mend();
    let back = watch.hears(&here, "ONLINE", mended, GONE + SLACK).await;

    // Who comes is written down, and it is not told so.
    let comes_untold = async |number: usize| {
        ways[1].database.set(Way::EveryAnswerLost);
        let began = Instant::now();
        let guest = Guest::enter(&people[number], &scene.town.nodes, 1, false).await;
        within(HEARD + SLACK, "both nodes know who came", async || {
            statuses(&watch, &scene.town.nodes, &guest).await == ["ONLINE"; 2]
        })
        .await;
        (began, guest)
    };
    let (began, comes) = comes_untold(1).await;
    ways[1].mend();
    let came = watch.hears(&comes, "ONLINE", began, GONE + SLACK).await;

    // So is who comes, and has moved to the other node before that can be told.
    let (began, left) = comes_untold(2).await;
    drop(left);
    let moved = Guest::enter(&people[2], &scene.town.nodes, 0, false).await;
    sleep(FORGOTTEN).await;
    ways[1].mend();
    watch.hears(&moved, "ONLINE", began, GONE + SLACK).await;
    println!("{}: back after {back:?}, heard of who came after {came:?}", scene.name);
    assert!([here, comes, moved].iter().all(|guest| guest.ends().is_empty()), "a connection ended");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_crashes_under_all_nodes_loses_nothing_and_knows_soon_who_is_here() {
    if !are_tested() {
        return;
    }
    let database = Service::start("postgres").await;
    let (starts, _ways) = nodes(3, Home::without_database(), &database.url, None).await;
    let stage = Stage::open("a crash of the database of all", starts).await;
    let (watch, people) = invite(&stage, 6, 0).await;
    let mut guests = Vec::new();
    for (place, person) in people.iter().enumerate() {
        guests.push(Guest::enter(person, &stage.addresses, place % 3, false).await);
    }
    let mut scene = stage.begin(TALK).await;
    let began = Instant::now();
    for _ in 0..rounds(1, 6) {
        let more = 30 + scene.dice.below(60);
        scene.more_are_acknowledged(more).await;
        database.does("crash").await;
        let refused = scene.town.ledger.refusals();
        scene.until("sends are refused", async || scene.town.ledger.refusals() > refused).await;
        for place in 0..3 {
            scene.until("it is not ready", async || scene.ready(place).await == Some(503)).await;
        }
        database.does("restart").await;
        let back = Instant::now();
        // That somebody comes is written down as soon as it can be, whether or not the nodes are.
        let mut more = Vec::new();
        for (place, person) in people.iter().enumerate() {
            more.push(Guest::enter(person, &scene.town.nodes, place % 3, false).await);
        }
        for place in 0..3 {
            within(READY + SLACK, "it is ready", async || scene.ready(place).await == Some(200)).await;
        }
        let ready = back.elapsed();
        within(WHOLE + SLACK, "all are written down", async || here(&database.url).await == (3, 7)).await;
        println!("{}: ready after {ready:?}, whole after {:?}", scene.name, back.elapsed());
        scene.more_are_acknowledged(50).await;
    }
    // Those who count as connected to no node are looked for when a lease has passed.
    sleep(Duration::from_secs(21)).await;
    watch.saw_nobody_go(&guests, began);
    for guest in &guests {
        assert_eq!(statuses(&watch, &scene.town.nodes, guest).await, ["ONLINE"; 3]);
        assert!(guest.ends().is_empty(), "a connection ended");
    }
    scene.end().await;
}

/// The nodes that are written down, and those guests and their watcher who are.
async fn here(url: &str) -> (i64, i64) {
    let sql = "SELECT (SELECT count(*) FROM chat_nodes) AS nodes, \
               (SELECT count(DISTINCT user_id) FROM chat_attendance WHERE user_id >= 9) AS people";
    let connection = Database::connect(url).await.expect("the database answers");
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.expect("the database answers").expect("a row");
    connection.close().await.ok();
    let number = |name| row.try_get("", name).expect("a number");
    (number("nodes"), number("people"))
}
