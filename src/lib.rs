//! confab: one chat, three doors.
//!
//! # The map
//!
//! The rules of chat are plain async functions in [`chat`]; GraphQL, REST and STOMP are thin doors onto the same
//! functions, and what one door changes every other door hears. Floors, from top to bottom; an arrow may skip floors
//! and never points up:
//!
//! | floor | modules | what they are |
//! | --- | --- | --- |
//! | 8 | `main` | the command line |
//! | 7 | [`http`], [`demo`] | mounts the doors; the data of the examples |
//! | 6 | [`rest`], [`graphql`], [`stomp`], [`webhook`] | the doors: no rule, no SQL, no filter |
//! | 5 | [`app`] | everything that the doors share, built in one function |
//! | 4 | [`live`] | who is listening: hub, feeds, the turn to the log |
//! | 3 | [`chat`], [`access`], [`event`], [`log`], [`limit`] | the rules, the one visibility rule, the durable log |
//! | 2 | [`store`], [`auth`] | pools and the writer's queue; the only reader of tokens |
//! | 1 | [`entity`] | the stored rows |
//! | 0 | [`address`], [`answer`], [`body`], [`config`], [`error`], [`fault`], [`id`], [`metrics`](mod@metrics), [`origin`], [`page`], [`peer`], [`signature`], [`socket`], [`sockjs`], [`text`] | on nothing of ours but each other |
//!
//! # Invariants
//!
//! * Every durable change goes through the one writer ([`chat::change`]), takes the next position of the log in its
//!   transaction, and is told after the commit only.
//! * What anybody is told passes [`access::sees`]; who may do what stands in one table in [`access`].
//! * Every queue is bounded. A slow connection turns to the log and loses nothing.
//! * `chat` does not know that anybody listens, nor what a door speaks.
//!
//! To follow a message: [`chat::messages::send`](fn@chat::messages::send) → `chat::change` → [`live`] → a door.

pub mod access;
pub mod address;
pub mod answer;
pub mod app;
pub mod auth;
pub mod body;
pub mod chat;
pub mod config;
pub mod demo;
pub mod entity;
pub mod error;
pub mod event;
pub mod fault;
pub mod graphql;
pub mod http;
pub mod id;
pub mod limit;
pub mod live;
pub mod log;
pub mod metrics;
pub mod origin;
pub mod page;
pub mod peer;
pub mod rest;
pub mod signature;
pub mod socket;
pub mod sockjs;
pub mod stomp;
pub mod store;
pub mod text;
pub mod webhook;

use tokio::net::TcpListener;

use app::App;
use config::Config;

/// Runs a server on a listener until `stop` resolves, and then lets it end gracefully.
///
/// # Errors
/// What keeps it from starting; see [`App::open`].
pub async fn serve(config: Config, listener: TcpListener, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    run(App::open(config).await?, listener, stop).await;
    Ok(())
}

/// As [`serve`], upon an open [`App`].
pub async fn run(app: std::sync::Arc<App>, listener: TcpListener, stop: impl Future<Output = ()>) {
    app.resume().await;
    let stopping = app.stopping.clone();
    let webhooks = webhook::run(std::sync::Arc::clone(&app.chat), stopping.clone());
    tokio::join!(http::serve(&app, listener), webhooks, async {
        tokio::select! {
            () = stop => stopping.cancel(),
            () = stopping.cancelled() => {}
        }
    });
    app.close().await;
}
