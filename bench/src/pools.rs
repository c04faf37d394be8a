//! `pools`: one who reads pages and one who sends, alone and beside many who search for the commonest word. Nobody may be
//! starved by them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::json;

use crate::database::Kind;
use crate::figures::percentile;
use crate::growth::{Town, filled};
use crate::server::Server;
use crate::table::{Table, figure};
use crate::words;

/// Searchers may be refused for doing too much; then they pause this long.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

#[derive(Args)]
pub struct Arguments {
    /// How many search at the same time, each as another user
    #[arg(long, default_value_t = 50)]
    searchers: i64,
    /// Messages in the conversation that is searched
    #[arg(long, default_value_t = 1_000_000)]
    messages: i64,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// What one of the two does, again and again.
#[derive(Clone, Copy)]
enum Deed {
    ReadPage,
    Send,
}

pub async fn pools(binary: PathBuf, kind: Kind, folder: PathBuf, arguments: Arguments) -> Result<()> {
    let Arguments { searchers, messages, seconds } = arguments;
    let duration = Duration::from_secs(seconds);
    let town = Town { messages, conversations: 1, participants: searchers + 10 };
    let home = filled(&binary, &kind, &folder, town, "pools", false).await?;
    let server = Server::start(&binary, &home).await?;
    let alone = both(&server, duration).await?;

    let (stopping, searched) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut tasks = Vec::new();
    for searcher in 0..searchers {
        let client = server.client(searcher + 3).await?;
        tasks.push(tokio::spawn(search(client, Arc::clone(&stopping), Arc::clone(&searched))));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    searched.store(0, Ordering::Relaxed);
    let beside = both(&server, duration).await?;
    let answered = searched.load(Ordering::Relaxed) as f64 / duration.as_secs_f64();
    stopping.store(true, Ordering::Relaxed);
    tasks.iter().for_each(tokio::task::JoinHandle::abort);

    let beside_head = format!("beside {searchers} searchers: p50 ms");
    let mut table = Table::new([kind.name(), "alone: p50 ms", "p99 ms", &beside_head, "p99 ms", "p99 ×"]);
    for (name, mut before, mut after) in [("a page of 50", alone.0, beside.0), ("a message sent", alone.1, beside.1)] {
        let (quiet, busy) = (percentile(&mut before, 0.99), percentile(&mut after, 0.99));
        table.row([
            name.to_owned(),
            figure(percentile(&mut before, 0.5)),
            figure(quiet),
            figure(percentile(&mut after, 0.5)),
            figure(busy),
            format!("{:.1}", busy / quiet),
        ]);
    }
    print!("{}", table.markdown());
    println!("\n{answered:.0} searches a second were answered beside them.");
    server.stop().await?;
    home.remove().await
}

/// What the reader and the sender waited, in milliseconds, while both were at work.
async fn both(server: &Server, duration: Duration) -> Result<(Vec<f64>, Vec<f64>)> {
    let (reader, sender) = (server.client(2).await?, server.client(1).await?);
    let (read, sent) = tokio::join!(again(reader, Deed::ReadPage, duration), again(sender, Deed::Send, duration));
    Ok((read?, sent?))
}

/// Does one thing after the other, with a pause in which a person would look at what came.
async fn again(mut client: crate::http::Client, deed: Deed, duration: Duration) -> Result<Vec<f64>> {
    let path = "/api/chat/conversations/1/messages";
    let (started, mut waited) = (Instant::now(), Vec::new());
    for number in 0.. {
        if started.elapsed() > duration {
            break;
        }
        let request = match deed {
            Deed::ReadPage => client.prepare("GET", &format!("{path}?limit=50"), ""),
            Deed::Send => client.prepare("POST", path, &json!({ "content": words::message(number) }).to_string()),
        };
        let asked = Instant::now();
        let answer = client.exchange(&request).await?;
        ensure!(answer.status < 300, "{} {}", answer.status, String::from_utf8_lossy(&answer.body));
        waited.push(asked.elapsed().as_secs_f64() * 1_000.0);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(waited)
}

async fn search(mut client: crate::http::Client, stopping: Arc<AtomicBool>, searched: Arc<AtomicU64>) -> Result<()> {
    let request = client.prepare("GET", "/api/chat/conversations/1/messages/search?query=the", "");
    while !stopping.load(Ordering::Relaxed) {
        match client.exchange(&request).await?.status {
            200 => drop(searched.fetch_add(1, Ordering::Relaxed)),
            _ => tokio::time::sleep(REFUSED_PAUSE).await,
        }
    }
    Ok(())
}
