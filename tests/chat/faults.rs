//! Faults under load: the built server as a process, senders and listeners at all doors, and something that breaks in
//! the middle. Whatever breaks, the checker compares what clients were told with what is stored and heard (protocol
//! §8). Each scenario has a short form, which runs with all other tests, and with `CONFAB_FAULTS=long` a long one.

mod disk;
mod ledger;
mod listeners;
mod postgres;
mod proxy;
mod senders;
mod signals;
mod table;
mod town;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::person::Person;
use crate::process::{Home, Process, signal};
use crate::server::{SECRET, token};
use ledger::{Ledger, Report, Told};
use listeners::{LISTENERS, listen_on, position};
use senders::send_on;
use town::{Citizen, Dice, Town};

/// How long a server may take to come to itself again on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
const SENDERS: usize = 16;

/// Whether this is the long form; `rounds(short, long)` are as many as it has.
fn rounds(short: usize, long: usize) -> usize {
    if std::env::var("CONFAB_FAULTS").is_ok_and(|form| form == "long") { long } else { short }
}

/// How the server of a scenario is started.
struct Start {
    home: Home,
    /// What the shell does to itself before it becomes the server.
    shell: String,
    variables: Vec<(&'static str, String)>,
    settings: Vec<String>,
    padding: usize,
}

impl Start {
    fn at(home: Home) -> Self {
        Self { home, shell: String::new(), variables: Vec::new(), settings: Vec::new(), padding: 100 }
    }

    fn arguments<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        let settings = self.settings.iter().flat_map(|setting| ["--set", setting.as_str()]);
        words.iter().copied().chain(settings).collect()
    }

    fn command(&self) -> Command {
        let secret = format!("auth.jwt_secret={SECRET}");
        let fixed =
            ["serve", "--set", "server.bind=127.0.0.1:0", "--set", "limits.messages_per_minute=0", "--set", &secret];
        let shell = format!("{}\nexec \"$0\" \"$@\"", self.shell);
        let mut command = self.home.command_by(&shell, &self.arguments(&fixed));
        command.envs(self.variables.iter().map(|(name, value)| (*name, value.as_str())));
        command
    }

    async fn start(&self) -> Process {
        let mut process = Process::start(&mut self.command()).await;
        process.wait_until_ready().await;
        process
    }
}

/// A scenario under way.
struct Scene {
    name: &'static str,
    start: Start,
    process: Process,
    town: Arc<Town>,
    dice: Dice,
    senders: Vec<JoinHandle<()>>,
    listeners: Vec<JoinHandle<()>>,
}

impl Scene {
    /// Starts the server, the people, three conversations of all of them, and the talk.
    async fn begin(name: &'static str, start: Start) -> Self {
        let process = start.start().await;
        let mut dice = Dice::new();
        println!("{name}: seed {}", dice.seed());
        let people: Vec<Person> = ["Alice", "Bob", "Carol"]
            .into_iter()
            .zip(1..)
            .map(|(name, id)| process.somebody(id, &token(json!({ "sub": id, "name": name })), name))
            .collect();
        for person in &people {
            assert_eq!(person.get("/conversations/unread").await.status, 200);
        }
        let mut conversations = Vec::new();
        for topic in ["one", "two", "three"] {
            conversations.push(people[0].group(topic, &[&people[1], &people[2]]).await);
        }
        let start_of_log = people[0].get("/events").await.body["page"]["next"].as_str().expect("a cursor").to_owned();
        let town = Arc::new(Town {
            people: people.iter().map(|person| Citizen { token: person.token.clone() }).collect(),
            conversations,
            start: start_of_log,
            padding: start.padding,
            ledger: Ledger::default(),
            sending: CancellationToken::new(),
            listening: CancellationToken::new(),
            address: Mutex::new(process.address),
        });
        let senders = (0..SENDERS).map(|place| tokio::spawn(send_on(Arc::clone(&town), place))).collect();
        let listeners = (0..LISTENERS.len())
            .map(|place| {
                dice.below(2);
                tokio::spawn(listen_on(Arc::clone(&town), place, dice.clone()))
            })
            .collect();
        let scene = Self { name, start, process, town, dice, senders, listeners };
        scene.more_are_acknowledged(50).await;
        scene
    }

    /// Waits until so many more sends were acknowledged.
    async fn more_are_acknowledged(&self, more: usize) {
        let wanted = self.town.ledger.acknowledged() + more;
        self.until("sends are acknowledged", async || self.town.ledger.acknowledged() >= wanted).await;
    }

    async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        self.found(what, async || is_so().await.then_some(())).await;
    }

    /// What can be had after a while.
    async fn found<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(Instant::now() < end, "{}: not yet: {what}\n{}", self.name, tail(&self.process.logged()));
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn ready(&self) -> Option<u16> {
        let url = format!("http://{}/health/ready", self.town.address());
        reqwest::get(url).await.ok().map(|answer| answer.status().as_u16())
    }

    /// Kills the server and starts it again upon the same data.
    async fn killed_and_started(&mut self) {
        signal(self.process.id(), "KILL").await;
        self.process = self.start.start().await;
        self.town.moved_to(self.process.address);
    }

    /// Ends the talk, lets everybody hear the rest, and compares. Whatever is broken fails the test.
    async fn end(mut self) -> Report {
        self.town.sending.cancel();
        for sender in self.senders.drain(..) {
            sender.await.expect("a sender does not panic");
        }
        let log = self.log().await;
        let last = log.last().map_or(0, |told| told.position);
        let heard_all = || LISTENERS.iter().all(|name| self.town.ledger.position_of(name) >= last);
        let end = Instant::now() + PATIENCE;
        while !heard_all() && Instant::now() < end {
            sleep(Duration::from_millis(20)).await;
        }
        let stored = self.stored().await;
        self.town.listening.cancel();
        for listener in self.listeners.drain(..) {
            listener.await.expect("a listener does not panic");
        }
        let report = self.town.ledger.check(position(&self.town.start), &log, &stored, &LISTENERS);
        let database = if self.start.home.postgres().is_some() || !self.start.settings.is_empty() {
            "PostgreSQL"
        } else {
            "SQLite"
        };
        println!("{} on {database}: {}", self.name, report.figures());
        let ended = self.process.terminate().await;
        assert_eq!(report.broken(), Vec::<String>::new(), "{}: {}\n{}", self.name, report.figures(), tail(&ended.err));
        assert_eq!(ended.code, Some(0), "{}: {}", self.name, tail(&ended.err));
        let doctor = self.start.home.run(&self.start.arguments(&["doctor"])).await;
        assert_eq!(doctor.code, Some(0), "{}: {} {}", self.name, doctor.out, doctor.err);
        report
    }

    fn reader(&self) -> Person {
        Person::new(self.process.address, 1, "Alice", &self.town.people[0].token)
    }

    /// The messages of the log, in its order.
    async fn log(&self) -> Vec<Told> {
        let (reader, mut cursor, mut log) = (self.reader(), self.town.start.clone(), Vec::new());
        loop {
            let page = reader.get(&format!("/events?limit=100&after={cursor}")).await;
            assert_eq!(page.status, 200, "{}: {}", self.name, page.text);
            for event in page.data().as_array().expect("a list") {
                assert_eq!(event["type"], "message.sent", "{event}");
                let position = position(event["cursor"].as_str().expect("a cursor"));
                log.push(Told { position, ..of_message(&event["data"]) });
            }
            cursor = page.body["page"]["next"].as_str().expect("a cursor").to_owned();
            if page.body["page"]["hasMore"] == false {
                return log;
            }
        }
    }

    /// The messages of all conversations: id and first word.
    async fn stored(&self) -> BTreeMap<i64, String> {
        let (reader, mut stored) = (self.reader(), BTreeMap::new());
        for conversation in &self.town.conversations {
            let mut before = String::new();
            loop {
                let page = reader.get(&format!("/conversations/{conversation}/messages?limit=100{before}")).await.ok();
                let page = page.as_array().expect("a list");
                stored.extend(page.iter().map(of_message).map(|told| (told.id, told.temp)));
                let Some(oldest) = page.first() else { break };
                before = format!("&before={}", oldest["id"]);
            }
        }
        stored
    }
}

fn of_message(message: &serde_json::Value) -> Told {
    let content = message["content"].as_str().unwrap_or_default();
    let temp = content.split(' ').next().unwrap_or_default().to_owned();
    Told { position: 0, id: message["id"].as_i64().expect("an id"), temp }
}

/// The end of a log.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
