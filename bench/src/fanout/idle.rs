//! What connections cost that nobody tells anything: memory of the server, and its processor while nothing happens.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use super::Ground;
use super::deliveries::{count, rounded, row};
use super::doors::Door;
use super::hall::Hall;
use crate::memory::Memory;
use crate::table::{Table, figure};

/// How long a server is left alone before it is looked at.
const SETTLING: Duration = Duration::from_secs(3);
/// How long it is watched while nothing happens.
const IDLE: Duration = Duration::from_secs(20);

pub async fn idle(ground: &Ground) -> Result<Table> {
    let mut table = Table::new([
        "nothing happens",
        "connections",
        "Rss KiB/connection",
        "Pss KiB/connection",
        "Rss before MiB",
        "Rss after MiB",
        "idle for 20 s: core used %",
        "connected/s",
    ]);
    let doors = [("STOMP, six subscriptions", Door::AllStomp), ("GraphQL, five subscriptions", Door::AllGraphQl)];
    for (name, door) in doors {
        for connections in &ground.connections {
            let mut hall = Hall::open(ground).await?;
            let process = hall.server.watched.server.unwrap_or_default();
            sleep(SETTLING).await;
            let (before, started) = (Memory::of(process)?, Instant::now());
            hall.add_ears(door, 0, 1..=i64::try_from(*connections)?).await?;
            let rate = *connections as f64 / started.elapsed().as_secs_f64();
            sleep(SETTLING).await;
            let after = Memory::of(process)?;
            let (used, started) = (hall.server.watched.read(), Instant::now());
            sleep(IDLE).await;
            let idle = used.until(&hall.server.watched.read()).server / started.elapsed().as_secs_f64();
            hall.all_heard().await?;
            hall.close().await?;
            let each = |bytes: f64| figure(bytes / 1_024.0 / *connections as f64);
            let cells = [
                name.to_owned(),
                count(*connections),
                each(after.resident - before.resident),
                each(after.proportional - before.proportional),
                mebibytes(before.resident),
                mebibytes(after.resident),
                figure(idle / 10_000.0),
                rounded(rate),
            ];
            row(&mut table, cells);
        }
    }
    Ok(table)
}

pub fn mebibytes(bytes: f64) -> String {
    figure(bytes / 1_048_576.0)
}
