//! What sending costs with 1 to 4 nodes: how long senders wait at a pace, how much can be sent, and what the database has
//! to do for a message.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use super::ears::Ear;
use super::load::{Deed, Load, WARM_UP, millis};
use super::{Ground, table};
use crate::figures::{median, percentile};
use crate::rooms;
use crate::server::Server;
use crate::table::{Table, figure, grouped};

const ROOMS: usize = 100;
/// How long PostgreSQL may take until it tells what a connection has done: one that lies idle tells it after 10 s.
const STATISTICS_DELAY: Duration = Duration::from_secs(11);

/// How long people wait who send 1 000 messages a second together.
pub async fn pace(ground: &Ground) -> Result<Table> {
    let load = Load { senders: 64, pace: Some(1_000.0), deed: Deed::Send };
    let mut result =
        table(["1 000 messages a second", "p50 ms", "p99 ms", "× p50", "messages/s", "nodes' CPU µs/message"]);
    let mut rounds: [Vec<[f64; 4]>; 3] = Default::default();
    for _ in 0..ground.rounds {
        for (place, count) in [1, 2, 4].into_iter().enumerate() {
            rounds[place].push(measure(ground, count, load).await?);
        }
    }
    let mut first = None;
    for (count, rounds) in [1, 2, 4].into_iter().zip(rounds) {
        let middle = |which: usize| median(&mut rounds.iter().map(|round| round[which]).collect::<Vec<_>>());
        let (p50, p99, rate, cost) = (middle(0), middle(1), middle(2), middle(3));
        let ratio = p50 / *first.get_or_insert(p50);
        let cells = [figure(p50), figure(p99), format!("{ratio:.1}"), grouped(rate.round() as i64), figure(cost)];
        result.row([vec![nodes(count)], cells.to_vec()].concat());
    }
    Ok(result)
}

/// How much can be sent by as many as wait for their answers.
pub async fn saturated(ground: &Ground) -> Result<Table> {
    let load = Load { senders: 192, pace: None, deed: Deed::Send };
    let mut result = table(["192 senders", "messages/s", "of one node's", "p50 ms", "p99 ms", "nodes' CPU µs/message"]);
    let mut rounds: [Vec<[f64; 4]>; 2] = Default::default();
    for _ in 0..ground.rounds {
        for (place, count) in [1, 4].into_iter().enumerate() {
            rounds[place].push(measure(ground, count, load).await?);
        }
    }
    let mut first = None;
    for (count, rounds) in [1, 4].into_iter().zip(rounds) {
        let middle = |which: usize| median(&mut rounds.iter().map(|round| round[which]).collect::<Vec<_>>());
        let (p50, p99, rate, cost) = (middle(0), middle(1), middle(2), middle(3));
        let share = 100.0 * rate / *first.get_or_insert(rate);
        let cells = [grouped(rate.round() as i64), format!("{share:.0} %"), figure(p50), figure(p99), figure(cost)];
        result.row([vec![nodes(count)], cells.to_vec()].concat());
    }
    Ok(result)
}

/// p50 and p99 in milliseconds, messages a second, microseconds of the nodes' processors for a message.
async fn measure(ground: &Ground, count: usize, load: Load) -> Result<[f64; 4]> {
    let all = ground.nodes(count, None).await?;
    let rooms = rooms::make(all.first(), ROOMS, i64::try_from(load.senders)?).await?;
    let servers: Vec<&Server> = all.nodes.iter().collect();
    let before = all.used();
    let (sent, seconds) = load.run(&servers, &rooms, Duration::from_secs(ground.seconds)).await?;
    // The warm-up is in what was used, and so in the time that it is used for.
    let whole = seconds + WARM_UP.as_secs_f64();
    let (cost, _) = all.cost(&before);
    let (rate, mut waited) = (sent.len() as f64 / seconds, millis(&sent));
    all.end().await?;
    let figures = [percentile(&mut waited, 0.5), percentile(&mut waited, 0.99), rate, cost / (rate * whole)];
    eprintln!("  {}: {}", nodes(count), figures.map(figure).join(" | "));
    Ok(figures)
}

/// What PostgreSQL has to do for a message that is heard at every node, as transactions: a statement by itself is one. One
/// sends at a time, so that each message is a batch by itself, the dearest case.
pub async fn statements(ground: &Ground) -> Result<Table> {
    let load = Load { senders: 1, pace: Some(100.0), deed: Deed::Send };
    let mut result = table(["transactions a message", "1 node", "2 nodes", "3 nodes", "a second, idle, 3 nodes"]);
    for (way, broker) in &ground.ways {
        let (mut cells, mut idle) = (vec![(*way).to_owned()], 0.0);
        for count in 1..=3 {
            let all = ground.nodes(count, broker.as_deref()).await?;
            let rooms = rooms::make(all.first(), 1, 10).await?;
            let mut ears = Vec::new();
            for (place, node) in all.nodes.iter().enumerate() {
                ears.push(Ear::open(node, 2, place, Instant::now()).await?);
            }
            let mut db = all.home.open().await?;
            let mut transactions = async || {
                sleep(STATISTICS_DELAY).await;
                db.number("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")
                    .await
            };
            let (before, started) = (transactions().await?, Instant::now());
            let after = transactions().await?;
            idle = (after - before) as f64 / started.elapsed().as_secs_f64();
            let (before, sent_before) = (after, all.first().metric("confab_messages_total").await?);
            let started = Instant::now();
            load.run(&[all.first()], &rooms, Duration::from_secs(ground.seconds)).await?;
            let made = (transactions().await? - before) as f64 - idle * started.elapsed().as_secs_f64();
            let messages = all.first().metric("confab_messages_total").await? - sent_before;
            for ear in ears {
                ensure!(ear.heard() as f64 == messages, "a node has heard {} of {messages} messages", ear.heard());
            }
            db.close().await?;
            cells.push(figure(made / messages));
            all.end().await?;
        }
        cells.push(figure(idle));
        eprintln!("  {}", cells.join(" | "));
        result.row(cells);
    }
    Ok(result)
}

/// As it stands in a table.
pub fn nodes(count: usize) -> String {
    if count == 1 { "1 node".to_owned() } else { format!("{count} nodes") }
}
