//! People who are only here, and somebody who watches how they are seen.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::within;
use crate::faults::Stage;
use crate::faults::addresses::Addresses;
use crate::faults::wire::Wire;
use crate::person::Person;

/// Longer than any of these tests.
const LONG: Duration = Duration::from_secs(3_600);

/// Somebody with a connection.
pub struct Guest {
    pub person: Person,
    ends: Arc<Mutex<Vec<Instant>>>,
    task: JoinHandle<()>,
}

impl Guest {
    /// Connects at the node of this place. One who `moves` goes to the next one whenever the connection ends.
    pub async fn enter(person: &Person, nodes: &Addresses, place: usize, moves: bool) -> Self {
        let ends = Arc::<Mutex<Vec<Instant>>>::default();
        let (connected, is_connected) = oneshot::channel();
        let (told, nodes, token) = (Arc::clone(&ends), nodes.clone(), person.token.clone());
        let task = tokio::spawn(async move {
            let (mut place, mut connected) = (place, Some(connected));
            loop {
                if let Some(mut wire) = Wire::stomp(nodes.at(place), &token).await {
                    if let Some(connected) = connected.take() {
                        connected.send(()).ok();
                    }
                    while wire.frame(LONG).await.is_some() {}
                    told.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
                    if !moves {
                        return;
                    }
                }
                place += usize::from(moves);
                sleep(Duration::from_millis(100)).await;
            }
        });
        is_connected.await.expect("it connects");
        Self { person: person.clone(), ends, task }
    }

    /// When connections ended.
    pub fn ends(&self) -> Vec<Instant> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Told = (Instant, i64, String);

/// Somebody who shares a conversation with all guests, and notes what is told of them.
pub struct Watch {
    pub person: Person,
    told: Arc<Mutex<Vec<Told>>>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Watches at the node of this place, and at the next one when the connection ends.
    async fn at(person: Person, nodes: &Addresses, place: usize) -> Self {
        let told = Arc::<Mutex<Vec<Told>>>::default();
        let (listening, is_listening) = oneshot::channel();
        let (notes, nodes, token) = (Arc::clone(&told), nodes.clone(), person.token.clone());
        let task = tokio::spawn(async move {
            let (mut place, mut listening) = (place, Some(listening));
            loop {
                if let Some(mut wire) = Wire::stomp(nodes.at(place), &token).await {
                    let subscribe = "SUBSCRIBE\nid:1\ndestination:/user/queue/chat/presence\nreceipt:1\n\n\0";
                    wire.say(subscribe.to_owned()).await;
                    while let Some(frame) = wire.frame(LONG).await {
                        if frame.command == "RECEIPT"
                            && let Some(listening) = listening.take()
                        {
                            listening.send(()).ok();
                        }
                        if let (Some(of), Some(status)) = (frame.body["userId"].as_i64(), frame.body["status"].as_str())
                        {
                            let told = (Instant::now(), of, status.to_owned());
                            notes.lock().unwrap_or_else(PoisonError::into_inner).push(told);
                        }
                    }
                }
                place += 1;
                sleep(Duration::from_millis(100)).await;
            }
        });
        is_listening.await.expect("it listens");
        Self { person, told, task }
    }

    fn all(&self) -> Vec<Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it is told that somebody is seen so; how long that took since then.
    pub async fn hears(&self, guest: &Guest, status: &str, since: Instant, limit: Duration) -> Duration {
        let of = guest.person.id;
        let is_told = || self.all().into_iter().find(|(at, id, seen)| *at > since && *id == of && seen == status);
        let what = format!("{} is {status}", guest.person.name);
        within(limit.saturating_sub(since.elapsed()), &what, async || is_told().is_some()).await;
        is_told().map_or(Duration::ZERO, |(at, ..)| at - since)
    }

    /// Nothing was told of these people since then but that they are here.
    pub fn saw_nobody_go<'g>(&self, guests: impl IntoIterator<Item = &'g Guest>, since: Instant) {
        let all = self.all();
        for guest in guests {
            let gone = all.iter().find(|(at, of, status)| *at > since && *of == guest.person.id && status != "ONLINE");
            assert!(gone.is_none(), "{}: {gone:?} since {since:?}", guest.person.name);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// So many people who share a conversation with Wanda, who watches at the node of this place; none of them is here yet.
pub async fn invite(stage: &Stage, count: i64, place: usize) -> (Watch, Vec<Person>) {
    let wanda = stage.person(9, "Wanda").await;
    let mut people = Vec::new();
    for id in 20..20 + count {
        people.push(stage.person(id, &format!("Guest {id}")).await);
    }
    wanda.group("guests", &people.iter().collect::<Vec<_>>()).await;
    (Watch::at(wanda, &stage.addresses, place).await, people)
}

/// How somebody is seen at each node.
pub async fn statuses(watch: &Watch, nodes: &Addresses, of: &Guest) -> Vec<String> {
    let mut seen = Vec::new();
    for place in 0..nodes.len() {
        let body = watch.person.at(nodes.at(place)).get(&format!("/presence/{}", of.person.id)).await.ok();
        seen.push(body["status"].as_str().expect("a status").to_owned());
    }
    seen
}
