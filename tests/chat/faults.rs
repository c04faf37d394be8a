//! Faults under load: the built server as a process, senders and listeners at all doors, and something that breaks in
//! the middle. Whatever breaks, the checker compares what clients were told with what is stored and heard (protocol
//! §8). Each scenario has a short form, which runs with all other tests, and with `CONFAB_FAULTS=long` a long one.

pub mod addresses;
mod disk;
pub mod ledger;
mod listeners;
mod postgres;
pub mod proxy;
mod senders;
pub mod service;
mod signals;
pub mod stopwatch;
mod table;
pub mod town;
pub mod wire;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::person::Person;
use crate::process::{Home, Process, signal};
use crate::server::{SECRET, token};
use addresses::Addresses;
use ledger::{Ledger, Report, Told};
use listeners::{LISTENERS, listen_on, position};
use senders::send_on;
use stopwatch::Stopwatch;
use town::{Citizen, Dice, Talk, Town};

/// How long a server may take to come to itself again on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// Talk as fast as it goes, with clients of whom only every second one is careful.
const BUSY: Talk = Talk {
    senders: 16,
    at: None,
    listeners: &LISTENERS,
    pause: Duration::ZERO,
    answer: Duration::from_secs(25),
    insists: false,
};

/// Whether this is the long form; `rounds(short, long)` are as many as it has.
pub fn rounds(short: usize, long: usize) -> usize {
    if std::env::var("CONFAB_FAULTS").is_ok_and(|form| form == "long") { long } else { short }
}

/// How the server of a scenario is started.
pub struct Start {
    pub home: Arc<Home>,
    /// None for the one that was built.
    pub program: Option<PathBuf>,
    /// What the shell does to itself before it becomes the server.
    pub shell: String,
    pub variables: Vec<(&'static str, String)>,
    pub settings: Vec<String>,
    pub padding: usize,
}

impl Start {
    pub fn at(home: impl Into<Arc<Home>>) -> Self {
        Self {
            home: home.into(),
            program: None,
            shell: String::new(),
            variables: Vec::new(),
            settings: Vec::new(),
            padding: 100,
        }
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
        let mut command = self.home.command_by(&shell, self.program.as_deref(), &self.arguments(&fixed));
        command.envs(self.variables.iter().map(|(name, value)| (*name, value.as_str())));
        command
    }

    async fn start(&self) -> Process {
        let mut process = Process::start(&mut self.command()).await;
        process.wait_until_ready().await;
        process
    }
}

/// A server of a scenario: there are several where they share a database.
pub struct Node {
    pub start: Start,
    /// None while it is down.
    process: Option<Process>,
}

/// A scenario before anybody talks: the servers, three people, and three conversations of all of them.
pub struct Stage {
    name: &'static str,
    pub nodes: Vec<Node>,
    pub addresses: Addresses,
    pub people: Vec<Person>,
    conversations: Vec<i64>,
    pub dice: Dice,
}

impl Stage {
    pub async fn open(name: &'static str, starts: Vec<Start>) -> Self {
        let dice = Dice::new();
        println!("{name}: seed {}", dice.seed());
        let mut nodes = Vec::new();
        for start in starts {
            let process = Some(start.start().await);
            nodes.push(Node { start, process });
        }
        let addresses = Addresses::new(nodes.iter().map(|node| node.process().address).collect());
        let mut stage = Self { name, nodes, addresses, people: Vec::new(), conversations: Vec::new(), dice };
        for (name, id) in ["Alice", "Bob", "Carol"].into_iter().zip(1..) {
            let person = stage.person(id, name).await;
            stage.people.push(person);
        }
        for topic in ["one", "two", "three"] {
            let group = stage.people[0].group(topic, &[&stage.people[1], &stage.people[2]]).await;
            stage.conversations.push(group);
        }
        stage
    }

    /// Somebody whom the first server has seen.
    pub async fn person(&self, id: i64, name: &str) -> Person {
        let token = token(json!({ "sub": id, "name": name }));
        let person = Person::new(self.addresses.at(0), id, name, &token);
        assert_eq!(person.get("/conversations/unread").await.status, 200);
        person
    }

    /// Begins to talk.
    pub async fn begin(self, talk: Talk) -> Scene {
        let Self { name, nodes, addresses, people, conversations, mut dice } = self;
        let start_of_log = people[0].get("/events").await.body["page"]["next"].as_str().expect("a cursor").to_owned();
        let town = Arc::new(Town {
            people: people.iter().map(|person| Citizen { token: person.token.clone() }).collect(),
            conversations,
            start: start_of_log,
            padding: nodes[0].start.padding,
            talk,
            ledger: Ledger::default(),
            watch: Stopwatch::default(),
            sending: CancellationToken::new(),
            listening: CancellationToken::new(),
            nodes: addresses,
        });
        let senders = (0..talk.senders).map(|place| tokio::spawn(send_on(Arc::clone(&town), place))).collect();
        let listeners = (0..talk.listeners.len())
            .map(|place| {
                dice.below(2);
                tokio::spawn(listen_on(Arc::clone(&town), place, dice.clone()))
            })
            .collect();
        let scene = Scene { name, nodes, town, dice, senders, listeners };
        scene.more_are_acknowledged(50).await;
        scene
    }

    /// Ends without a word.
    pub async fn end(self) {
        end(self.name, self.nodes).await;
    }
}

impl Node {
    pub fn process(&self) -> &Process {
        self.process.as_ref().expect("it runs")
    }
}

/// Ends the servers one after the other: each by itself, and with nothing to complain about in the database.
async fn end(name: &str, nodes: Vec<Node>) {
    let mut starts = Vec::new();
    for node in nodes {
        if let Some(process) = node.process {
            let ended = process.terminate().await;
            assert_eq!(ended.code, Some(0), "{name}: {}", tail(&ended.err));
        }
        starts.push(node.start);
    }
    let doctor = starts[0].home.run(&starts[0].arguments(&["doctor"])).await;
    assert_eq!(doctor.code, Some(0), "{name}: {} {}", doctor.out, doctor.err);
}

/// A scenario under way.
pub struct Scene {
    pub name: &'static str,
    pub nodes: Vec<Node>,
    pub town: Arc<Town>,
    pub dice: Dice,
    senders: Vec<JoinHandle<()>>,
    listeners: Vec<JoinHandle<()>>,
}

impl Scene {
    /// Starts the server, the people, three conversations of all of them, and the talk.
    async fn begin(name: &'static str, start: Start) -> Self {
        Stage::open(name, vec![start]).await.begin(BUSY).await
    }

    pub fn process(&self, place: usize) -> &Process {
        self.nodes[place].process()
    }

    /// Waits until so many more sends were acknowledged.
    pub async fn more_are_acknowledged(&self, more: usize) {
        let wanted = self.town.ledger.acknowledged() + more;
        self.until("sends are acknowledged", async || self.town.ledger.acknowledged() >= wanted).await;
    }

    pub async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        self.found(what, async || is_so().await.then_some(())).await;
    }

    /// What can be had after a while.
    pub async fn found<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(Instant::now() < end, "{}: not yet: {what}\n{}", self.name, self.logs());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The ends of all logs.
    fn logs(&self) -> String {
        let logs = self.nodes.iter().filter_map(|node| node.process.as_ref()).map(|process| tail(&process.logged()));
        logs.collect::<Vec<_>>().join("\n--\n")
    }

    pub async fn ready(&self, place: usize) -> Option<u16> {
        let url = format!("http://{}/health/ready", self.town.nodes.at(place));
        reqwest::get(url).await.ok().map(|answer| answer.status().as_u16())
    }

    /// Kills a server on the spot.
    pub async fn kill(&mut self, place: usize) {
        let process = self.nodes[place].process.take().expect("it runs");
        signal(process.id(), "KILL").await;
        process.kill().await;
    }

    /// Asks a server to end, and waits for that.
    pub async fn terminate(&mut self, place: usize) {
        let ended = self.nodes[place].process.take().expect("it runs").terminate().await;
        assert_eq!(ended.code, Some(0), "{}: {}", self.name, tail(&ended.err));
    }

    /// Starts a server again that is down.
    pub async fn start(&mut self, place: usize) {
        let process = self.nodes[place].start.start().await;
        self.town.nodes.moved(place, process.address);
        self.nodes[place].process = Some(process);
    }

    /// Ends the talk, lets everybody hear the rest, and compares. Whatever is broken fails the test.
    pub async fn end(mut self) -> Report {
        self.town.sending.cancel();
        for sender in self.senders.drain(..) {
            sender.await.expect("a sender does not panic");
        }
        let log = self.log().await;
        let last = log.last().map_or(0, |told| told.position);
        let names = self.town.talk.listeners;
        let heard_all = || names.iter().all(|name| self.town.ledger.position_of(name) >= last);
        let end_of_patience = Instant::now() + PATIENCE;
        while !heard_all() && Instant::now() < end_of_patience {
            sleep(Duration::from_millis(20)).await;
        }
        let stored = self.stored().await;
        self.town.listening.cancel();
        for listener in self.listeners.drain(..) {
            listener.await.expect("a listener does not panic");
        }
        let report = self.town.ledger.check(position(&self.town.start), &log, &stored, names);
        let start = &self.nodes[0].start;
        let database =
            if start.home.postgres().is_some() || !start.settings.is_empty() { "PostgreSQL" } else { "SQLite" };
        println!("{} on {database}: {}", self.name, report.figures());
        assert_eq!(report.broken(), Vec::<String>::new(), "{}: {}\n{}", self.name, report.figures(), self.logs());
        end(self.name, self.nodes).await;
        report
    }

    pub fn reader(&self) -> Person {
        Person::new(self.town.nodes.at(0), 1, "Alice", &self.town.people[0].token)
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
