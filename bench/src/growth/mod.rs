//! `growth`: what every request costs as what is stored grows: the messages of a conversation, with the log behind a
//! cursor; the conversations of a user; the people of a group.

mod measure;
mod requests;
mod town;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;

use crate::database::{Home, Kind};
use crate::figures::growth as ratio;
use crate::server::{self, Server};
use crate::table::{Table, figure, grouped};

use measure::{Clients, Spent};
pub use town::Town;

#[derive(Args)]
pub struct Arguments {
    /// Sizes instead of those that each table has, such as 1000,100000
    #[arg(long, value_delimiter = ',')]
    sizes: Vec<i64>,
    /// Only one of: messages, conversations, group
    #[arg(long)]
    only: Option<String>,
    /// Only requests whose name has these words
    #[arg(long)]
    request: Option<String>,
    /// 1 000 and 100 000 messages, 10 and 1 000 conversations and people
    #[arg(long)]
    quick: bool,
    /// Without `confab doctor` over what was filled
    #[arg(long)]
    no_doctor: bool,
}

/// What grows, through which sizes, and the town of a size.
struct Dimension {
    name: &'static str,
    sizes: [i64; 4],
    town: fn(i64) -> Town,
}

const DIMENSIONS: [Dimension; 3] = [
    Dimension {
        name: "messages",
        sizes: [1_000, 10_000, 100_000, 1_000_000],
        town: |messages| Town { messages, conversations: 2, participants: 10 },
    },
    Dimension {
        name: "conversations",
        sizes: [10, 100, 1_000, 10_000],
        town: |conversations| Town { messages: 1_000, conversations, participants: 10 },
    },
    Dimension {
        name: "group",
        sizes: [10, 100, 1_000, 10_000],
        town: |participants| Town { messages: 1_000, conversations: 2, participants },
    },
];

pub async fn growth(binary: PathBuf, kind: Kind, folder: PathBuf, arguments: Arguments) -> Result<()> {
    for dimension in
        DIMENSIONS.iter().filter(|dimension| arguments.only.as_ref().is_none_or(|only| dimension.name == only))
    {
        let sizes: Vec<i64> = match (arguments.sizes.is_empty(), arguments.quick) {
            (false, _) => arguments.sizes.clone(),
            (true, true) => vec![dimension.sizes[0], dimension.sizes[2]],
            (true, false) => dimension.sizes.to_vec(),
        };
        let mut columns = Vec::new();
        for size in &sizes {
            let town = (dimension.town)(*size);
            columns
                .push(measured(&binary, &kind, &folder, town, &arguments).await.with_context(|| format!("{town:?}"))?);
        }
        println!("\n### {}, by {}\n\n{}", kind.name(), dimension.name, table(&kind, &sizes, &columns).markdown());
    }
    Ok(())
}

/// What each request costs in a town, in the order of the requests.
async fn measured(
    binary: &Path,
    kind: &Kind,
    folder: &Path,
    town: Town,
    arguments: &Arguments,
) -> Result<Vec<(&'static str, Spent)>> {
    let started = Instant::now();
    let home = filled(binary, kind, folder, town, "growth", !arguments.no_doctor).await?;
    eprint!("{town:?}: filled in {:.0} s", started.elapsed().as_secs_f64());
    let server = Server::start(binary, &home).await?;
    let mut clients = Clients::connect(&server, town.newcomer()).await?;
    let cursor = clients.cursor().await?;
    let epoch = cursor.split_once('.').context("a cursor without a position")?.0.to_owned();
    let mut column = Vec::new();
    for request in requests::requests(&town, |position| format!("{epoch}.{position}")) {
        if arguments.request.as_ref().is_none_or(|words| request.name.contains(words.as_str())) {
            column.push((request.name, clients.measure(&request).await));
        }
    }
    eprintln!(", measured after {:.0} s", started.elapsed().as_secs_f64());
    server.stop().await?;
    home.remove().await?;
    Ok(column)
}

/// A database with a town in it, and no server upon it.
pub async fn filled(binary: &Path, kind: &Kind, folder: &Path, town: Town, name: &str, doctor: bool) -> Result<Home> {
    let home = Home::make(kind, folder, name).await?;
    server::run(binary, &home, "migrate")?;
    town.fill(&home).await?;
    if doctor {
        server::run(binary, &home, "doctor")?;
    }
    Ok(home)
}

/// Of SQLite the processors' time tells most: nobody else works for a request. Of PostgreSQL the clock's stands first.
fn table(kind: &Kind, sizes: &[i64], columns: &[Vec<(&'static str, Spent)>]) -> Table {
    let is_sqlite = matches!(kind, Kind::Sqlite);
    let unit = if is_sqlite { "CPU ms" } else { "wall ms (CPU: server + database)" };
    let ratios: &[&str] = if is_sqlite { &["×"] } else { &["× wall", "× CPU"] };
    let head = [unit.to_owned()].into_iter().chain(sizes.iter().map(|size| grouped(*size)));
    let mut table = Table::new(head.chain(ratios.iter().map(|ratio| (*ratio).to_owned())));
    let rows = columns.first().map(Vec::as_slice).unwrap_or_default();
    for (place, (name, _)) in rows.iter().enumerate() {
        let spent: Vec<&Spent> = columns.iter().map(|column| &column[place].1).collect();
        let cells = spent.iter().map(|spent| match spent {
            Spent::Failed(why) => why.clone(),
            Spent::Time { server, .. } if is_sqlite => figure(*server),
            Spent::Time { wall, server, database } => {
                format!("{} ({} + {})", figure(*wall), figure(*server), figure(*database))
            }
        });
        let wall = ratio(&spent.iter().map(|spent| spent.wall()).collect::<Vec<_>>());
        let cpu = ratio(&spent.iter().map(|spent| spent.cpu()).collect::<Vec<_>>());
        let shown = if is_sqlite { vec![cpu] } else { vec![wall, cpu] };
        let shown = shown.into_iter().map(|ratio| ratio.map(|ratio| format!("{ratio:.1}")).unwrap_or_default());
        let cells: Vec<String> = [(*name).to_owned()].into_iter().chain(cells).chain(shown).collect();
        table.row(cells);
    }
    table
}
