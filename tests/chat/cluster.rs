//! Several nodes, as processes on one PostgreSQL database, under load, and whatever breaks among them: a node, the broker, the
//! database, the ways to them, the clocks (protocol §14). What clients were told is compared with what is stored, as with one
//! node. These run where a PostgreSQL, a Redis and a RabbitMQ are given: `scripts/test --only cluster`, and the long
//! forms `scripts/cluster`.

mod clocks;
mod database;
mod deaths;
mod guests;
mod news;
mod removal;
mod stops;
mod talk;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::faults::proxy::{Proxy, Way};
use crate::faults::town::Talk;
use crate::faults::{Scene, Start, rounds};
use crate::process::Home;

/// Two listeners at each door, each at another node.
const LISTENERS: [&str; 6] = ["STOMP", "GraphQL", "REST", "STOMP too", "GraphQL too", "REST too"];
/// Talk that leaves the machine room for the faults, with clients who go to another node when one does not answer.
const TALK: Talk = Talk {
    senders: 12,
    at: None,
    listeners: &LISTENERS,
    pause: Duration::from_millis(40),
    answer: Duration::from_secs(5),
    insists: true,
};
/// What is heard at all nodes at the latest, whatever fails between them.
const HEARD: Duration = Duration::from_secs(5);
/// How much longer a machine may take that has other work.
const SLACK: Duration = Duration::from_secs(3);
/// When the people of a node that died are gone for everybody, at the latest.
const GONE: Duration = Duration::from_secs(25);

/// Whether there is all that these tests need.
fn are_tested() -> bool {
    ["CONFAB_TEST_DATABASE", "CONFAB_TEST_REDIS", "CONFAB_TEST_RABBITMQ"].iter().all(|name| std::env::var(name).is_ok())
}

fn redis() -> Option<String> {
    std::env::var("CONFAB_TEST_REDIS").ok()
}

/// So many seconds in the short form, and in the long one.
fn seconds(short: usize, long: usize) -> Duration {
    Duration::from_secs(rounds(short, long) as u64)
}

/// The ways of a node to what it shares with the others.
struct Ways {
    database: Proxy,
    /// What PostgreSQL tells those who listen.
    notices: Proxy,
    broker: Option<Proxy>,
}

impl Ways {
    /// Nothing is passed on in either direction, and no connection ends.
    fn cut_from_the_database(&self) {
        self.database.set(Way::Still);
        self.notices.set(Way::Still);
    }

    fn cut_from_the_others(&self) {
        self.notices.set(Way::Still);
        self.cut_from_the_broker();
    }

    fn cut_from_the_broker(&self) {
        if let Some(broker) = &self.broker {
            broker.set(Way::Still);
        }
    }

    fn mend(&self) {
        for way in [Some(&self.database), Some(&self.notices), self.broker.as_ref()].into_iter().flatten() {
            way.set(Way::Open);
        }
    }
}

/// So many nodes on this database and with this broker, none of which runs yet.
async fn nodes(count: usize, home: Home, database: &str, broker: Option<&str>) -> (Vec<Start>, Vec<Ways>) {
    let home = Arc::new(home);
    let (mut starts, mut all) = (Vec::new(), Vec::new());
    for place in 0..count {
        let (direct, url) = Proxy::before(database).await;
        let (notices, notify_url) = Proxy::before(database).await;
        let mut start = Start::at(Arc::clone(&home));
        start.settings.extend([
            format!("database.url={url}"),
            format!("database.notify_url={notify_url}"),
            format!("cluster.name=node {place}"),
            "server.drain_seconds=0".to_owned(),
        ]);
        let mut ways = Ways { database: direct, notices, broker: None };
        if let Some(broker) = broker {
            let (proxy, url) = Proxy::before(broker).await;
            start.settings.push(format!("broker.url={url}"));
            ways.broker = Some(proxy);
        }
        starts.push(start);
        all.push(ways);
    }
    (starts, all)
}

/// The same, on a database of its own of the PostgreSQL of the tests.
async fn nodes_at_home(count: usize, broker: Option<&str>) -> (Vec<Start>, Vec<Ways>) {
    let home = Home::new().await;
    let url = home.postgres().expect("a database");
    nodes(count, home, &url, broker).await
}

/// A number that a node tells of itself, such as `confab_nodes`.
async fn metric(scene: &Scene, place: usize, name: &str) -> Option<f64> {
    let url = format!("http://{}/metrics", scene.town.nodes.at(place));
    let text = reqwest::get(url).await.ok()?.text().await.ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?.parse().ok()
}

/// Waits until a node hears itself by this way, or notices that it does not.
async fn hears_by(scene: &Scene, place: usize, way: &str, hears: bool) {
    let (name, wanted) = (format!("confab_backplane_up{{kind=\"{way}\"}}"), f64::from(u8::from(hears)));
    scene
        .until(&format!("node {place}, {way}: {hears}"), async || metric(scene, place, &name).await == Some(wanted))
        .await;
}

async fn all_hear_by(scene: &Scene, way: &str) {
    for place in 0..scene.nodes.len() {
        hears_by(scene, place, way, true).await;
    }
}

/// Waits until it is so, and tells how long that took; not longer than this.
async fn within(limit: Duration, what: &str, is_so: impl AsyncFn() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
        sleep(Duration::from_millis(20)).await;
    }
    began.elapsed()
}
