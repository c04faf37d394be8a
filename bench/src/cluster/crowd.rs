//! What those who send notice when many connect at once, as they do after a node was stopped.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::load::{Deed, Load, Sent, WARM_UP};
use super::sends::nodes;
use super::{Ground, Nodes, table};
use crate::at_a_time::at_a_time;
use crate::figures::percentile;
use crate::rooms;
use crate::server::Server;
use crate::stomp::Session;
use crate::table::{Table, figure, grouped};
use crate::token::token;

/// How many connect, one time and the other.
const CROWDS: [usize; 2] = [800, 2_000];
/// How many of them do so at the same time.
const AT_A_TIME: usize = 100;
/// People of a room; everybody is in two of them.
const ROOM: usize = 50;
/// How long a crowd is watched after it has come or gone. That somebody went is told after 5 s.
const AFTER: Duration = Duration::from_secs(7);

/// How long senders wait while a crowd connects and while it goes, with all at one node and spread over three.
pub async fn crowd(ground: &Ground) -> Result<Table> {
    let mut result = table([
        "100 messages a second",
        "took s",
        "sends: p50 ms",
        "p99 ms",
        "slowest ms",
        "connecting: p50 ms",
        "p99 ms",
    ]);
    for count in [1, 3] {
        let all = ground.nodes(count, None).await?;
        let rooms = people(&all, CROWDS[1]).await?;
        let load = Load { senders: 10, pace: Some(100.0), deed: Deed::Send };
        let servers: Vec<&Server> = all.nodes.iter().collect();
        let running = load.begin(&servers, &rooms[..1], 0).await?;
        sleep(WARM_UP).await;
        let mut windows = Vec::new();
        let started = Instant::now();
        sleep(Duration::from_secs(ground.seconds)).await;
        windows.push(("nobody connects".to_owned(), started, Instant::now(), Vec::new()));
        for size in CROWDS {
            let started = Instant::now();
            let (sessions, waited) = connect(&all, size).await?;
            windows.push((format!("{} connect", grouped(size as i64)), started, Instant::now(), waited));
            sleep(AFTER).await;
            let started = Instant::now();
            sessions.iter().for_each(JoinHandle::abort);
            sleep(AFTER).await;
            windows.push((format!("{} go", grouped(size as i64)), started, Instant::now(), Vec::new()));
        }
        let sent = running.end().await?;
        ensure!(sent.iter().all(|sent| sent.succeeded), "some were refused");
        for (name, from, to, mut waited) in windows {
            let within = |sent: &&Sent| sent.begun >= from && sent.begun < to;
            let mut millis: Vec<f64> = sent.iter().filter(within).map(|sent| sent.millis).collect();
            let mut cells = vec![format!("{}: {name}", nodes(count)), figure((to - from).as_secs_f64())];
            cells.extend([0.5, 0.99, 1.0].map(|share| figure(percentile(&mut millis, share))));
            if !waited.is_empty() {
                cells.extend([0.5, 0.99].map(|share| figure(percentile(&mut waited, share))));
            }
            eprintln!("  {}", cells.join(" | "));
            result.row(cells);
        }
        all.end().await?;
    }
    Ok(result)
}

/// Makes so many people, in rooms with their neighbours: two rooms each.
async fn people(all: &Nodes, size: usize) -> Result<Vec<i64>> {
    rooms::meet(all.first(), i64::try_from(size)?).await?;
    let mut ids = Vec::new();
    for first in (0..size).step_by(ROOM / 2) {
        let of = |place: usize| i64::try_from((first + place) % size + 1);
        let others = (1..ROOM).map(of).collect::<Result<Vec<_>, _>>()?;
        let mut owner = all.first().client(of(0)?).await?;
        ids.push(rooms::one(&mut owner, &format!("Room {first}"), others).await?);
    }
    Ok(ids)
}

/// Connects people 1 to `size`, at the nodes in turn, who listen to messages and presence; answers with the sessions and how
/// many milliseconds each took until it listened.
async fn connect(all: &Nodes, size: usize) -> Result<(Vec<JoinHandle<()>>, Vec<f64>)> {
    let connects = at_a_time(size, AT_A_TIME, |number| {
        let address = all.nodes[number % all.nodes.len()].address;
        async move {
            let token = token(i64::try_from(number)? + 1);
            let started = Instant::now();
            let mut session = Session::connect(address, &token).await?;
            session.listen("/user/queue/chat/messages").await?;
            session.listen("/user/queue/chat/presence").await?;
            let waited = started.elapsed().as_secs_f64() * 1_000.0;
            let reading = tokio::spawn(async move { while session.hear().await.is_ok() {} });
            Ok((reading, waited))
        }
    });
    Ok(connects.await?.into_iter().unzip())
}
