//! Senders and listeners at three nodes with nothing broken: on PostgreSQL alone, with Redis, with RabbitMQ.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::{TALK, all_hear_by, are_tested, nodes_at_home, redis, seconds};
use crate::faults::Stage;

async fn talk(name: &'static str, broker: Option<&str>, way: &str) {
    let (starts, _ways) = nodes_at_home(3, broker).await;
    let scene = Stage::open(name, starts).await.begin(TALK).await;
    all_hear_by(&scene, way).await;
    sleep(seconds(6, 60)).await;
    let town = Arc::clone(&scene.town);
    scene.end().await;
    let across = town.watch.across();
    let (half, most) = (across.below(500), across.below(990));
    println!(
        "{name}: from sending to hearing at another node p50 {half:?} p99 {most:?} longest {:?}",
        across.longest()
    );
    // That is what is promised whatever fails; how fast it is is measured by the bench, not here.
    assert!(across.longest() < Duration::from_secs(15), "p50 {half:?} p99 {most:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_on_postgresql_alone_lose_double_and_disorder_nothing() {
    if are_tested() {
        talk("three nodes on PostgreSQL", None, "postgresql").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_with_redis_lose_double_and_disorder_nothing() {
    if are_tested() {
        talk("three nodes with Redis", redis().as_deref(), "redis").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_with_rabbitmq_lose_double_and_disorder_nothing() {
    if are_tested() {
        let broker = std::env::var("CONFAB_TEST_RABBITMQ").ok();
        talk("three nodes with RabbitMQ", broker.as_deref(), "rabbitmq").await;
    }
}
