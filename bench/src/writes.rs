//! `writes`: how many messages a second the server takes and how long a sender waits, beside a bare loop that writes the
//! same rows in batches of the same size, right after each measurement.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::json;

use crate::database::{Home, Kind};
use crate::figures::percentile;
use crate::floor::Loop;
use crate::http::Client;
use crate::server::Server;
use crate::stomp::Session;
use crate::table::{Table, figure, grouped};
use crate::token::token;
use crate::{rooms, words};

/// How long senders send before they are measured.
const WARM_UP: Duration = Duration::from_secs(2);

#[derive(Args)]
pub struct Arguments {
    /// Senders at the same time
    #[arg(long, default_value_t = 64)]
    senders: usize,
    /// Rooms that they are spread over
    #[arg(long, default_value_t = 100)]
    rooms: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Only the measurements whose names begin so: spread, hot, stomp, alone
    #[arg(long)]
    only: Option<String>,
    /// Without the bare loop
    #[arg(long)]
    no_floor: bool,
}

/// Who sends where, over which door.
struct Scene {
    name: &'static str,
    senders: usize,
    rooms: usize,
    stomp: bool,
}

/// What a scene came to.
struct Measured {
    latencies: Vec<f64>,
    seconds: f64,
    server_micros: f64,
    database_micros: f64,
    batch: f64,
}

pub async fn writes(binary: PathBuf, kind: Kind, folder: PathBuf, arguments: Arguments) -> Result<()> {
    let Arguments { senders, rooms, seconds, only, no_floor } = arguments;
    let duration = Duration::from_secs(seconds);
    let people = i64::try_from(senders)?;
    let home = Home::make(&kind, &folder, "writes").await?;
    let server = Server::start(&binary, &home).await?;
    let all_rooms = rooms::make(&server, rooms, people).await?;

    let floor_home = Home::make(&kind, &folder, "floor").await?;
    let floor_server = Server::start(&binary, &floor_home).await?;
    let floor_rooms = rooms::make(&floor_server, rooms, people).await?;
    floor_server.stop().await?;
    let mut floor = Loop::open(floor_home.open().await?).await?;

    let scenes = [
        Scene { name: "spread, REST", senders, rooms, stomp: false },
        Scene { name: "hot, REST", senders, rooms: 1, stomp: false },
        Scene { name: "stomp, spread", senders, rooms, stomp: true },
        Scene { name: "alone, REST", senders: 1, rooms, stomp: false },
    ];
    let mut table = Table::new([
        kind.name(),
        "senders",
        "rooms",
        "messages/s",
        "p50 ms",
        "p99 ms",
        "server µs/message",
        "database µs/message",
        "batch",
        "floor/s",
        "commits/s of the floor",
        "of the floor",
    ]);
    for scene in scenes.iter().filter(|scene| only.as_ref().is_none_or(|only| scene.name.starts_with(only))) {
        let mut measured = scene.play(&server, &all_rooms, duration).await?;
        let sent = measured.latencies.len() as f64;
        ensure!(sent > 0.0, "nothing was sent");
        let rate = sent / measured.seconds;
        let mut row = vec![
            scene.name.to_owned(),
            scene.senders.to_string(),
            scene.rooms.to_string(),
            grouped(rate.round() as i64),
            figure(percentile(&mut measured.latencies, 0.5)),
            figure(percentile(&mut measured.latencies, 0.99)),
            figure(measured.server_micros / sent),
            figure(measured.database_micros / sent),
            figure(measured.batch),
        ];
        if !no_floor {
            let batch = (measured.batch.round() as usize).max(1);
            let bare = floor.run(&floor_rooms[..scene.rooms], people, batch, duration / 2).await?;
            row.push(grouped(bare.messages_per_second.round() as i64));
            row.push(grouped(bare.commits_per_second.round() as i64));
            row.push(format!("{:.0} %", 100.0 * rate / bare.messages_per_second));
        }
        eprintln!("{}", row.join(" | "));
        table.row(row);
    }
    print!("{}", table.markdown());
    server.stop().await?;
    home.remove().await?;
    floor_home.remove().await
}

impl Scene {
    async fn play(&self, server: &Server, rooms: &[i64], duration: Duration) -> Result<Measured> {
        let (counting, stopping) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let mut senders = Vec::with_capacity(self.senders);
        for number in 0..self.senders {
            let user = i64::try_from(number)? + 1;
            let rooms = rooms[..self.rooms].to_vec();
            let door = match self.stomp {
                true => Door::Stomp(Session::connect(server.address, &token(user)).await?),
                false => Door::Rest(server.client(user).await?),
            };
            senders.push(tokio::spawn(send(door, rooms, number, Arc::clone(&counting), Arc::clone(&stopping))));
        }
        tokio::time::sleep(WARM_UP).await;
        let (batches, changes) = server.batches().await?;
        let (before, started) = (server.watched.read(), Instant::now());
        counting.store(true, Ordering::Relaxed);
        tokio::time::sleep(duration).await;
        counting.store(false, Ordering::Relaxed);
        let seconds = started.elapsed().as_secs_f64();
        let cost = before.until(&server.watched.read());
        let (more_batches, more_changes) = server.batches().await?;
        stopping.store(true, Ordering::Relaxed);
        let mut latencies = Vec::new();
        for sender in senders {
            latencies.extend(sender.await??);
        }
        let batch = (more_changes - changes) / (more_batches - batches).max(1.0);
        Ok(Measured { latencies, seconds, server_micros: cost.server, database_micros: cost.database, batch })
    }
}

enum Door {
    Rest(Client),
    Stomp(Session),
}

/// Sends one message after the other, each when the one before was answered; tells how many milliseconds each took that
/// ended while it was counted.
async fn send(
    mut door: Door,
    rooms: Vec<i64>,
    number: usize,
    counting: Arc<AtomicBool>,
    stopping: Arc<AtomicBool>,
) -> Result<Vec<f64>> {
    let mut latencies = Vec::new();
    let mut sent = number;
    while !stopping.load(Ordering::Relaxed) {
        // Steps of a prime, so that senders do not go from room to room in file.
        let room = rooms[(sent * 37 + number) % rooms.len()];
        let content = words::message((number * 1_000_000 + sent) as u64);
        let started = Instant::now();
        match &mut door {
            Door::Rest(client) => {
                let path = format!("/api/chat/conversations/{room}/messages");
                let request = client.prepare("POST", &path, &json!({ "content": content }).to_string());
                let answer = client.exchange(&request).await?;
                ensure!(answer.status == 201, "{}", String::from_utf8_lossy(&answer.body));
            }
            Door::Stomp(session) => {
                let body = json!({ "conversationId": room, "content": content }).to_string();
                session.send("/app/chat.send", &body).await?;
            }
        }
        if counting.load(Ordering::Relaxed) {
            latencies.push(started.elapsed().as_secs_f64() * 1_000.0);
        }
        sent += 1;
    }
    Ok(latencies)
}
