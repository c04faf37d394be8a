//! PostgreSQL that crashes in the middle of commits, a way to it that breaks, and a backend that stands still. These
//! run where the other tests run on PostgreSQL; what ends the database has one of its own.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Database, Statement};
use tokio::time::sleep;

use super::proxy::{Proxy, Way};
use super::service::Service;
use super::{Scene, Start, rounds};
use crate::process::{Home, signal};

/// Commits are broken until so many sends felt it. The server commits other things as well, and half of the senders are
/// careful: they send again what they were not told of.
const BROKEN_SENDS: usize = 8;

fn is_tested() -> bool {
    std::env::var("CONFAB_TEST_DATABASE").is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_crashes_in_the_midst_of_commits_loses_and_doubles_nothing() {
    if !is_tested() {
        return;
    }
    let database = Service::start("postgres").await;
    let mut start = Start::at(Home::without_database());
    start.settings.push(format!("database.url={}", database.url));
    let mut scene = Scene::begin("crashes of the database", start).await;
    for _ in 0..rounds(2, 12) {
        let more = 30 + scene.dice.below(60);
        scene.more_are_acknowledged(more).await;
        database.does("crash").await;
        let refused = scene.town.ledger.refusals();
        scene.until("sends are refused", async || scene.town.ledger.refusals() > refused).await;
        scene.until("it is not ready", async || scene.ready(0).await == Some(503)).await;
        database.does("restart").await;
        scene.more_are_acknowledged(50).await;
        scene.until("it is ready again", async || scene.ready(0).await == Some(200)).await;
    }
    scene.end().await;
}

/// The server of a database that is reached through a proxy.
async fn through_a_proxy() -> (Start, Proxy) {
    let home = Home::new().await;
    let url = home.postgres().expect("a database");
    let (proxy, url) = Proxy::before(&url).await;
    let mut start = Start::at(home);
    start.settings.push(format!("database.url={url}"));
    (start, proxy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_to_the_database_that_breaks_loses_and_doubles_nothing() {
    if !is_tested() {
        return;
    }
    let (start, proxy) = through_a_proxy().await;
    let mut scene = Scene::begin("a broken way to the database", start).await;
    for round in 0..rounds(6, 60) {
        match [Way::AnswerLost, Way::Closed, Way::CommitLost, Way::Reset, Way::AnswerLost, Way::Still][round % 6] {
            once @ (Way::AnswerLost | Way::CommitLost) => {
                let refused = scene.town.ledger.refusals();
                scene
                    .until("commits of sends were broken", async || {
                        if proxy.way() == Way::Open {
                            proxy.set(once);
                        }
                        scene.town.ledger.refusals() >= refused + BROKEN_SENDS
                    })
                    .await;
                proxy.set(Way::Open);
            }
            lasting => {
                proxy.set(lasting);
                sleep(Duration::from_millis(200 + scene.dice.below(rounds(800, 4_000)) as u64)).await;
                proxy.set(Way::Open);
            }
        }
        scene.more_are_acknowledged(40).await;
    }
    let report = scene.end().await;
    assert!(report.stored_all_the_same > 0, "no answer of a COMMIT was lost: {}", report.figures());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backends_that_stand_still_lose_and_double_nothing() {
    if !is_tested() {
        return;
    }
    let database = Service::start("postgres").await;
    let mut start = Start::at(Home::without_database());
    start.settings.push(format!("database.url={}", database.url));
    let scene = Scene::begin("backends that stand still", start).await;
    for _ in 0..rounds(1, 6) {
        let backends = scene.found("somebody writes", async || writing(&database).await).await;
        for backend in &backends {
            signal(backend.unsigned_abs(), "STOP").await;
        }
        sleep(Duration::from_secs(3)).await;
        for backend in &backends {
            signal(backend.unsigned_abs(), "CONT").await;
        }
        scene.more_are_acknowledged(80).await;
    }
    scene.end().await;
}

/// The backends that write at this moment or did so last, if there are any.
async fn writing(database: &Service) -> Option<Vec<i32>> {
    let connection = Database::connect(&database.url).await.expect("the database answers");
    let sql = "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' \
               AND query ~ '^\\s*(BEGIN|COMMIT|SAVEPOINT|RELEASE|INSERT|UPDATE|WITH)'";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.expect("the database answers");
    connection.close().await.ok();
    let backends: Vec<i32> = rows.iter().map(|row| row.try_get("", "pid").expect("a number")).collect();
    (!backends.is_empty()).then_some(backends)
}
