//! What a delivery costs: one message to all who are in one room, at each door, one at a time and many at once.

use anyhow::Result;

use super::Ground;
use super::doors::Door;
use super::floor::{Floor, floor};
use super::hall::{Hall, Measured};
use super::voice::Pace;
use crate::figures::percentile;
use crate::table::{Table, figure, grouped};

/// Bytes of the frame that the floor writes where no server was asked: what one of STOMP has.
const FRAME: usize = 700;
/// Messages a second: as many as make 45 000 deliveries with a thousand listeners, and few.
const PACES: [f64; 2] = [45.0, 8.0];
/// Messages that are sent at the same time, by as many people.
const BURST: u32 = 16;

/// The bare loop alone.
pub async fn bare(ground: &Ground) -> Result<Table> {
    let mut table = Table::new(["bare loop", "sockets", "frames/s", "CPU µs/frame"]);
    let frame = vec![b'x'; FRAME];
    let paced = |messages, burst| Pace { messages, burst };
    let rows = [
        ("45 a second", paced(45.0, 1), false),
        ("8 a second", paced(8.0, 1), false),
        ("48 a second, 16 at once", paced(48.0, BURST), false),
        ("48 a second, 16 in one send", paced(48.0, BURST), true),
        ("as many as are read", paced(0.0, 1), false),
        ("as many as are read, 16 in one send", paced(0.0, BURST), true),
    ];
    for (name, pace, joined) in rows {
        let Floor { rate, micros } = floor(ground, ground.listeners, &frame, pace, joined).await?;
        let name = format!("{name}, {FRAME} bytes");
        row(&mut table, [name, count(ground.listeners), rounded(rate), figure(micros)]);
    }
    Ok(table)
}

/// One message at a time over STOMP.
pub async fn stomp(ground: &Ground) -> Result<Table> {
    let mut table = costs("STOMP");
    one_at_a_time(ground, &mut table, "one at a time", Door::Stomp, &PACES).await?;
    Ok(table)
}

/// Many messages at once over STOMP.
pub async fn queued(ground: &Ground) -> Result<Table> {
    let mut table = costs("STOMP, 16 messages at once");
    let pace = Pace { messages: 48.0, burst: BURST };
    at_a_pace(ground, &mut table, "three times a second", Door::Stomp, &[pace], BURST as usize).await?;
    Ok(table)
}

/// One message at a time within the framing of SockJS.
pub async fn sockjs(ground: &Ground) -> Result<Table> {
    let mut table = costs("SockJS");
    one_at_a_time(ground, &mut table, "one at a time", Door::SockJs, &PACES).await?;
    Ok(table)
}

/// One message at a time to subscriptions of GraphQL that all ask the same, and that ask for different things.
pub async fn graphql(ground: &Ground) -> Result<Table> {
    let mut table = costs("GraphQL");
    for (name, selections) in [("one selection", 1), ("20 selections", 20)] {
        one_at_a_time(ground, &mut table, name, Door::GraphQl { selections }, &PACES).await?;
    }
    Ok(table)
}

/// One message at a time, at each of some paces.
async fn one_at_a_time(ground: &Ground, table: &mut Table, name: &str, door: Door, paces: &[f64]) -> Result<()> {
    let paces: Vec<Pace> = paces.iter().map(|messages| Pace { messages: *messages, burst: 1 }).collect();
    at_a_pace(ground, table, name, door, &paces, 1).await
}

/// The same room with one listener and with all, at each of some paces.
async fn at_a_pace(
    ground: &Ground,
    table: &mut Table,
    name: &str,
    door: Door,
    paces: &[Pace],
    voices: usize,
) -> Result<()> {
    let people = voices + ground.listeners;
    let mut hall = Hall::with_one_room(ground, people, voices).await?;
    let (room, first) = (hall.rooms[0], i64::try_from(voices)? + 1);
    hall.add_ears(door, room, first..=first).await?;
    let mut alone = Vec::with_capacity(paces.len());
    for pace in paces {
        alone.push(hall.measure(*pace, ground.duration()).await?);
    }
    hall.add_ears(door, room, first + 1..=i64::try_from(people)?).await?;
    for (pace, alone) in paces.iter().zip(alone) {
        let measured = hall.measure(*pace, ground.duration()).await?;
        let frame = &measured.frame;
        let each = floor(ground, ground.listeners, frame, *pace, false).await?;
        let joined = match pace.burst {
            1 => None,
            _ => Some(floor(ground, ground.listeners, frame, *pace, true).await?),
        };
        let name = format!("{name}, {} a second", figure(pace.messages));
        cost(table, &name, ground.listeners, &measured, Some(&alone), (each, joined));
    }
    hall.close().await
}

/// A table of what deliveries cost.
fn costs(head: &str) -> Table {
    Table::new([
        head,
        "listeners",
        "bytes of a frame",
        "deliveries/s",
        "CPU µs/delivery",
        "less the same sends with one listener",
        "floor, one send each: µs",
        "× floor",
        "less the sends: × floor",
        "floor, one send for all at once: µs",
        "p50 ms",
        "p99 ms",
        "core used %",
        "bench's core used %",
    ])
}

/// Its row.
fn cost(
    table: &mut Table,
    name: &str,
    listeners: usize,
    measured: &Measured,
    alone: Option<&Measured>,
    (each, joined): (Floor, Option<Floor>),
) {
    let plain = measured.micros / measured.deliveries;
    // What as many sends cost where one person heard them, his own delivery included.
    let sends = alone.map(|alone| alone.micros / alone.sent * measured.sent);
    let less = sends.map(|sends| (measured.micros - sends) / measured.deliveries);
    let mut millis = measured.millis.clone();
    let optional = |value: Option<f64>| value.map(figure).unwrap_or_default();
    row(
        table,
        [
            name.to_owned(),
            count(listeners),
            count(measured.frame.len()),
            rounded(measured.deliveries / measured.seconds),
            figure(plain),
            optional(less),
            figure(each.micros),
            figure(plain / each.micros),
            optional(less.map(|less| less / each.micros)),
            optional(joined.map(|joined| joined.micros)),
            figure(percentile(&mut millis, 0.5)),
            figure(percentile(&mut millis, 0.99)),
            figure(measured.cores().0),
            figure(measured.cores().1),
        ],
    );
}

/// Writes a row, which is told at once.
pub fn row<const N: usize>(table: &mut Table, cells: [String; N]) {
    eprintln!("  {}", cells.join(" | "));
    table.row(cells);
}

pub fn count(number: usize) -> String {
    grouped(i64::try_from(number).unwrap_or(i64::MAX))
}

pub fn rounded(number: f64) -> String {
    grouped(number.round() as i64)
}
