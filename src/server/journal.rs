//! What the log says of a server as a whole: one line when it begins to serve, and one when it has stopped.

use std::net::SocketAddr;
use std::time::Instant;

use crate::app::App;

/// Says that the server serves, and with what.
pub async fn started(app: &App, address: Option<SocketAddr>) {
    let settings = match app.config.sources.as_slice() {
        [] => "defaults".to_owned(),
        sources => sources.join(", "),
    };
    let database = app.database().await;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        database,
        address = address.map(tracing::field::display),
        settings,
        "the server has started"
    );
}

/// A server that was told to stop.
pub struct Stop {
    why: &'static str,
    began: Instant,
    sessions: usize,
}

impl Stop {
    /// It begins to, for this reason, with these sessions.
    pub fn begin(app: &App, why: &'static str) -> Self {
        Self { why, began: Instant::now(), sessions: app.endings.count() }
    }

    /// Says that it has stopped.
    pub fn ended(self) {
        let Self { why, began, sessions } = self;
        let seconds = began.elapsed().as_millis() as f64 / 1_000.0;
        tracing::info!(why, seconds, sessions, "the server has stopped");
    }
}
