//! What nodes share: that they are there, what they tell each other, who is connected, who types, and which node has which
//! session over HTTP. A server on SQLite is
//! alone and keeps all of it in memory. It knows no rule of chat; nothing of it is durable.

pub mod agreement;
pub mod backplane;
pub mod connections;
pub mod counts;
pub mod frame;
pub mod hearing;
pub mod leases;
pub mod nodes;
mod outgoing;
pub mod pass;
mod peers;
pub mod routes;
pub mod typists;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::entity::clock;
use crate::store::Store;
use backplane::Backplane;
use backplane::amqp::Amqp;
use backplane::postgres::Postgres;
use backplane::redis::Redis;
use backplane::way::{DEAF_AFTER, Heard, Way};
use frame::{Frame, News, NodeId, Seal};
use hearing::Hearing;
use nodes::Node;
use pass::Passes;
use peers::Peers;
use routes::Routes;

/// How often a node says that it lives.
const BEAT_INTERVAL: Duration = Duration::from_secs(1);
/// How long it is waited for others who ought to be there.
const GREETING_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of a frame around what it tells, at most.
const MAX_ENVELOPE_BYTES: usize = 400;
/// How often it is looked whether a node that owes something is still there.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// Frames that were heard and wait to be looked at.
const MAX_HEARD: usize = 4096;

/// This node among the others.
pub struct Cluster {
    me: NodeId,
    /// None where a server is alone by its database.
    joined: Option<Joined>,
}

struct Joined {
    seal: Seal,
    /// The ways to the others, the better ones first.
    ways: Vec<Arc<Way>>,
    /// Counts the frames of this node.
    number: AtomicU64,
    /// Up to where the log was routed here.
    head: AtomicI64,
    draining: AtomicBool,
    peers: Arc<Peers>,
    passes: Passes,
    /// None where other nodes are not told how they reach this one.
    routes: Option<Arc<Routes>>,
}

impl Cluster {
    /// Joins the nodes of the database, if it can have several; what is heard of them comes out of the [`Hearing`]. Its
    /// tasks end with `stopping`.
    ///
    /// # Errors
    /// An address of a broker that is none, a database that cannot be read.
    pub async fn open(
        config: &Config,
        store: &Store,
        tasks: &TaskTracker,
        stopping: &CancellationToken,
    ) -> anyhow::Result<(Arc<Self>, Hearing)> {
        let me = uuid::Uuid::new_v4().simple().to_string();
        let (sender, receiver) = mpsc::channel(MAX_HEARD);
        let peers = Arc::<Peers>::default();
        let url = config.database_url();
        if url.starts_with("sqlite:") {
            return Ok((Arc::new(Self { me, joined: None }), Hearing::new(peers, receiver, Some(sender))));
        }
        // What is written from the start on, the first sign of life included, is of the database's time.
        nodes::follow_clock(&store.reader()).await.context("The database's clock cannot be read")?;
        let (seal, passes) = keys(store).await.context("The key of the nodes cannot be read")?;
        let start = Start { me: &me, seal: &seal, sender: &sender, peers: &peers, tasks, stopping };
        let mut ways = Vec::new();
        if let Some(broker) = &config.broker.url {
            ways.push(match broker.starts_with("amqp") {
                true => start.run(Amqp::at(broker, seal.epoch())),
                false => start.run(Redis::at(broker, seal.epoch())?),
            });
        }
        ways.push(start.run(Postgres::at(config.database.notify_url.as_deref().unwrap_or(&url))?));
        let routes = config.cluster.address.is_some().then(|| Arc::new(Routes::new(me.clone(), store.clone())));
        if let Some(routes) = &routes {
            tasks.spawn(Arc::clone(routes).run(stopping.clone()));
        }
        let joined = Joined {
            seal,
            ways,
            number: AtomicU64::new(0),
            head: AtomicI64::new(0),
            draining: AtomicBool::new(false),
            peers: Arc::clone(&peers),
            passes,
            routes,
        };
        let cluster = Arc::new(Self { me, joined: Some(joined) });
        tasks.spawn(beat(Arc::clone(&cluster), Arc::clone(&peers), stopping.clone()));
        Ok((cluster, Hearing::new(peers, receiver, None)))
    }

    /// The name of this process, of its own at every start.
    pub fn me(&self) -> &NodeId {
        &self.me
    }

    /// Tells the other nodes, if there are any. It waits for nothing: what gets lost the database has.
    pub fn tell(&self, news: News) {
        if let Some((joined, way)) = self.way() {
            joined.push(&self.me, way, news);
        }
    }

    /// Tells the events of these positions, which follow one another, in as many frames as they need. Of one that has no
    /// room in any, or cannot be told, only the position is.
    pub fn tell_events(&self, events: Vec<(i64, Option<Box<RawValue>>)>) {
        let Some((joined, way)) = self.way() else { return };
        let room = way.max_frame_bytes - MAX_ENVELOPE_BYTES;
        let Some(mut from) = events.first().map(|(position, _)| position - 1) else { return };
        let (mut to, mut packed) = (from, Packed::default());
        for (position, event) in events {
            let size = event.as_ref().map_or(usize::MAX, |event| event.get().len() + 1);
            if size > room - packed.bytes || position != to + 1 {
                joined.tell_packed(&self.me, way, (from, to), std::mem::take(&mut packed));
                from = position - 1;
            }
            to = position;
            match event.filter(|_| size <= room) {
                Some(event) => packed.add(event),
                None => {
                    joined.push(&self.me, way, News::Events { from, to, events: None });
                    from = to;
                }
            }
        }
        joined.tell_packed(&self.me, way, (from, to), packed);
    }

    /// Tells what passes, in as many frames as it needs.
    pub fn tell_signals(&self, signals: Vec<Box<RawValue>>) {
        let Some((joined, way)) = self.way() else { return };
        let room = way.max_frame_bytes - MAX_ENVELOPE_BYTES;
        let mut packed = Packed::default();
        for signal in signals.into_iter().filter(|signal| signal.get().len() < room) {
            if packed.bytes + signal.get().len() + 1 > room
                && let Some(signals) = std::mem::take(&mut packed).list()
            {
                joined.push(&self.me, way, News::Signals(signals));
            }
            packed.add(signal);
        }
        if let Some(signals) = packed.list() {
            joined.push(&self.me, way, News::Signals(signals));
        }
    }

    /// The way by which the others are told; none where there are none.
    fn way(&self) -> Option<(&Joined, &Way)> {
        let joined = self.joined.as_ref().filter(|joined| joined.peers.any())?;
        let way = joined.ways.iter().find(|way| way.is_up()).or(joined.ways.last())?;
        Some((joined, way))
    }

    /// The log was routed up to here: whoever hears a later position knows that something is missing.
    pub fn routed(&self, position: i64) {
        if let Some(joined) = &self.joined {
            joined.head.store(position, Ordering::Relaxed);
        }
    }

    /// From now on this node says that it is about to end.
    pub fn drain(&self) {
        if let Some(joined) = &self.joined {
            joined.draining.store(true, Ordering::Relaxed);
            self.beat();
        }
    }

    /// Whether it does.
    pub fn is_draining(&self) -> bool {
        self.joined.as_ref().is_some_and(|joined| joined.draining.load(Ordering::Relaxed))
    }

    /// Whether other nodes can take the clients of this one over.
    pub fn has_successors(&self) -> bool {
        self.joined.as_ref().is_some_and(|joined| joined.peers.any_stays())
    }

    /// Whether there may be other nodes.
    pub fn has_peers(&self) -> bool {
        self.joined.as_ref().is_some_and(|joined| joined.peers.any())
    }

    /// Whether something may happen at another node that is not heard here: then the log has to be looked at often.
    pub fn is_deaf(&self) -> bool {
        let Some(joined) = &self.joined else { return false };
        !joined.ways.iter().any(|way| way.is_up()) || joined.peers.any_silent(DEAF_AFTER)
    }

    /// Waits until this node hears itself, and each of the others that are known: from then on nothing that they signal is
    /// missed. Not for long, since one of them may be frozen.
    pub async fn heard_all(&self) {
        let Some(joined) = &self.joined else { return };
        let until = Instant::now() + GREETING_TIMEOUT;
        while Instant::now() < until {
            if joined.ways.iter().any(|way| way.is_up()) && joined.peers.all_heard() {
                return;
            }
            sleep(GREETING_TIMEOUT / 100).await;
        }
    }

    /// Waits until all that was told so far has gone to the others. Not for long, since they look into the database, too.
    pub async fn told_all(&self) {
        let Some((joined, way)) = self.way() else { return };
        let number = joined.number.load(Ordering::Relaxed);
        // What comes back after them has the beat behind it.
        self.beat();
        let until = Instant::now() + GREETING_TIMEOUT;
        while !way.has_come_back(number) && Instant::now() < until {
            sleep(GREETING_TIMEOUT / 100).await;
        }
    }

    /// The ways to the other nodes and whether this one hears itself by them; for operators.
    pub fn ways(&self) -> Vec<(&'static str, bool)> {
        let ways = self.joined.as_ref().map(|joined| joined.ways.iter().map(|way| (way.name, way.is_up())).collect());
        ways.unwrap_or_default()
    }

    /// These of the other nodes are alive by the database.
    pub fn know(&self, alive: &[Node]) {
        if let Some(joined) = &self.joined {
            joined.peers.know(alive);
        }
    }

    /// Where the sessions over HTTP are, if requests for those of other nodes are sent on.
    pub fn routes(&self) -> Option<&Arc<Routes>> {
        self.joined.as_ref()?.routes.as_ref()
    }

    /// What shows that a request was sent on by a node of this database.
    pub fn passes(&self) -> Option<&Passes> {
        self.joined.as_ref().map(|joined| &joined.passes)
    }

    /// Waits until another node counts as ended, which takes some time after it has: nothing more is to be expected of it.
    pub async fn ended(&self, node: &NodeId) {
        let is_there = || self.joined.as_ref().is_some_and(|joined| joined.peers.knows(node));
        let mut looks_without = 0;
        while looks_without < 2 {
            sleep(LOOK_INTERVAL).await;
            // The first look may come before a node that is new was met.
            looks_without = if is_there() { 0 } else { looks_without + 1 };
        }
    }

    fn beat(&self) {
        let Some(joined) = &self.joined else { return };
        let (head, draining) = (joined.head.load(Ordering::Relaxed), joined.draining.load(Ordering::Relaxed));
        for way in &joined.ways {
            joined.push(&self.me, way, News::Beat { head, draining });
        }
    }
}

/// JSON that goes into one frame as a list.
#[derive(Default)]
struct Packed {
    values: Vec<Box<RawValue>>,
    bytes: usize,
}

impl Packed {
    fn add(&mut self, value: Box<RawValue>) {
        self.bytes += value.get().len() + 1;
        self.values.push(value);
    }

    /// The list; none where there is nothing in it.
    fn list(self) -> Option<Box<RawValue>> {
        (!self.values.is_empty()).then(|| serde_json::value::to_raw_value(&self.values).ok()).flatten()
    }
}

impl Joined {
    /// Tells the events after the first of these positions up to the second, if there are any.
    fn tell_packed(&self, me: &NodeId, way: &Way, (from, to): (i64, i64), packed: Packed) {
        if from < to {
            self.push(me, way, News::Events { from, to, events: packed.list() });
        }
    }

    fn push(&self, me: &NodeId, way: &Way, news: News) {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let mut frame = Frame { node: me.clone(), number, at: clock::now().timestamp_millis(), news };
        let mut text = self.seal.close(&frame);
        if text.len() > way.max_frame_bytes
            && let Some(shorter) = frame.news.without_events()
        {
            frame.news = shorter;
            text = self.seal.close(&frame);
        }
        if text.len() <= way.max_frame_bytes {
            way.push(text);
        } else {
            tracing::debug!(kind = frame.news.kind(), "what nodes tell each other is too long for one frame");
        }
    }
}

/// What every way is started with.
struct Start<'s> {
    me: &'s NodeId,
    seal: &'s Seal,
    sender: &'s mpsc::Sender<Heard>,
    peers: &'s Arc<Peers>,
    tasks: &'s TaskTracker,
    stopping: &'s CancellationToken,
}

impl Start<'_> {
    fn run<B: Backplane>(&self, backplane: B) -> Arc<Way> {
        let way = Way::of::<B>();
        let (seal, sender, peers) = (self.seal.clone(), self.sender.clone(), Arc::clone(self.peers));
        let opened = move || peers.greet();
        let run = Arc::clone(&way).run(backplane, self.me.clone(), seal, sender, opened, self.stopping.clone());
        self.tasks.spawn(run);
        way
    }
}

/// Says each second that this node lives, by every way, so that it knows which of them it hears; and at once where a way
/// was opened or somebody is new, who need not wait for it.
async fn beat(cluster: Arc<Cluster>, peers: Arc<Peers>, stopping: CancellationToken) {
    let mut tick = interval(BEAT_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = peers.greeting() => {}
            () = stopping.cancelled() => return,
        }
        cluster.beat();
    }
}

/// What is made of the key that only the database has.
async fn keys(store: &Store) -> anyhow::Result<(Seal, Passes)> {
    let sql = "SELECT link_key, epoch FROM chat_log WHERE id = 1";
    let row = store.reader().query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    let row = row.context("chat_log has lost its row")?;
    let (key, epoch): (String, String) = (row.try_get("", "link_key")?, row.try_get("", "epoch")?);
    Ok((Seal::new(key.as_bytes(), &epoch), Passes::new(key.as_bytes())))
}
