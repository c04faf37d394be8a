//! `fanout`: what it costs to tell many people what was said. The server has one core and this has another; people, their
//! connections and what they send are real, and beside each figure stands what a bare loop takes to write the same bytes.

mod cores;
mod deliveries;
mod doors;
mod ear;
mod floor;
mod hall;
mod idle;
mod maximum;
mod note;
mod rooms;
mod slow;
mod storm;
mod voice;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Map, Value as Json};

use crate::database::Kind;
use crate::table::Table;
use cores::Cores;
pub use floor::BareLoop;

const PARTS: [&str; 10] =
    ["floor", "stomp", "queued", "maximum", "sockjs", "graphql", "rooms", "storm", "idle", "slow"];

#[derive(Args)]
pub struct Arguments {
    /// Only these of: floor, stomp, queued, maximum, sockjs, graphql, rooms, storm, idle, slow
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// People who listen in one room
    #[arg(long, default_value_t = 1_000)]
    listeners: usize,
    /// Connections of `idle`, one number after the other
    #[arg(long, value_delimiter = ',', default_value = "5000,15000")]
    connections: Vec<usize>,
    /// The core of the server and that of the bench
    #[arg(long, value_delimiter = ',', default_value = "0,1")]
    cores: Vec<usize>,
    /// Writes all figures into a file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What is measured, and where.
pub struct Ground {
    binary: PathBuf,
    kind: Kind,
    folder: PathBuf,
    seconds: u64,
    listeners: usize,
    connections: Vec<usize>,
    cores: Cores,
}

impl Ground {
    fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

pub async fn fanout(binary: PathBuf, kind: Kind, folder: PathBuf, arguments: Arguments) -> Result<()> {
    let Arguments { only, seconds, listeners, connections, cores, json } = arguments;
    if let Some(unknown) = only.iter().find(|part| !PARTS.contains(&part.as_str())) {
        bail!("--only knows no {unknown}: it takes {}", PARTS.join(", "));
    }
    let cores = Cores::of(&cores)?;
    cores::allow_many_files()?;
    cores.move_to_own()?;
    let (seconds, listeners) = (seconds.max(1), listeners.max(1));
    let ground = Ground { binary, kind, folder, seconds, listeners, connections, cores };
    let mut all = Map::new();
    for part in PARTS.into_iter().filter(|part| only.is_empty() || only.iter().any(|name| name == part)) {
        eprintln!("{part}");
        let table = measure(&ground, part).await?;
        println!("{}", table.markdown());
        all.insert(part.to_owned(), table.json());
    }
    if let Some(file) = json {
        std::fs::write(file, Json::Object(all).to_string())?;
    }
    Ok(())
}

async fn measure(ground: &Ground, part: &str) -> Result<Table> {
    match part {
        "floor" => deliveries::bare(ground).await,
        "stomp" => deliveries::stomp(ground).await,
        "queued" => deliveries::queued(ground).await,
        "sockjs" => deliveries::sockjs(ground).await,
        "maximum" => maximum::maximum(ground).await,
        "graphql" => deliveries::graphql(ground).await,
        "rooms" => rooms::rooms(ground).await,
        "storm" => storm::storm(ground).await,
        "idle" => idle::idle(ground).await,
        _ => slow::slow(ground).await,
    }
}
