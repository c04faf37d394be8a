//! `confab serve`: listens, serves and stops; with `--demo` also what a newcomer needs to try everything.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::demo;
use super::output::say;
use crate::app::App;
use crate::config::{self, Config, DemoPerson};
use crate::server;

/// Serves until it is told to stop.
///
/// # Errors
/// An address that cannot be listened on, and what keeps the server from starting.
pub async fn serve(mut config: Config, with_demo: bool) -> anyhow::Result<()> {
    let mut told_to_stop = told_to_stop()?;
    let bind = config.server.bind;
    let listener =
        TcpListener::bind(bind).await.with_context(|| format!("server.bind: {bind} cannot be listened on"))?;
    let (address, connections) = (listener.local_addr()?, config.limits.connections);
    let opened = async {
        if with_demo {
            seed(&config).await?;
            config.demo = demo::PEOPLE.to_vec();
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
            print_welcome(&app, address)?;
            tokio::spawn(demo::stay_away(Arc::clone(&app)));
        }
        false => say(&format!("Listening on http://{address}\n"))?,
    }
    crate::run(app, listener, told_to_stop).await
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
fn print_welcome(app: &App, address: std::net::SocketAddr) -> anyhow::Result<()> {
    let day = Duration::from_secs(24 * 3600);
    let token = |one: DemoPerson| app.tokens.issue(one.id, Some(one.name), false, day);
    let [alice, bob, carol, _] = demo::PEOPLE;
    let alice_token = token(alice)?;
    let (bob_token, carol_token) = (token(bob)?, token(carol)?);
    let chat = if app.config.server.pages { format!("Web chat   http://{address}/\n") } else { String::new() };
    say(&format!(
        r#"Listening on http://{address}

Tokens, valid for a day:
Alice  {alice_token}
Bob    {bob_token}
Carol  {carol_token}

{chat}GraphiQL   http://{address}/graphql#token={alice_token}
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

/// Says so at each SIGTERM or Ctrl-C; both are heard from now on.
fn told_to_stop() -> anyhow::Result<mpsc::Receiver<()>> {
    #[cfg(unix)]
    let mut terminate = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate()).context("SIGTERM cannot be heard")?
    };
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        loop {
            #[cfg(unix)]
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            #[cfg(not(unix))]
            tokio::signal::ctrl_c().await.ok();
            if sender.send(()).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
