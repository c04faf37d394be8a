//! The command line, nothing else.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use confab::app::App;
use confab::auth::Tokens;
use confab::chat::doctor;
use confab::chat::users::{self, UserInput};
use confab::config::{Config, LogFormat};
use confab::id::UserId;
use confab::{demo, graphql, store::Store};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// A chat server: one chat, three doors (GraphQL, REST, STOMP)
#[derive(Parser)]
#[command(name = "confab", version, about)]
struct Arguments {
    /// The settings file [default: confab.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one setting, such as server.bind=0.0.0.0:1337
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
    Token {
        /// The id of the user
        #[arg(long)]
        user: i64,
        /// The name of the user
        #[arg(long)]
        name: Option<String>,
        /// Makes it the token of an administrator
        #[arg(long)]
        admin: bool,
        /// How long it is valid: a number followed by s, m, h or d
        #[arg(long, default_value = "1h", value_parser = duration)]
        ttl: Duration,
    },
    /// Brings the database to the newest state
    Migrate,
    /// Prints the GraphQL schema
    Schema,
    /// Prints the settings that are in force, secrets hidden
    Config,
    /// Checks a database against what must always hold; exits with 1 where something does not
    Doctor,
    /// Works on users
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
}

#[derive(Subcommand)]
enum UserCommand {
    /// Makes a user known ahead of time, or changes one
    Add {
        #[arg(long)]
        id: i64,
        #[arg(long)]
        name: String,
        #[arg(long)]
        avatar_url: Option<String>,
    },
}

/// A number followed by its unit.
fn duration(text: &str) -> Result<Duration, String> {
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err("a duration is a number followed by s, m, h or d".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "a duration is a number followed by s, m, h or d".to_owned())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "the duration is too long".to_owned())
}

fn main() -> ExitCode {
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
    if let Command::Schema = command {
        print!("{}", graphql::schema_text());
        return Ok(());
    }
    let config = Config::load(arguments.config.as_deref(), std::env::vars(), &arguments.sets)?;
    if let Command::Config = command {
        print!("{}", config.print());
        return Ok(());
    }
    log_to_stderr(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(command, config))
}

async fn run(command: Command, config: Config) -> anyhow::Result<()> {
    match command {
        Command::Serve { demo } => serve(config, demo).await,
        Command::Token { user, name, admin, ttl } => {
            let id = UserId::new(user).context("The id of a user is a positive whole number below 2^53")?;
            std::fs::create_dir_all(&config.server.data_dir)?;
            let tokens = Tokens::open(&config.auth, &config.server.data_dir).await?;
            println!("{}", tokens.issue(id.get(), name.as_deref(), admin, ttl)?);
            Ok(())
        }
        Command::Migrate => {
            Store::open(&config.database_url()).await.context("The database cannot be migrated")?.close().await;
            println!("The database is in the newest state");
            Ok(())
        }
        Command::Doctor => examine(&config).await,
        Command::User { command: UserCommand::Add { id, name, avatar_url } } => {
            let id = UserId::new(id).context("The id of a user is a positive whole number below 2^53")?;
            let app = App::open(config).await?;
            users::provide(&app.chat, vec![UserInput { id, name: name.clone(), avatar_url }]).await?;
            app.close().await;
            println!("User {id} is {name}");
            Ok(())
        }
        Command::Schema | Command::Config => bail!("This command needs no server"),
    }
}

async fn examine(config: &Config) -> anyhow::Result<()> {
    let store = Store::open(&config.database_url()).await.context("The database cannot be opened")?;
    let findings = doctor::examine(&store).await.context("The database cannot be read")?;
    store.close().await;
    for finding in &findings {
        let verdict = if finding.broken == 0 { "ok".to_owned() } else { format!("broken in {}", finding.broken) };
        println!("{}: {verdict}", finding.rule);
    }
    match findings.iter().filter(|finding| finding.broken != 0).count() {
        0 => Ok(()),
        broken => bail!("{broken} of {} rules are broken", findings.len()),
    }
}

async fn serve(config: Config, with_demo: bool) -> anyhow::Result<()> {
    let bind = config.server.bind;
    let listener =
        TcpListener::bind(bind).await.with_context(|| format!("server.bind: {bind} cannot be listened on"))?;
    let address = listener.local_addr()?;
    let app = App::open(config).await?;
    if with_demo {
        demo::furnish(&app).await?;
        introduce(&app, address)?;
    } else {
        println!("Listening on http://{address}");
    }
    confab::run(app, listener, told_to_stop()).await;
    Ok(())
}

/// Prints what a newcomer needs to try everything.
fn introduce(app: &App, address: std::net::SocketAddr) -> anyhow::Result<()> {
    let day = Duration::from_secs(24 * 3600);
    let token = |(id, name): (i64, &str)| app.tokens.issue(id, Some(name), false, day);
    let [alice, bob, carol, _] = demo::PEOPLE;
    let alice_token = token(alice)?;
    println!("Listening on http://{address}\n");
    println!("Tokens, valid for a day:");
    println!("Alice  {alice_token}");
    println!("Bob    {}", token(bob)?);
    println!("Carol  {}\n", token(carol)?);
    println!("GraphiQL   http://{address}/graphql#token={alice_token}");
    println!("REST       http://{address}/api/chat/conversations");
    println!("GraphQL    http://{address}/graphql  (subscriptions: ws://{address}/graphql)");
    println!("STOMP      ws://{address}/ws/chat  (SockJS: http://{address}/ws/chat)\n");
    println!("Send a message:");
    println!("curl -X POST http://{address}/api/chat/conversations/1/messages \\");
    println!("  -H \"Authorization: Bearer {alice_token}\" \\");
    println!("  -H \"Content-Type: application/json\" \\");
    println!("  -d '{{\"content\": \"Hello!\"}}'\n");
    Ok(())
}

/// Resolves at SIGTERM or Ctrl-C.
async fn told_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    _ = interrupt => {}
                    _ = terminate.recv() => {}
                }
                return;
            }
            Err(cause) => tracing::warn!(%cause, "SIGTERM cannot be heard"),
        }
    }
    #[cfg(not(unix))]
    let _ = interrupt.await;
    #[cfg(unix)]
    std::future::pending::<()>().await;
}

fn log_to_stderr(config: &Config) -> anyhow::Result<()> {
    // Migrations tell every step; what is asked for in the settings goes before.
    let filter = format!("sea_orm_migration=warn,{}", config.log.level);
    let filter = EnvFilter::try_new(filter).context("log.level is not a level or a filter")?;
    let colours = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr);
    match config.log.format {
        LogFormat::Json => log.json().init(),
        LogFormat::Text => log.init(),
    }
    Ok(())
}
