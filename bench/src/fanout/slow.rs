//! Whether those who stop reading harm those who read on.

use std::time::Duration;

use anyhow::Result;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use tokio::net::TcpStream;

use super::Ground;
use super::deliveries::{count, rounded, row};
use super::doors::Door;
use super::hall::Hall;
use super::idle::mebibytes;
use super::voice::Pace;
use crate::at_a_time::at_a_time;
use crate::figures::percentile;
use crate::memory::Memory;
use crate::table::{Table, figure};

const PACE: Pace = Pace { messages: 45.0, burst: 1 };
/// Of five who read, one does not.
const LIVE_FOR_A_STOPPED: usize = 5;
/// What the system keeps for somebody who does not read, as little as it lets.
const RECEIVED: usize = 4 * 1024;
/// How long is sent until the buffers of those who do not read are full.
const FILLING: Duration = Duration::from_secs(6);
/// After 60 s in which nothing is taken a connection is reset: all has to be measured before.
const LONGEST: Duration = Duration::from_secs(40);

pub async fn slow(ground: &Ground) -> Result<Table> {
    let mut table = Table::new([
        "45 a second, STOMP",
        "listeners",
        "stopped reading",
        "deliveries/s",
        "CPU µs/delivery",
        "p50 ms",
        "p99 ms",
        "slowest ms",
        "Rss MiB",
        "Pss MiB",
    ]);
    let stopped = (ground.listeners / LIVE_FOR_A_STOPPED).max(1);
    let people = 1 + ground.listeners + stopped;
    let mut hall = Hall::with_one_room(ground, people, 1).await?;
    let live = 1 + i64::try_from(ground.listeners)?;
    hall.add_ears(Door::Stomp, hall.rooms[0], 2..=live).await?;
    let mut silent: Vec<TcpStream> = Vec::new();
    for name in ["all read", "some stopped reading"] {
        if name != "all read" {
            let address = hall.server.address;
            let opened = at_a_time(stopped, stopped, |number| async move {
                let (stream, _) = Door::Stomp.open(address, live + 1 + i64::try_from(number)?).await?.into_parts();
                set_socket_recv_buffer_size(&stream, RECEIVED)?;
                Ok(stream)
            });
            silent = opened.await?;
        }
        hall.speak(PACE, FILLING).await?;
        let mut measured = hall.measure(PACE, ground.duration().min(LONGEST)).await?;
        let memory = Memory::of(hall.server.watched.server.unwrap_or_default())?;
        let cells = [
            name.to_owned(),
            count(ground.listeners),
            count(silent.len()),
            rounded(measured.deliveries / measured.seconds),
            figure(measured.micros / measured.deliveries),
            figure(percentile(&mut measured.millis, 0.5)),
            figure(percentile(&mut measured.millis, 0.99)),
            figure(percentile(&mut measured.millis, 1.0)),
            mebibytes(memory.resident),
            mebibytes(memory.proportional),
        ];
        row(&mut table, cells);
    }
    drop(silent);
    hall.close().await?;
    Ok(table)
}
