//! `cluster`: what several nodes on one PostgreSQL cost and gain, and what others notice when one of them freezes, dies or
//! stops. Each measurement has a database of its own, so that no node of the one before counts as alive.

mod crowd;
mod ears;
mod failures;
mod load;
mod sends;

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::Args;

use crate::cpu::Used;
use crate::database::{Home, Kind};
use crate::server::Server;
use crate::table::Table;

#[derive(Args)]
pub struct Arguments {
    /// A Redis for what is measured with it: redis://…; the variable CONFAB_BENCH_REDIS says the same
    #[arg(long)]
    redis: Option<String>,
    /// A RabbitMQ: amqp://…; or CONFAB_BENCH_RABBITMQ
    #[arg(long)]
    rabbitmq: Option<String>,
    /// Only these of: pace, saturated, statements, deliveries, across, crowd, frozen, killed, stopped
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Rounds of what is compared with each other; their middle is told
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// What nodes are made of.
pub struct Ground {
    binary: PathBuf,
    kind: Kind,
    folder: PathBuf,
    seconds: u64,
    rounds: usize,
    /// The ways to hear of each other that were given, PostgreSQL first: a name, and the value of `broker.url`.
    ways: Vec<(&'static str, Option<String>)>,
}

/// Nodes of one database.
pub struct Nodes {
    home: Home,
    nodes: Vec<Server>,
}

pub async fn cluster(binary: PathBuf, kind: Kind, folder: PathBuf, arguments: Arguments) -> Result<()> {
    ensure!(matches!(kind, Kind::Postgres(_)), "Several nodes need --postgres: on SQLite a server is alone");
    let Arguments { redis, rabbitmq, only, seconds, rounds } = arguments;
    let named = |given: Option<String>, variable: &str| given.or_else(|| std::env::var(variable).ok());
    let mut ways = vec![("PostgreSQL", None)];
    ways.extend(named(redis, "CONFAB_BENCH_REDIS").map(|url| ("Redis", Some(url))));
    ways.extend(named(rabbitmq, "CONFAB_BENCH_RABBITMQ").map(|url| ("RabbitMQ", Some(url))));
    let ground = Ground { binary, kind, folder, seconds, rounds: rounds.max(1), ways };
    const PARTS: [&str; 9] =
        ["pace", "saturated", "statements", "deliveries", "across", "crowd", "frozen", "killed", "stopped"];
    if let Some(unknown) = only.iter().find(|part| !PARTS.contains(&part.as_str())) {
        bail!("--only knows no {unknown}: it takes {}", PARTS.join(", "));
    }
    for part in PARTS.into_iter().filter(|part| only.is_empty() || only.iter().any(|name| name == part)) {
        eprintln!("{part}");
        let table = match part {
            "pace" => sends::pace(&ground).await?,
            "saturated" => sends::saturated(&ground).await?,
            "statements" => sends::statements(&ground).await?,
            "deliveries" => ears::deliveries(&ground).await?,
            "across" => ears::across(&ground).await?,
            "crowd" => crowd::crowd(&ground).await?,
            "frozen" => failures::frozen(&ground).await?,
            "killed" => failures::killed(&ground).await?,
            _ => failures::stopped(&ground).await?,
        };
        println!("{}", table.markdown());
    }
    Ok(())
}

impl Ground {
    /// So many nodes of a new database, which hear of each other by this broker.
    async fn nodes(&self, count: usize, broker: Option<&str>) -> Result<Nodes> {
        let home = Home::make(&self.kind, &self.folder, "cluster").await?;
        let mut nodes = Nodes { home, nodes: Vec::new() };
        for _ in 0..count {
            nodes.add(&self.binary, broker).await?;
        }
        Ok(nodes)
    }
}

impl Nodes {
    async fn add(&mut self, binary: &std::path::Path, broker: Option<&str>) -> Result<()> {
        // A node that is frozen or alone says much that is meant.
        let mut settings = vec!["server.drain_seconds=0".to_owned(), "log.level=error".to_owned()];
        settings.extend(broker.map(|url| format!("broker.url={url}")));
        self.nodes.push(Server::start_with(binary, &self.home, &settings).await?);
        Ok(())
    }

    fn first(&self) -> &Server {
        &self.nodes[0]
    }

    /// What each node has used of the processors, the database's part being that of the first.
    fn used(&self) -> Vec<Used> {
        self.nodes.iter().map(|node| node.watched.read()).collect()
    }

    /// Microseconds of all nodes' processors since then, and those of the database.
    fn cost(&self, since: &[Used]) -> (f64, f64) {
        let costs: Vec<_> = self.nodes.iter().zip(since).map(|(node, used)| used.until(&node.watched.read())).collect();
        (costs.iter().map(|cost| cost.server).sum(), costs.first().map_or(0.0, |cost| cost.database))
    }

    /// Ends all of them, and removes their database.
    async fn end(self) -> Result<()> {
        for node in self.nodes {
            node.stop().await?;
        }
        self.home.remove().await
    }
}

fn table<const N: usize>(head: [&str; N]) -> Table {
    Table::new(head)
}
