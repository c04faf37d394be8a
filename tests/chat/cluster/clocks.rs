//! Nodes whose clocks are an hour ahead and an hour behind: time is the database's.

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, sleep};

use super::guests::{Guest, invite, statuses};
use super::{GONE, SLACK, TALK, are_tested, metric, nodes_at_home, redis, seconds, within};
use crate::faults::{Scene, Stage};
use crate::now;

/// Debian's library that tells a program another time.
fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").expect("a folder").flatten();
    let mut found =
        folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).filter(|path| path.exists());
    found.next().expect("the package libfaketime is installed")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_whose_clocks_are_wrong_by_an_hour_are_like_others() {
    if !are_tested() {
        return;
    }
    let (mut starts, _ways) = nodes_at_home(3, redis().as_deref()).await;
    for (start, shift) in starts[1..].iter_mut().zip(["+1h", "-1h"]) {
        start.variables.extend([
            ("LD_PRELOAD", library().to_string_lossy().into_owned()),
            ("FAKETIME", shift.to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]);
    }
    let stage = Stage::open("wrong clocks", starts).await;
    let (watch, people) = invite(&stage, 3, 0).await;
    let mut guests = Vec::new();
    for (place, person) in people.iter().enumerate() {
        guests.push(Guest::enter(person, &stage.addresses, place, false).await);
    }
    let began = Instant::now();
    let mut scene = stage.begin(TALK).await;
    // Longer than a lease.
    sleep(seconds(18, 60)).await;
    for place in 0..3 {
        within(SLACK, "there are three nodes", async || metric(&scene, place, "confab_nodes").await == Some(3.0)).await;
    }
    watch.saw_nobody_go(&guests, began);
    for guest in &guests {
        assert_eq!(statuses(&watch, &scene.town.nodes, guest).await, ["ONLINE"; 3]);
    }
    times_are_true(&scene).await;

    let killed = Instant::now();
    scene.kill(1).await;
    scene.kill(2).await;
    for guest in &guests[1..] {
        let gone = watch.hears(guest, "OFFLINE", killed, GONE + SLACK).await;
        println!("{}: {} was OFFLINE after {gone:?}", scene.name, guest.person.name);
        let seen = watch.person.get(&format!("/presence/{}", guest.person.id)).await.ok();
        is_recent(seen["lastSeenAt"].as_str(), TimeDelta::seconds(60));
    }
    watch.saw_nobody_go(&guests[..1], began);
    scene.start(1).await;
    scene.start(2).await;
    scene.more_are_acknowledged(50).await;
    scene.end().await;
}

fn is_recent(time: Option<&str>, within: TimeDelta) -> DateTime<Utc> {
    let time: DateTime<Utc> = time.and_then(|time| time.parse().ok()).expect("a time");
    assert!((now() - time).abs() < within, "{time} at {}", now());
    time
}

/// The newest messages were sent within the last seconds, and each after the one before.
async fn times_are_true(scene: &Scene) {
    let reader = scene.reader();
    for conversation in &scene.town.conversations {
        let page = reader.get(&format!("/conversations/{conversation}/messages?limit=100")).await.ok();
        let page = page.as_array().expect("a list");
        let mut last = None;
        for message in page {
            let time = is_recent(message["createdAt"].as_str(), TimeDelta::seconds(60));
            let id = message["id"].as_i64().expect("an id");
            assert!(last.is_none_or(|(before, at)| before < id && at <= time), "{last:?} {id} {time}");
            last = Some((id, time));
        }
    }
}
