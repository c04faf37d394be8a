//! What it costs that many connect at once: people whom the server has never seen, and the same again a moment later.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use super::Ground;
use super::deliveries::{count, rounded, row};
use super::doors::Door;
use super::hall::Hall;
use crate::at_a_time::at_a_time;
use crate::figures::percentile;
use crate::table::{Table, figure};

/// How many connect at the same time.
const AT_A_TIME: usize = 100;
/// What is written of somebody after they were let in belongs to their connection: so long is counted beyond the last.
const AFTER: Duration = Duration::from_secs(1);
/// That somebody went is told after 5 s, and is not to be counted for those who come back.
const GONE: Duration = Duration::from_secs(8);

pub async fn storm(ground: &Ground) -> Result<Table> {
    let mut table = Table::new([
        "connect, token, subscribe",
        "people",
        "CPU µs/connection",
        "connections/s",
        "p50 ms",
        "p99 ms",
        "core used %",
    ]);
    for (door_name, door) in [("STOMP", Door::Stomp), ("GraphQL", Door::GraphQl { selections: 1 })] {
        let hall = Hall::open(ground).await?;
        for name in ["new", "seen a moment ago"] {
            let (before, started) = (hall.server.watched.read(), Instant::now());
            let address = hall.server.address;
            let connected = at_a_time(ground.listeners, AT_A_TIME, |number| async move {
                let started = Instant::now();
                let session = door.open(address, i64::try_from(number)? + 1).await?;
                Ok((session, started.elapsed().as_secs_f64() * 1_000.0))
            });
            let (sessions, mut millis): (Vec<_>, Vec<_>) = connected.await?.into_iter().unzip();
            let seconds = started.elapsed().as_secs_f64();
            let busy = before.until(&hall.server.watched.read()).server;
            sleep(AFTER).await;
            let micros = before.until(&hall.server.watched.read()).server;
            drop(sessions);
            let cells = [
                format!("{door_name}, {name}"),
                count(ground.listeners),
                figure(micros / ground.listeners as f64),
                rounded(ground.listeners as f64 / seconds),
                figure(percentile(&mut millis, 0.5)),
                figure(percentile(&mut millis, 0.99)),
                figure(busy / seconds / 10_000.0),
            ];
            row(&mut table, cells);
            sleep(GONE).await;
        }
        hall.close().await?;
    }
    Ok(table)
}
