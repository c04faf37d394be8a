//! Nodes that are killed, and nodes that freeze, while the others go on.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::guests::{Guest, invite, statuses};
use super::{GONE, SLACK, TALK, are_tested, nodes_at_home, redis, seconds};
use crate::faults::{Stage, rounds};
use crate::process::signal;

/// How long a node that freezes or dies keeps others from writing, and how long that takes to be noticed by a client.
const HELD: Duration = Duration::from_millis(2_500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_killed_lose_and_double_nothing_and_their_people_are_gone_in_time() {
    if !are_tested() {
        return;
    }
    let (starts, _ways) = nodes_at_home(3, redis().as_deref()).await;
    let stage = Stage::open("killed nodes", starts).await;
    let (watch, people) = invite(&stage, 2, 0).await;
    let stays = Guest::enter(&people[0], &stage.addresses, 2, false).await;
    let moves = Guest::enter(&people[1], &stage.addresses, 2, true).await;
    let began = Instant::now();
    watch_until_online(&watch, [&stays, &moves]).await;
    let mut scene = stage.begin(TALK).await;
    let first = Instant::now();
    for round in 0..rounds(4, 12) {
        let place = if round == 0 { 2 } else { 1 + scene.dice.below(2) };
        scene.kill(place).await;
        scene.more_are_acknowledged(60).await;
        sleep(seconds(1, 4)).await;
        scene.start(place).await;
        scene.more_are_acknowledged(40).await;
    }
    let gone = watch.hears(&stays, "OFFLINE", first, GONE + SLACK).await;
    println!("{}: those of a dead node were OFFLINE after {gone:?}", scene.name);
    assert_eq!(statuses(&watch, &scene.town.nodes, &moves).await, ["ONLINE"; 3]);
    watch.saw_nobody_go([&moves], began);
    scene.end().await;
}

async fn watch_until_online<const N: usize>(watch: &super::guests::Watch, guests: [&Guest; N]) {
    let begun = Instant::now();
    for guest in guests {
        super::within(Duration::from_secs(10), "they are here", async || {
            let body = watch.person.get(&format!("/presence/{}", guest.person.id)).await.ok();
            body["status"] == "ONLINE"
        })
        .await;
    }
    println!("all were here {:?} later", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_freezes_keeps_nobody_from_writing_and_wakes_to_double_nothing() {
    if !are_tested() {
        return;
    }
    let (starts, _ways) = nodes_at_home(3, redis().as_deref()).await;
    let mut scene = Stage::open("frozen nodes", starts).await.begin(TALK).await;
    let mut longest = Duration::ZERO;
    for _ in 0..rounds(4, 20) {
        let place = scene.dice.below(3);
        let (process, began) = (scene.process(place).id(), Instant::now());
        signal(process, "STOP").await;
        // This is how long it is frozen, and nothing is waited for by it.
        sleep(seconds(4, 10)).await;
        let silence = scene.town.watch.silence(began, Instant::now());
        signal(process, "CONT").await;
        longest = longest.max(silence);
        scene.more_are_acknowledged(60).await;
    }
    println!("{}: the others were without an acknowledgement for {longest:?} at most", scene.name);
    scene.end().await;
    assert!(longest < HELD + SLACK / 3, "{longest:?}");
}
