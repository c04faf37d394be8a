//! The command line, nothing else.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use confab::app::App;
use confab::auth::{Tokens, make_private};
use confab::chat::doctor;
use confab::chat::users::{self, UserInput};
use confab::config::{Chat, Config, Limits, LogFormat};
use confab::id::UserId;
use confab::{demo, graphql, http, store::Store};
use tokio::net::TcpListener;
use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

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

/// Said of an id that no user can have.
const NO_ID: &str = "The id of a user is a positive whole number below 2^53";

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
        return say(&graphql::schema_text());
    }
    let config = Config::load(arguments.config.as_deref(), std::env::vars(), &arguments.sets)?;
    if let Command::Config = command {
        return say(&config.print());
    }
    log_to_stderr(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(command, config))
}

async fn run(command: Command, config: Config) -> anyhow::Result<()> {
    match command {
        Command::Serve { demo } => serve(config, demo).await,
        Command::Token { user, name, admin, ttl } => {
            let id = UserId::new(user).context(NO_ID)?;
            let tokens = Tokens::open(&config.auth, &config.server.data_dir).await?;
            let token = tokens.issue(id.get(), name.as_deref(), admin, ttl)?;
            say(&format!("{token}\n"))
        }
        Command::Migrate => {
            if config.database.url.is_none() {
                make_private(&config.server.data_dir)?;
            }
            let store =
                Store::open(&config.database_url()).await.map_err(|cause| config.no_database("migrated", &cause))?;
            store.close().await;
            say("The database is in the newest state\n")
        }
        Command::Doctor => examine(&config).await,
        Command::User { command: UserCommand::Add { id, name, avatar_url } } => {
            let id = UserId::new(id).context(NO_ID)?;
            let app = App::open(config).await?;
            let added = users::provide(&app.chat, vec![UserInput { id, name, avatar_url }]).await;
            app.close().await;
            for user in added? {
                say(&format!("User {id} is {}\n", user.name))?;
            }
            Ok(())
        }
        Command::Schema | Command::Config => bail!("This command needs no server"),
    }
}

async fn examine(config: &Config) -> anyhow::Result<()> {
    let store =
        Store::open_as_it_is(&config.database_url()).await.map_err(|cause| config.no_database("checked", &cause))?;
    let findings = doctor::examine(&store).await.context("The database cannot be read")?;
    store.close().await;
    for finding in &findings {
        let verdict = if finding.broken == 0 { "ok".to_owned() } else { format!("broken in {}", finding.broken) };
        say(&format!("{}: {verdict}\n", finding.rule))?;
    }
    match findings.iter().filter(|finding| finding.broken != 0).count() {
        0 => Ok(()),
        broken => bail!("{broken} of {} rules are broken", findings.len()),
    }
}

async fn serve(config: Config, with_demo: bool) -> anyhow::Result<()> {
    let stop = told_to_stop()?;
    tokio::pin!(stop);
    let bind = config.server.bind;
    let listener =
        TcpListener::bind(bind).await.with_context(|| format!("server.bind: {bind} cannot be listened on"))?;
    let (address, connections) = (listener.local_addr()?, config.limits.connections);
    let opened = async {
        if with_demo {
            furnish(&config).await?;
        }
        App::open(config).await
    };
    let app = tokio::select! {
        app = opened => app?,
        () = &mut stop => return Ok(()),
    };
    http::handles::raise(connections);
    match with_demo {
        true => introduce(&app, address)?,
        false => say(&format!("Listening on http://{address}\n"))?,
    }
    confab::run(app, listener, stop).await;
    Ok(())
}

/// Makes the demo data under the rules as they come: stricter ones of the operator would refuse half of it.
async fn furnish(config: &Config) -> anyhow::Result<()> {
    let mut config = config.clone();
    config.chat = Chat::default();
    config.limits =
        Limits { messages_per_minute: 0, reactions_per_minute: 0, creations_per_minute: 0, ..config.limits };
    let app = App::open(config).await?;
    let furnished = demo::furnish(&app).await;
    app.close().await;
    furnished.context("The demo data cannot be made")
}

/// Prints what a newcomer needs to try everything.
fn introduce(app: &App, address: std::net::SocketAddr) -> anyhow::Result<()> {
    let day = Duration::from_secs(24 * 3600);
    let token = |(id, name): (i64, &str)| app.tokens.issue(id, Some(name), false, day);
    let [alice, bob, carol, _] = demo::PEOPLE;
    let alice_token = token(alice)?;
    let (bob_token, carol_token) = (token(bob)?, token(carol)?);
    say(&format!(
        r#"Listening on http://{address}

Tokens, valid for a day:
Alice  {alice_token}
Bob    {bob_token}
Carol  {carol_token}

GraphiQL   http://{address}/graphql#token={alice_token}
REST       http://{address}/api/chat/conversations
GraphQL    http://{address}/graphql  (subscriptions: ws://{address}/graphql)
STOMP      ws://{address}/ws/chat  (SockJS: http://{address}/ws/chat)

Send a message:
curl -X POST http://{address}/api/chat/conversations/1/messages \
  -H "Authorization: Bearer {alice_token}" \
  -H "Content-Type: application/json" \
  -d '{{"content": "Hello!"}}'

"#
    ))
}

/// Prints to standard output. That nobody reads it (`confab schema | head`) is no failure.
fn say(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => Err(cause).context("Nothing can be printed"),
        _ => Ok(()),
    }
}

/// What resolves at SIGTERM or Ctrl-C; both are heard from now on.
fn told_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate()).context("SIGTERM cannot be heard")?
    };
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await.ok();
    })
}

/// Libraries that at the level TRACE tell every byte of a connection, tokens and all.
const TELLTALES: [&str; 6] = ["tungstenite", "tokio_tungstenite", "hyper", "hyper_util", "h2", "rustls"];

fn log_to_stderr(config: &Config) -> anyhow::Result<()> {
    // Migrations tell every step, PostgreSQL what was there already; what is asked for in the settings goes before.
    let filter = format!("sea_orm_migration=warn,sqlx::postgres::notice=warn,{}", config.log.level);
    let filter = EnvFilter::try_new(filter).context("log.level is not a level or a filter")?;
    let discreet = filter_fn(|about| {
        let library = about.target().split("::").next().unwrap_or_default();
        *about.level() != Level::TRACE || !TELLTALES.contains(&library)
    });
    let log = fmt::layer().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr);
    let log = match config.log.format {
        LogFormat::Json => log.json().boxed(),
        LogFormat::Text => log.boxed(),
    };
    // For all of the log, and not for this layer: a layer's own filter swallows the event after one that a library asked
    // about and did not send, such as a notice of PostgreSQL.
    tracing_subscriber::registry().with(filter).with(discreet).with(log).init();
    Ok(())
}
