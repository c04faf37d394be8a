//! How many deliveries a second there are at most: senders send whenever nearly everything has been heard.

use anyhow::Result;

use super::Ground;
use super::deliveries::{count, rounded, row};
use super::doors::Door;
use super::floor::floor;
use super::hall::Hall;
use super::voice::Pace;
use crate::figures::percentile;
use crate::table::{Table, figure};

const VOICES: usize = 16;
/// Messages that may be on their way, by the mean of the listeners: fewer than the queue of a connection takes.
const ON_THEIR_WAY: u64 = 64;
/// How many frames the better of the two floors writes together.
const TOGETHER: u32 = 16;

pub async fn maximum(ground: &Ground) -> Result<Table> {
    let mut table = Table::new([
        "as fast as they are heard",
        "listeners",
        "messages/s",
        "deliveries/s",
        "CPU µs/delivery",
        "floor, one send each: frames/s",
        "of it %",
        "floor, 16 in one send: frames/s",
        "of that %",
        "p50 ms",
        "p99 ms",
        "core used %",
        "bench's core used %",
    ]);
    for (name, door) in [("STOMP", Door::Stomp), ("GraphQL, one selection", Door::GraphQl { selections: 1 })] {
        let people = VOICES + ground.listeners;
        let mut hall = Hall::with_one_room(ground, people, VOICES).await?;
        let (room, first) = (hall.rooms[0], i64::try_from(VOICES)? + 1);
        hall.add_ears(door, room, first..=i64::try_from(people)?).await?;
        let mut measured = hall.saturate(ON_THEIR_WAY, ground.duration()).await?;
        let unbounded = |burst| Pace { messages: 0.0, burst };
        let each = floor(ground, ground.listeners, &measured.frame, unbounded(1), false).await?;
        let joined = floor(ground, ground.listeners, &measured.frame, unbounded(TOGETHER), true).await?;
        hall.close().await?;
        let rate = measured.deliveries / measured.seconds;
        let cells = [
            name.to_owned(),
            count(ground.listeners),
            rounded(measured.sent / measured.seconds),
            rounded(rate),
            figure(measured.micros / measured.deliveries),
            rounded(each.rate),
            figure(100.0 * rate / each.rate),
            rounded(joined.rate),
            figure(100.0 * rate / joined.rate),
            figure(percentile(&mut measured.millis, 0.5)),
            figure(percentile(&mut measured.millis, 0.99)),
            figure(measured.cores().0),
            figure(measured.cores().1),
        ];
        row(&mut table, cells);
    }
    Ok(table)
}
