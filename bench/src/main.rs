//! `confab-bench`: measures a confab server from outside, as its clients see it, with the processors' time beside the
//! clock's. It knows of the server what clients know, and for direct fills its tables.

mod at_a_time;
mod cluster;
mod cpu;
mod database;
mod fanout;
mod figures;
mod floor;
mod growth;
mod http;
mod memory;
mod moving;
mod pools;
mod rooms;
mod rows;
mod server;
mod stomp;
mod table;
mod token;
mod words;
mod writes;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use database::Kind;

/// Measures a confab server
#[derive(Parser)]
#[command(name = "confab-bench", version, about)]
struct Arguments {
    /// The server's binary, built for release
    #[arg(long, global = true, default_value = "target/release/confab")]
    server: PathBuf,
    /// A PostgreSQL in which databases may be made, such as that of `scripts/postgres start`. Without it: SQLite
    #[arg(long, global = true, value_name = "URL")]
    postgres: Option<String>,
    /// Where folders are made for what is measured; all of them are removed
    #[arg(long, global = true, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// What several nodes on one PostgreSQL cost and gain, and what others notice when one of them fails
    Cluster(cluster::Arguments),
    /// What it costs to tell thousands of people what was said, beside a bare loop that writes the same bytes
    Fanout(fanout::Arguments),
    /// What each request costs as what is stored grows
    Growth(growth::Arguments),
    /// How long a chat takes to come in from a file of lines, to be written down, and to be checked
    Moving(moving::Arguments),
    /// Whether heavy reads starve others: pages and sends, alone and beside many who search
    Pools(pools::Arguments),
    /// Messages a second, and how long senders wait
    Writes(writes::Arguments),
    /// The bare loop of `fanout`, which runs it as a process of its own
    #[command(hide = true)]
    BareLoop(fanout::BareLoop),
}

// One thread: the client must not take the processors from the server that it measures.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let Arguments { server, postgres, folder, command } = Arguments::parse();
    let kind = postgres.map_or(Kind::Sqlite, Kind::Postgres);
    let folder = folder.unwrap_or_else(std::env::temp_dir);
    match command {
        Command::Cluster(arguments) => cluster::cluster(server, kind, folder, arguments).await,
        Command::Fanout(arguments) => fanout::fanout(server, kind, folder, arguments).await,
        Command::Growth(arguments) => growth::growth(server, kind, folder, arguments).await,
        Command::Moving(arguments) => moving::moving(server, kind, folder, arguments).await,
        Command::Pools(arguments) => pools::pools(server, kind, folder, arguments).await,
        Command::Writes(arguments) => writes::writes(server, kind, folder, arguments).await,
        Command::BareLoop(bare_loop) => bare_loop.run(),
    }
}
