//! `confab serve`: listens, serves and stops; with `--demo` also what a newcomer needs to try everything.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;

use super::demo;
use super::output::say;
use crate::app::App;
use crate::config::{self, Config, DemoPerson};
use crate::server::{self, Listeners};

/// Serves until it is told to stop.
///
/// # Errors
/// An address that cannot be listened on, and what keeps the server from starting.
pub async fn serve(mut config: Config, with_demo: bool) -> anyhow::Result<()> {
    let mut told_to_stop = told_to_stop()?;
    let hangups = Hangups::hear()?;
    let listeners = Listeners::bind(&config.server).await?;
    let connections = config.limits.connections;
    let opened = async {
        if with_demo {
            seed(&config).await?;
            config.demo = demo::PEOPLE.to_vec();
            config.cors.allow_local_pages();
        }
        App::open(config).await
    };
    let app = tokio::select! {
        app = opened => app?,
        _ = told_to_stop.recv() => return Ok(()),
    };
    server::handles::raise(connections);
    match with_demo {
        true => {
            print_welcome(&app, &listeners)?;
            tokio::spawn(demo::stay_away(Arc::clone(&app)));
        }
        false => say(&format!("Listening on {}\n", url("http", &listeners, &listeners.address()?)))?,
    }
    tokio::spawn(hangups.pass_on(Arc::clone(&app)));
    crate::run_upon(app, listeners, told_to_stop).await
}

/// Makes the demo data under the rules as they come: stricter ones of the operator would refuse half of it.
async fn seed(config: &Config) -> anyhow::Result<()> {
    let mut config = config.clone();
    config.chat = config::Chat::default();
    config.limits = config::Limits {
        messages_per_minute: 0,
        uploads_per_minute: 0,
        reactions_per_minute: 0,
        creations_per_minute: 0,
        ..config.limits
    };
    let app = App::open(config).await?;
    let seeded = demo::seed(&app).await;
    app.close().await;
    seeded.context("The demo data cannot be made")
}

/// Prints what a newcomer needs to try everything.
fn print_welcome(app: &App, listeners: &Listeners) -> anyhow::Result<()> {
    let (listening, to_call) = (listeners.address()?, listeners.address_to_call()?);
    let (http, ws) = (url("http", listeners, &to_call), url("ws", listeners, &to_call));
    let day = Duration::from_secs(24 * 3600);
    let token = |one: DemoPerson| app.tokens.issue(one.id, Some(one.name), false, day);
    let [alice, bob, carol, _] = demo::PEOPLE;
    let alice_token = token(alice)?;
    let (bob_token, carol_token) = (token(bob)?, token(carol)?);
    let chat = if app.config.server.pages { format!("Web chat   {http}/\n") } else { String::new() };
    say(&format!(
        r#"Listening on {}

Tokens, valid for a day:
Alice  {alice_token}
Bob    {bob_token}
Carol  {carol_token}

{chat}GraphiQL   {http}/graphql#token={alice_token}
REST       {http}/api/chat/conversations
GraphQL    {http}/graphql  (subscriptions: {ws}/graphql)
STOMP      {ws}/ws/chat  (SockJS: {http}/ws/chat)

Send a message:
curl -X POST {http}/api/chat/conversations/1/messages \
  -H "Authorization: Bearer {alice_token}" \
  -H "Content-Type: application/json" \
  -d '{{"content": "Hello!"}}'

"#,
        url("http", listeners, &listening)
    ))
}

/// An address under a scheme without TLS or, with an `s` behind it, the one with TLS.
fn url(scheme: &str, listeners: &Listeners, address: &impl Display) -> String {
    let secure = if listeners.is_tls() { "s" } else { "" };
    format!("{scheme}{secure}://{address}")
}

/// The SIGHUPs that come, which end a process that does not hear them.
struct Hangups {
    #[cfg(unix)]
    signals: tokio::signal::unix::Signal,
}

impl Hangups {
    /// They are heard from now on.
    fn hear() -> anyhow::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            signals: {
                use tokio::signal::unix::{SignalKind, signal};
                signal(SignalKind::hangup()).context("SIGHUP cannot be heard")?
            },
        })
    }

    /// At each of them the app reads again what it reads from files.
    #[cfg(unix)]
    async fn pass_on(mut self, app: Arc<App>) {
        while self.signals.recv().await.is_some() {
            app.read_again.notify_one();
        }
    }

    #[cfg(not(unix))]
    async fn pass_on(self, _app: Arc<App>) {}
}

/// Says by which signal at each SIGTERM or Ctrl-C; both are heard from now on.
fn told_to_stop() -> anyhow::Result<mpsc::Receiver<&'static str>> {
    #[cfg(unix)]
    let mut terminate = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate()).context("SIGTERM cannot be heard")?
    };
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        loop {
            #[cfg(unix)]
            let why = tokio::select! {
                _ = tokio::signal::ctrl_c() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
            };
            #[cfg(not(unix))]
            let why = tokio::signal::ctrl_c().await.map_or("Ctrl-C cannot be heard", |()| "Ctrl-C");
            if sender.send(why).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
