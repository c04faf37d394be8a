//! Redis that dies, comes back empty, hangs and restarts again and again, and one node that is cut from it: everything is heard
//! in time all the same, no request waits for it, and nobody is gone.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::guests::{Guest, Watch, invite, statuses};
use super::{HEARD, SLACK, TALK, Ways, all_hear_by, are_tested, hears_by, nodes_at_home, redis, seconds};
use crate::faults::service::Service;
use crate::faults::town::Talk;
use crate::faults::{Scene, Stage, rounds};
use crate::process::signal;

/// Whoever writes finds out what it has missed: so all write at one node, and the others have to be told.
const AT_ONE: Talk = Talk { at: Some(0), ..TALK };
/// What a request takes at most, whatever becomes of the broker.
const ANSWERED: Duration = Duration::from_secs(2);

/// Three nodes with a guest at each.
async fn begin(name: &'static str, broker: &str) -> (Scene, Vec<Ways>, Watch, Vec<Guest>) {
    let (starts, ways) = nodes_at_home(3, Some(broker)).await;
    let stage = Stage::open(name, starts).await;
    let (watch, people) = invite(&stage, 3, 0).await;
    let mut guests = Vec::new();
    for (place, person) in people.iter().enumerate() {
        guests.push(Guest::enter(person, &stage.addresses, place, false).await);
    }
    let scene = stage.begin(AT_ONE).await;
    all_hear_by(&scene, "redis").await;
    (scene, ways, watch, guests)
}

/// Since then everything was heard in time, no request waited, and nobody was gone.
async fn nothing_was_noticed(scene: &Scene, watch: &Watch, guests: &[Guest], since: Instant) {
    let (delays, answers) = (scene.town.watch.delays(since), scene.town.watch.answers(since));
    println!(
        "{}: heard after {:?} (p99 {:?}), answered after {:?} (p99 {:?}) at most",
        scene.name,
        delays.longest(),
        delays.below(990),
        answers.longest(),
        answers.below(990)
    );
    assert!(delays.below(990) < HEARD, "{:?}", delays.below(990));
    assert!(delays.longest() < HEARD + SLACK, "{:?}", delays.longest());
    assert!(answers.longest() < ANSWERED + SLACK, "{:?}", answers.longest());
    watch.saw_nobody_go(guests, since);
    for guest in guests {
        assert_eq!(statuses(watch, &scene.town.nodes, guest).await, ["ONLINE"; 3]);
        assert!(guest.ends().is_empty(), "a connection ended");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_dies_hangs_and_restarts_is_noticed_by_nobody() {
    if !are_tested() {
        return;
    }
    let broker = Service::start("redis").await;
    let (scene, _ways, watch, guests) = begin("a broker that fails", &broker.url).await;
    let began = Instant::now();
    broker.does("crash").await;
    hears_by(&scene, 1, "redis", false).await;
    sleep(seconds(4, 40)).await;
    broker.does("restart").await;
    all_hear_by(&scene, "redis").await;
    signal(broker.process(), "STOP").await;
    hears_by(&scene, 1, "redis", false).await;
    sleep(seconds(3, 20)).await;
    signal(broker.process(), "CONT").await;
    all_hear_by(&scene, "redis").await;
    for _ in 0..rounds(2, 10) {
        broker.does("crash").await;
        broker.does("restart").await;
        sleep(Duration::from_secs(3)).await;
    }
    all_hear_by(&scene, "redis").await;
    nothing_was_noticed(&scene, &watch, &guests, began).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_from_the_broker_hears_and_is_heard() {
    if !are_tested() {
        return;
    }
    let broker = redis().expect("a broker");
    let (scene, ways, watch, guests) = begin("a node cut from the broker", &broker).await;
    let began = Instant::now();
    // One that hears, and then the one at which all is written.
    for place in [1, 0] {
        ways[place].cut_from_the_broker();
        hears_by(&scene, place, "redis", false).await;
        sleep(seconds(3, 30)).await;
        ways[place].mend();
        all_hear_by(&scene, "redis").await;
    }
    nothing_was_noticed(&scene, &watch, &guests, began).await;
    scene.end().await;
}

/// Then nodes look into the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_nothing_is_told_hears_all_the_same() {
    if !are_tested() {
        return;
    }
    let broker = redis().expect("a broker");
    let (scene, ways, watch, guests) = begin("a node cut from the others", &broker).await;
    let began = Instant::now();
    // One that hears, and then the one at which all is written.
    for place in [1, 0] {
        ways[place].cut_from_the_others();
        hears_by(&scene, place, "redis", false).await;
        hears_by(&scene, place, "postgresql", false).await;
        sleep(seconds(3, 30)).await;
        ways[place].mend();
        all_hear_by(&scene, "redis").await;
        all_hear_by(&scene, "postgresql").await;
    }
    nothing_was_noticed(&scene, &watch, &guests, began).await;
    scene.end().await;
}
