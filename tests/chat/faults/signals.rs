//! A server that is killed under load again and again, and one that stands still for a while.

use std::time::Duration;

use tokio::time::sleep;

use super::{Scene, Start, rounds};
use crate::process::{Home, signal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    let mut scene = Scene::begin("kills", Start::at(Home::new().await)).await;
    for _ in 0..rounds(3, 20) {
        let more = 30 + scene.dice.below(60);
        scene.more_are_acknowledged(more).await;
        scene.kill(0).await;
        scene.start(0).await;
    }
    scene.more_are_acknowledged(50).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stands_still_for_a_while_loses_and_doubles_nothing() {
    let mut scene = Scene::begin("a standstill", Start::at(Home::new().await)).await;
    for _ in 0..rounds(1, 6) {
        signal(scene.process(0).id(), "STOP").await;
        // This is how long it stands still, and nothing is waited for by it.
        sleep(Duration::from_millis(2_000 + scene.dice.below(rounds(500, 20_000)) as u64)).await;
        signal(scene.process(0).id(), "CONT").await;
        scene.more_are_acknowledged(80).await;
    }
    scene.end().await;
}
