//! People who send: at a pace that does not follow the server's, or as fast as they are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use crate::http::Client;
use crate::server::Server;
use crate::token::token;
use crate::words;

/// How long is sent before anything is counted.
pub const WARM_UP: Duration = Duration::from_secs(2);

/// Who sends how much.
#[derive(Clone, Copy)]
pub struct Load {
    pub senders: usize,
    /// Messages a second of all of them; none for as many as are answered.
    pub pace: Option<f64>,
    pub deed: Deed,
}

/// What they do.
#[derive(Clone, Copy, PartialEq)]
pub enum Deed {
    Send,
    /// Messages that tell at which node and when they were sent, since this.
    Tell(Instant),
    /// Reactions that come and go, which take a transaction with the log's row.
    React,
}

/// A load that is under way.
pub struct Running {
    senders: Vec<JoinHandle<Result<Vec<Sent>>>>,
    stopping: Arc<AtomicBool>,
}

/// A deed that was answered: when it was begun, or should have been, and how long that took in milliseconds.
#[derive(Clone, Copy)]
pub struct Sent {
    pub begun: Instant,
    pub millis: f64,
    pub succeeded: bool,
}

impl Load {
    /// Begins, with the senders as people 1, 2 and so on, who come to the nodes in turn. `message` is what is reacted to.
    pub async fn begin(self, nodes: &[&Server], rooms: &[i64], message: i64) -> Result<Running> {
        let stopping = Arc::new(AtomicBool::new(false));
        let mut senders = Vec::with_capacity(self.senders);
        for number in 0..self.senders {
            let node = nodes[number % nodes.len()];
            let client = Client::connect(node.address, &token(i64::try_from(number)? + 1)).await?;
            let rooms = rooms.to_vec();
            let sender = Sender { client, load: self, number, node: number % nodes.len(), rooms, message };
            senders.push(tokio::spawn(sender.run(Instant::now() + Duration::from_millis(50), Arc::clone(&stopping))));
        }
        Ok(Running { senders, stopping })
    }

    /// Sends for that long; answers with what was sent after the warm-up, and the seconds.
    pub async fn run(self, nodes: &[&Server], rooms: &[i64], duration: Duration) -> Result<(Vec<Sent>, f64)> {
        let running = self.begin(nodes, rooms, 0).await?;
        sleep(WARM_UP).await;
        let from = Instant::now();
        sleep(duration).await;
        let to = Instant::now();
        let mut sent = running.end().await?;
        sent.retain(|sent| sent.begun >= from && sent.begun < to);
        ensure!(sent.iter().all(|sent| sent.succeeded), "some were refused");
        Ok((sent, (to - from).as_secs_f64()))
    }
}

impl Running {
    /// What was sent by all who could end in time: whoever waits for a node that does not answer is left.
    pub async fn end(self) -> Result<Vec<Sent>> {
        self.stopping.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for mut sender in self.senders {
            match tokio::time::timeout(Duration::from_secs(30), &mut sender).await {
                Ok(sent) => all.extend(sent??),
                Err(_) => sender.abort(),
            }
        }
        Ok(all)
    }
}

struct Sender {
    client: Client,
    load: Load,
    number: usize,
    node: usize,
    rooms: Vec<i64>,
    message: i64,
}

impl Sender {
    async fn run(mut self, first: Instant, stopping: Arc<AtomicBool>) -> Result<Vec<Sent>> {
        let (mut all, mut done) = (Vec::new(), self.number);
        let period = self.load.pace.map(|pace| Duration::from_secs_f64(self.load.senders as f64 / pace));
        let mut due = first;
        if let Some(period) = period {
            due += period * u32::try_from(self.number)? / u32::try_from(self.load.senders)?;
        }
        while !stopping.load(Ordering::Relaxed) {
            // Whoever is late because of the last answer has waited since the time at which it was due; the millisecond by
            // which a timer is late is nobody's fault.
            let is_late = due <= Instant::now();
            sleep_until(due).await;
            let begun = if is_late && period.is_some() { due } else { Instant::now() };
            let request = self.request(done, begun);
            let answer = self.client.exchange(&request).await?;
            let millis = begun.elapsed().as_secs_f64() * 1_000.0;
            all.push(Sent { begun, millis, succeeded: answer.status < 300 });
            ensure!(answer.status < 300 || answer.status >= 500, "{}", String::from_utf8_lossy(&answer.body));
            done += 1;
            due = period.map_or_else(Instant::now, |period| due + period);
        }
        Ok(all)
    }

    fn request(&self, done: usize, begun: Instant) -> Vec<u8> {
        let content = match self.load.deed {
            Deed::React => {
                let path = format!("/api/chat/messages/{}/reactions/toggle", self.message);
                return self.client.prepare("POST", &path, &json!({ "emoji": "👍" }).to_string());
            }
            Deed::Send => words::message((self.number * 1_000_000 + done) as u64),
            Deed::Tell(since) => format!("at {} {}", self.node, (begun - since).as_nanos()),
        };
        // Steps of a prime, so that senders do not go from room to room in file.
        let room = self.rooms[(done * 37 + self.number) % self.rooms.len()];
        let path = format!("/api/chat/conversations/{room}/messages");
        self.client.prepare("POST", &path, &json!({ "content": content }).to_string())
    }
}

/// The milliseconds of what was sent.
pub fn millis(sent: &[Sent]) -> Vec<f64> {
    sent.iter().map(|sent| sent.millis).collect()
}
