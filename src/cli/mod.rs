//! The command line: what can be asked for, and one file for each command.

mod backup;
pub mod demo;
mod doctor;
mod epoch;
mod export;
mod import;
mod init;
mod migrate;
mod nodes;
mod output;
mod progress;
mod relocate;
mod serve;
mod token;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Parser, Subcommand};

use output::say;

use crate::api::graphql;
use crate::config::Config;
use crate::server::reference;
use crate::telemetry;
use crate::webhooks;

/// A chat server: one chat, three doors (GraphQL, REST, STOMP)
#[derive(Parser)]
#[command(name = "confab", version, about)]
struct Arguments {
    /// The settings file [default: confab.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one setting, such as server.bind=:8080
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    sets: Vec<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serves; this is also what happens without a command
    Serve {
        /// Adds the people and messages of the documentation's examples, once, and prints tokens for them
        #[arg(long)]
        demo: bool,
    },
    /// Prints a token signed with the server's secret
    Token(token::Arguments),
    /// Brings the database to the newest state
    Migrate,
    /// Prints the GraphQL schema, or the reference of another door
    Schema {
        /// That of REST, as OpenAPI
        #[arg(long, conflicts_with = "asyncapi")]
        openapi: bool,
        /// That of STOMP, as AsyncAPI
        #[arg(long)]
        asyncapi: bool,
    },
    /// Writes confab.toml, or the file of --config, with every setting as a comment; never over one that is there
    Init,
    /// Prints the settings that are in force, secrets hidden
    Config {
        /// Says of each where it came from: a file, a variable of the environment, --set, or the default
        #[arg(long)]
        sources: bool,
    },
    /// Checks a database against what must always hold; exits with 1 where something does not
    Doctor,
    /// Lists the servers that run on the database
    Nodes,
    /// Takes what another chat, or another confab, has written down; no server may run meanwhile
    Import {
        #[command(subcommand)]
        command: import::Command,
    },
    /// Writes down all that the chat has
    Export {
        #[command(subcommand)]
        command: export::Command,
    },
    /// Takes the chat to another database; no server may run meanwhile
    Move(relocate::Arguments),
    /// Copies a SQLite database and its files into one archive; a server may run meanwhile
    Backup { file: PathBuf },
    /// Makes a SQLite database and its files out of a backup
    Restore { file: PathBuf },
    /// What tells the cursors of this database from those of others
    Epoch {
        #[command(subcommand)]
        command: epoch::Command,
    },
    /// Works on users
    User {
        #[command(subcommand)]
        command: user::Command,
    },
}

/// Does what the command line asks for; what went wrong is printed to standard error.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("confab: {cause:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Arguments) -> anyhow::Result<()> {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let command = arguments.command.unwrap_or(Command::Serve { demo: false });
    if let Command::Schema { openapi, asyncapi } = command {
        return say(&match (openapi, asyncapi) {
            (true, _) => reference::openapi_text(),
            (_, true) => reference::asyncapi_text(),
            _ => graphql::schema_text(),
        });
    }
    if let Command::Init = command {
        return init::init(arguments.config.as_deref());
    }
    let file = arguments.config.as_deref();
    let (mut config, from) = Config::load_with_sources(file, std::env::vars(), &arguments.sets, |config| {
        webhooks::settings::check(&config.webhooks)
    })?;
    if let Command::Config { sources } = command {
        return say(&if sources { config.print_with(&from) } else { config.print() });
    }
    if matches!(command, Command::User { .. }) && from.of("log.level").is_none() {
        // It is beside the nodes for a moment, which is nothing to tell.
        "warn".clone_into(&mut config.log.level);
    }
    config.sources = from.names();
    telemetry::log_to_stderr(config.log.format, &config.log.level, config.log.access)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(command, config))
}

async fn run(command: Command, config: Config) -> anyhow::Result<()> {
    match command {
        Command::Serve { demo } => serve::serve(config, demo).await,
        Command::Token(arguments) => token::token(&config, arguments).await,
        Command::Migrate => migrate::migrate(&config).await,
        Command::Doctor => doctor::doctor(&config).await,
        Command::Nodes => nodes::nodes(&config).await,
        Command::Import { command } => import::import(&config, command).await,
        Command::Export { command } => export::export(&config, command).await,
        Command::Move(arguments) => relocate::relocate(&config, arguments).await,
        Command::Backup { file } => backup::backup(&config, &file).await,
        Command::Restore { file } => backup::restore(&config, &file).await,
        Command::Epoch { command } => epoch::epoch(&config, command).await,
        Command::User { command } => user::user(config, command).await,
        Command::Schema { .. } | Command::Init | Command::Config { .. } => bail!("This command needs no server"),
    }
}
