//! All nodes are restarted one after the other, as for an upgrade: their clients go to the others in even steps, and nobody
//! notices but by coming back.

use std::time::Duration;

use tokio::time::Instant;

use super::guests::{Guest, invite};
use super::{TALK, are_tested, nodes_at_home, redis};
use crate::faults::{Stage, rounds};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_restarted_one_after_the_other_are_noticed_by_nobody() {
    if !are_tested() {
        return;
    }
    let drain = rounds(5, 20);
    let (mut starts, _ways) = nodes_at_home(3, redis().as_deref()).await;
    for start in &mut starts {
        start.settings.retain(|setting| !setting.starts_with("server.drain_seconds"));
        start.settings.push(format!("server.drain_seconds={drain}"));
    }
    let stage = Stage::open("a rolling restart", starts).await;
    let (watch, people) = invite(&stage, rounds(20, 100) as i64, 0).await;
    let mut guests = Vec::new();
    for place in 0..rounds(90, 600) {
        guests.push(Guest::enter(&people[place % people.len()], &stage.addresses, place % 3, true).await);
    }
    let began = Instant::now();
    let mut scene = stage.begin(TALK).await;
    for place in 0..3 {
        let stopped = Instant::now();
        scene.terminate(place).await;
        let mut ends: Vec<Duration> =
            guests.iter().flat_map(Guest::ends).filter(|end| *end > stopped).map(|end| end - stopped).collect();
        ends.sort_unstable();
        let within_a_second =
            |one: &Duration| ends.iter().filter(|end| *end >= one && **end < *one + Duration::from_secs(1)).count();
        let most = ends.iter().map(within_a_second).max().unwrap_or_default();
        let (first, last) = (ends[0], ends[ends.len() - 1]);
        println!(
            "{}: node {place} ended after {:?}: {} connections from {first:?} to {last:?}, {most} of them within a second",
            scene.name,
            stopped.elapsed(),
            ends.len()
        );
        assert!(ends.len() >= guests.len() / 4, "{}", ends.len());
        assert!(first > Duration::from_secs(4), "balancers have a moment to notice: {first:?}");
        assert!(last - first > Duration::from_secs(drain as u64).mul_f64(0.75), "from {first:?} to {last:?}");
        assert!(most * drain <= ends.len() * 5 / 2, "{most} of {} within a second", ends.len());
        scene.start(place).await;
        scene.more_are_acknowledged(40).await;
    }
    watch.saw_nobody_go(&guests, began);
    let tries = scene.town.watch.tries();
    println!("{}: no send took more than {tries} tries", scene.name);
    assert!(tries <= 2, "{tries}");
    scene.end().await;
}
