//! Many small rooms with much to say: how long a message takes from when it should have been sent, stored on the way.

use anyhow::Result;

use super::Ground;
use super::deliveries::{count, rounded, row};
use super::doors::Door;
use super::floor::floor;
use super::hall::Hall;
use super::voice::Pace;
use crate::figures::percentile;
use crate::rooms;
use crate::table::{Table, figure};

const ROOMS: usize = 100;
const PEOPLE: usize = 10;
const PACE: Pace = Pace { messages: 500.0, burst: 1 };

pub async fn rooms(ground: &Ground) -> Result<Table> {
    let mut table = Table::new([
        "100 rooms of 10",
        "listeners",
        "messages/s",
        "deliveries/s",
        "CPU µs/delivery",
        "CPU µs/message",
        "of it with one listener",
        "less the sends: CPU µs/delivery",
        "floor, one send each: µs",
        "p50 ms",
        "p99 ms",
        "slowest ms",
        "core used %",
        "bench's core used %",
    ]);
    let mut hall = Hall::open(ground).await?;
    rooms::meet(&hall.server, i64::try_from(ROOMS * PEOPLE)?).await?;
    for number in 0..ROOMS {
        let people = people(number)?;
        let mut owner = hall.server.client(people[0]).await?;
        let room = rooms::one(&mut owner, &format!("Room {number}"), people[1..].to_vec()).await?;
        hall.rooms.push(room);
        hall.add_voice(room, people[0]).await?;
    }
    hall.add_ears(Door::Stomp, hall.rooms[0], people(0)?.into_iter().take(1)).await?;
    let alone = hall.measure(PACE, ground.duration()).await?;
    hall.add_ears(Door::Stomp, hall.rooms[0], people(0)?.into_iter().skip(1)).await?;
    for number in 1..ROOMS {
        hall.add_ears(Door::Stomp, hall.rooms[number], people(number)?.into_iter()).await?;
    }
    let mut measured = hall.measure(PACE, ground.duration()).await?;
    hall.close().await?;
    let floor = floor(ground, PEOPLE, &measured.frame, PACE, false).await?;
    let sends = alone.micros / alone.sent;
    let cells = [
        format!("{} a second", rounded(PACE.messages)),
        count(ROOMS * PEOPLE),
        rounded(measured.sent / measured.seconds),
        rounded(measured.deliveries / measured.seconds),
        figure(measured.micros / measured.deliveries),
        figure(measured.micros / measured.sent),
        figure(sends),
        figure((measured.micros - sends * measured.sent) / measured.deliveries),
        figure(floor.micros),
        figure(percentile(&mut measured.millis, 0.5)),
        figure(percentile(&mut measured.millis, 0.99)),
        figure(percentile(&mut measured.millis, 1.0)),
        figure(measured.cores().0),
        figure(measured.cores().1),
    ];
    row(&mut table, cells);
    Ok(table)
}

/// Who is in a room: nobody is in two.
fn people(room: usize) -> Result<Vec<i64>> {
    let first = i64::try_from(room * PEOPLE)? + 1;
    Ok((first..first + i64::try_from(PEOPLE)?).collect())
}
