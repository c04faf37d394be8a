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
//! | 8 | `main`, [`cli`], `fuzz`, `benchmarks` | the command line, a file for each command; what is promised of any bytes, for tests; what is measured |
//! | 7 | [`server`] | mounts the doors, accepts connections, health |
//! | 6 | [`api`], [`site`] | the three doors, GraphQL, REST and STOMP: no rule, no SQL, no filter; pages for people |
//! | 5 | [`app`] | wires the rooms, starts and stops their tasks |
//! | 4 | [`live`], [`webhooks`], [`transfer`] | who is listening: hub, feeds, the turn to the log; who is told by HTTP; chats as records, in and out |
//! | 3 | [`chat`] | THE DOMAIN: the rules, the one visibility rule, the writer, the durable log |
//! | 2 | [`cluster`], [`store`], [`auth`] | what nodes share; pools, transactions, the bytes of files; the only reader of tokens |
//! | 1 | [`entity`], [`config`], [`connection`], [`http`] | the stored rows, the settings, the discipline of every long connection, the edge kit of the doors |
//! | 0 | [`error`], [`id`], [`timestamp`], [`telemetry`] | the ground: a sentence for people and a kind for programs, ids, times as they are told, logs and metrics |
//!
//! # Invariants
//!
//! * Every durable change goes through the one writer ([`chat::writer`]), takes the next position of the log in its
//!   transaction, and is told after the commit only.
//! * What anybody is told passes [`chat::event::sees`]; who may do what stands in one table in [`chat::access`].
//! * Every queue is bounded. A slow connection turns to the log and loses nothing.
//! * `chat` does not know that anybody listens, nor what a door speaks.
//! * Nothing waits for a backplane ([`cluster`]): every node hears itself or knows that it is deaf. Who is here is a lease of
//!   their node. Time is the database's.
//!
//! To follow a message: [`chat::messages::send`](fn@chat::messages::send) → `chat::writer` → [`live`] → a door.

// The map is for those who read the sources.
#![allow(rustdoc::private_intra_doc_links)]

mod api;
pub mod app;
mod auth;
#[cfg(feature = "benchmarks")]
pub mod benchmarks;
mod chat;
pub mod cli;
mod cluster;
pub mod config;
mod connection;
mod entity;
pub mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod http;
pub mod id;
mod live;
mod server;
mod site;
pub mod store;
mod telemetry;
pub mod timestamp;
mod transfer;
mod webhooks;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::mpsc;

pub use api::graphql::schema_text;
pub use chat::doctor;
pub use server::reference::{asyncapi_text, openapi_text};

use app::App;
use config::Config;
use server::Listeners;
use server::journal::{self, Stop};
use server::service_manager::{self, State};

/// Runs a server on a listener until it is told to stop, and why, or nobody can do that any more, and then lets it end
/// gracefully. Told so again, it ends at once.
///
/// # Errors
/// What keeps it from starting; see [`App::open`].
pub async fn serve(
    config: Config,
    listener: TcpListener,
    told_to_stop: mpsc::Receiver<&'static str>,
) -> anyhow::Result<()> {
    run(App::open(config).await?, listener, told_to_stop).await
}

/// As [`serve`], upon an open [`App`].
///
/// # Errors
/// A certificate or an address of the metrics that cannot be used, and another node of this database with which it does not
/// go together; see [`App::join`].
pub async fn run(
    app: Arc<App>,
    listener: TcpListener,
    told_to_stop: mpsc::Receiver<&'static str>,
) -> anyhow::Result<()> {
    match Listeners::beside(listener, &app.config.server).await {
        Ok(listeners) => run_upon(app, listeners, told_to_stop).await,
        Err(cause) => {
            app.close().await;
            Err(cause)
        }
    }
}

async fn run_upon(
    app: Arc<App>,
    listeners: Listeners,
    mut told_to_stop: mpsc::Receiver<&'static str>,
) -> anyhow::Result<()> {
    let address = listeners.address().ok();
    if let Err(cause) = app.join(address).await {
        app.close().await;
        return Err(cause);
    }
    journal::started(&app, address).await;
    service_manager::tell(State::Ready);
    let stopping = app.stopping.clone();
    let webhooks = webhooks::worker::run(Arc::clone(&app.chat), Arc::clone(&app.webhook_endpoints), stopping.clone());
    let ((), (), stop) = tokio::join!(server::serve(&app, listeners), webhooks, async {
        let told = stopping.run_until_cancelled(told_to_stop.recv()).await;
        let stop = Stop::begin(&app, told.map_or("a task panicked", |why| why.unwrap_or("nobody is there to stop it")));
        if told.is_some() {
            service_manager::tell(State::Stopping);
            tokio::select! {
                () = app.drain() => {}
                _ = told_to_stop.recv() => {}
                () = stopping.cancelled() => {}
            }
            stopping.cancel();
        }
        stop
    });
    app.close().await;
    stop.ended();
    Ok(())
}
