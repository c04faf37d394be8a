//! What hearing costs, and how long it takes: listeners over STOMP at one node and at several.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::load::{Deed, Load, WARM_UP};
use super::sends::nodes;
use super::{Ground, table};
use crate::figures::{median, percentile};
use crate::rooms;
use crate::server::Server;
use crate::stomp::Session;
use crate::table::{Table, figure, grouped};
use crate::token::token;

/// Sessions that listen: five of each of the people of a room.
const LISTENERS: usize = 1_000;
/// How long what was sent may take until everybody has heard it.
const HEARD_TIMEOUT: Duration = Duration::from_secs(20);
const MESSAGES: &str = "/user/queue/chat/messages";

/// A session that hears messages, and is closed with this.
pub struct Ear {
    task: JoinHandle<Result<()>>,
    heard: Arc<Mutex<Heard>>,
}

/// What a session has heard.
#[derive(Default)]
struct Heard {
    /// Since it was opened, and since it was asked last.
    all: usize,
    messages: usize,
    /// Milliseconds that messages took which told when they were sent, at the listener's own node and at others.
    own: Vec<f64>,
    others: Vec<f64>,
}

impl Ear {
    /// Listens at the node of this place, as a user.
    pub async fn open(node: &Server, user: i64, place: usize, since: Instant) -> Result<Self> {
        let mut session = Session::connect(node.address, &token(user)).await?;
        session.listen(MESSAGES).await?;
        let heard = Arc::<Mutex<Heard>>::default();
        let noted = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            loop {
                let frame = session.hear().await?;
                if frame.starts_with("MESSAGE") {
                    noted.lock().unwrap_or_else(PoisonError::into_inner).note(&frame, place, since);
                }
            }
        });
        Ok(Self { task, heard })
    }

    /// How many messages it has heard since it was opened.
    pub fn heard(&self) -> usize {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    /// What it has heard since this was asked last.
    fn take(&self) -> Heard {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let all = heard.all;
        std::mem::replace(&mut *heard, Heard { all, ..Heard::default() })
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Heard {
    fn note(&mut self, frame: &str, place: usize, since: Instant) {
        self.all += 1;
        self.messages += 1;
        let Some((_, told)) = frame.split_once("\"content\":\"at ") else { return };
        let mut words = told.split(['"', ' ']);
        let node = words.next().and_then(|word| word.parse::<usize>().ok());
        let sent = words.next().and_then(|word| word.parse::<u64>().ok());
        let (Some(node), Some(sent)) = (node, sent) else { return };
        let took = (since.elapsed().saturating_sub(Duration::from_nanos(sent))).as_secs_f64() * 1_000.0;
        if node == place { self.own.push(took) } else { self.others.push(took) }
    }
}

/// Waits until each of them has heard all that was sent, which is nothing less and nothing more.
async fn all_heard(ears: &[Ear], sent: usize) -> Result<()> {
    let until = Instant::now() + HEARD_TIMEOUT;
    while ears.iter().any(|ear| ear.heard() < sent) && Instant::now() < until {
        sleep(Duration::from_millis(50)).await;
    }
    let wrong = ears.iter().map(Ear::heard).find(|heard| *heard != sent);
    wrong.map_or(Ok(()), |heard| bail!("{heard} messages were heard of {sent}"))
}

/// What a delivery costs the nodes' processors, with all listeners at one node and spread over three.
pub async fn deliveries(ground: &Ground) -> Result<Table> {
    let load = Load { senders: 20, pace: Some(20.0), deed: Deed::Send };
    let head = format!("{} listeners", grouped(LISTENERS as i64));
    let mut result =
        table([&head, "deliveries/s", "nodes' CPU µs/delivery", "of one node's", "database's CPU µs/message"]);
    let mut rounds: [Vec<[f64; 3]>; 2] = Default::default();
    for _ in 0..ground.rounds {
        for (place, count) in [1, 3].into_iter().enumerate() {
            let all = ground.nodes(count, None).await?;
            let rooms = rooms::make(all.first(), 1, rooms::LARGEST).await?;
            let mut ears = Vec::with_capacity(LISTENERS);
            for number in 0..LISTENERS {
                let (node, user) = (number % count, 1 + i64::try_from(number)? % rooms::LARGEST);
                ears.push(Ear::open(&all.nodes[node], user, node, Instant::now()).await?);
            }
            let servers: Vec<&Server> = all.nodes.iter().collect();
            let running = load.begin(&servers, &rooms, 0).await?;
            sleep(WARM_UP).await;
            ears.iter().for_each(|ear| drop(ear.take()));
            let (before, started) = (all.used(), Instant::now());
            sleep(Duration::from_secs(ground.seconds)).await;
            let ((cost, database), seconds) = (all.cost(&before), started.elapsed().as_secs_f64());
            let heard: usize = ears.iter().map(|ear| ear.take().messages).sum();
            all_heard(&ears, running.end().await?.len()).await?;
            drop(ears);
            all.end().await?;
            let figures = [heard as f64 / seconds, cost / heard as f64, database * LISTENERS as f64 / heard as f64];
            eprintln!("  {}: {}", nodes(count), figures.map(figure).join(" | "));
            rounds[place].push(figures);
        }
    }
    let mut first = None;
    for (name, rounds) in ["at 1 node", "spread over 3 nodes"].into_iter().zip(rounds) {
        let middle = |which: usize| median(&mut rounds.iter().map(|round| round[which]).collect::<Vec<_>>());
        let (rate, cost, database) = (middle(0), middle(1), middle(2));
        let share = 100.0 * cost / *first.get_or_insert(cost);
        result.row([
            name.to_owned(),
            grouped(rate.round() as i64),
            figure(cost),
            format!("{share:.0} %"),
            figure(database),
        ]);
    }
    Ok(result)
}

/// How long a message takes from its request to whoever listens at the same node, and at the two others.
pub async fn across(ground: &Ground) -> Result<Table> {
    let mut result = table([
        "500 messages a second, 3 nodes",
        "own node: p50 ms",
        "p99 ms",
        "other nodes: p50 ms",
        "p99 ms",
        "slowest ms",
        "holes read from the log",
    ]);
    let mut rounds: Vec<Vec<[f64; 6]>> = vec![Vec::new(); ground.ways.len()];
    for _ in 0..ground.rounds {
        for (place, (way, broker)) in ground.ways.iter().enumerate() {
            let all = ground.nodes(3, broker.as_deref()).await?;
            let rooms = rooms::make(all.first(), 20, 66).await?;
            let since = Instant::now();
            let mut ears = Vec::new();
            for (place, node) in all.nodes.iter().enumerate() {
                ears.push(Ear::open(node, 65, place, since).await?);
            }
            let load = Load { senders: 60, pace: Some(500.0), deed: Deed::Tell(since) };
            let servers: Vec<&Server> = all.nodes.iter().collect();
            let running = load.begin(&servers, &rooms, 0).await?;
            sleep(WARM_UP).await;
            ears.iter().for_each(|ear| drop(ear.take()));
            sleep(Duration::from_secs(ground.seconds)).await;
            let heard: Vec<Heard> = ears.iter().map(Ear::take).collect();
            all_heard(&ears, running.end().await?.len()).await?;
            let mut holes = 0.0;
            for node in &all.nodes {
                holes += node.metric("confab_holes_filled_total").await?;
            }
            let mut own: Vec<f64> = heard.iter().flat_map(|heard| heard.own.iter().copied()).collect();
            let mut others: Vec<f64> = heard.iter().flat_map(|heard| heard.others.iter().copied()).collect();
            ensure!(!own.is_empty() && !others.is_empty(), "nothing told when it was sent");
            drop(ears);
            all.end().await?;
            let figures = [
                percentile(&mut own, 0.5),
                percentile(&mut own, 0.99),
                percentile(&mut others, 0.5),
                percentile(&mut others, 0.99),
                percentile(&mut others, 1.0),
                holes,
            ];
            eprintln!("  {way}: {}", figures.map(figure).join(" | "));
            rounds[place].push(figures);
        }
    }
    for ((way, _), rounds) in ground.ways.iter().zip(rounds) {
        let middle = |which: usize| median(&mut rounds.iter().map(|round| round[which]).collect::<Vec<_>>());
        let cells: Vec<String> = (0..6).map(|which| figure(middle(which))).collect();
        result.row([vec![(*way).to_owned()], cells].concat());
    }
    Ok(result)
}
