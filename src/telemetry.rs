//! What an operator can watch, under the names that `GET /metrics` shows to Prometheus. Nothing is labelled by user
//! or conversation.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde::{Deserialize, Serialize};
use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

const CONNECTIONS: &str = "confab_connections";
const DELIVERIES: &str = "confab_deliveries_total";
const MESSAGES: &str = "confab_messages_total";
const BATCH: &str = "confab_batch_changes";
const COMMIT: &str = "confab_commit_seconds";
const WAITING: &str = "confab_writer_waiting";
const REQUESTS: &str = "confab_request_seconds";
const TOKENS_REFUSED: &str = "confab_tokens_refused_total";
const NODES: &str = "confab_nodes";
const BACKPLANE_UP: &str = "confab_backplane_up";
const FRAMES: &str = "confab_backplane_frames_total";
const FRAMES_IGNORED: &str = "confab_backplane_ignored_total";
const FRAMES_DROPPED: &str = "confab_backplane_dropped_total";
const FRAME_DELAY: &str = "confab_frame_delay_seconds";
const FORWARDED: &str = "confab_requests_forwarded_total";
const HOLES: &str = "confab_holes_filled_total";
const HUB_LAG_EVENTS: &str = "confab_hub_lag_events";
const HUB_LAG_SECONDS: &str = "confab_hub_lag_seconds";

/// Upper bounds of times in seconds and of batches in changes.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
const CHANGES: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Starts to count; once in a process, later calls change nothing.
pub fn install() {
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Full(BATCH.to_owned()), &CHANGES));
        let handle = builder.and_then(PrometheusBuilder::install_recorder);
        describe_gauge!(CONNECTIONS, "Live connections that listen, by door");
        describe_counter!(DELIVERIES, "Events handed to connections, by door");
        describe_counter!(MESSAGES, "Messages that were sent");
        describe_histogram!(BATCH, "Changes that were taken together into one transaction");
        describe_histogram!(COMMIT, Unit::Seconds, "How long a transaction of the writer took");
        describe_gauge!(WAITING, "Changes that wait for the writer");
        describe_counter!(TOKENS_REFUSED, "Tokens that were refused, by reason");
        describe_gauge!(NODES, "Nodes of this database that are alive");
        describe_gauge!(BACKPLANE_UP, "Whether this node hears itself through the broker or the database, by kind");
        describe_counter!(FRAMES, "Frames that nodes told each other, by kind of way and direction");
        describe_counter!(FRAMES_IGNORED, "Frames that were passed over, by reason");
        describe_counter!(FRAMES_DROPPED, "Frames that waited too long and were given up, by kind of way");
        describe_histogram!(FRAME_DELAY, Unit::Seconds, "How long what another node told was on its way");
        describe_counter!(HOLES, "Times that missing events were read from the log, by why they were missed");
        describe_gauge!(HUB_LAG_EVENTS, "Events that are known to be there and were not told yet");
        describe_gauge!(HUB_LAG_SECONDS, Unit::Seconds, "For how long some have been");
        describe_counter!(FORWARDED, "Requests for sessions over HTTP that were passed on to their nodes, by outcome");
        describe_histogram!(REQUESTS, Unit::Seconds, "How long requests took, by route, method and status");
        handle.inspect_err(|cause| tracing::warn!(%cause, "nothing is counted")).ok()
    });
}

/// Everything that was counted, in Prometheus' text format.
pub fn render() -> String {
    let Some(handle) = RECORDER.get().and_then(Option::as_ref) else { return String::new() };
    handle.run_upkeep();
    handle.render()
}

/// A connection that listens, until it is dropped.
pub struct ConnectionGauge(&'static str);

impl ConnectionGauge {
    /// A connection of the door of this name.
    pub fn to(door: &'static str) -> Self {
        gauge!(CONNECTIONS, "door" => door).increment(1.0);
        Self(door)
    }

    /// It was handed events.
    pub fn delivered(&self, events: usize) {
        counter!(DELIVERIES, "door" => self.0).increment(events as u64);
    }
}

impl Drop for ConnectionGauge {
    fn drop(&mut self) {
        gauge!(CONNECTIONS, "door" => self.0).decrement(1.0);
    }
}

/// The writer committed a batch.
pub fn committed(changes: usize, messages: usize, took: Duration) {
    histogram!(BATCH).record(changes as f64);
    histogram!(COMMIT).record(took.as_secs_f64());
    counter!(MESSAGES).increment(messages as u64);
}

/// So many changes wait for the writer.
pub fn waiting(changes: usize) {
    gauge!(WAITING).set(changes as f64);
}

/// A request was answered.
pub fn answered(route: &str, method: &str, status: u16, took: Duration) {
    // A client can make methods up, and every one would be a series of its own.
    const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    let method = METHODS.into_iter().find(|known| *known == method).unwrap_or("other");
    let labels = [("route", route.to_owned()), ("method", method.to_owned()), ("status", status.to_string())];
    histogram!(REQUESTS, &labels).record(took.as_secs_f64());
}

/// A token was refused, for one of a few reasons.
pub fn token_refused(reason: &'static str) {
    counter!(TOKENS_REFUSED, "reason" => reason).increment(1);
}

/// A request was passed on to another node, with one of a few outcomes.
pub fn forwarded(outcome: &'static str) {
    counter!(FORWARDED, "outcome" => outcome).increment(1);
}

/// So many nodes are alive.
pub fn nodes(alive: usize) {
    gauge!(NODES).set(alive as f64);
}

/// Whether this node hears itself by this way.
pub fn backplane_up(kind: &'static str, up: bool) {
    gauge!(BACKPLANE_UP, "kind" => kind).set(f64::from(u8::from(up)));
}

/// A frame was told by this way.
pub fn frame_told(kind: &'static str) {
    counter!(FRAMES, "kind" => kind, "way" => "out").increment(1);
}

/// A frame of another node was heard by this way.
pub fn frame_heard(kind: &'static str) {
    counter!(FRAMES, "kind" => kind, "way" => "in").increment(1);
}

/// A frame was passed over.
pub fn frame_ignored(why: &'static str) {
    counter!(FRAMES_IGNORED, "why" => why).increment(1);
}

/// Frames were given up that waited for this way.
pub fn frames_dropped(kind: &'static str, frames: usize) {
    counter!(FRAMES_DROPPED, "kind" => kind).increment(frames as u64);
}

/// What another node told was so long on its way, by clocks that differ a little.
pub fn frame_took(milliseconds: i64) {
    histogram!(FRAME_DELAY).record(milliseconds.max(0) as f64 / 1_000.0);
}

/// Events were missing and have been read from the log.
pub fn hole_filled(why: &'static str) {
    counter!(HOLES, "why" => why).increment(1);
}

/// So many events are known to be there and were not told yet, and for how long some have been.
pub fn hub_lag(events: i64, time: Duration) {
    gauge!(HUB_LAG_EVENTS).set(events as f64);
    gauge!(HUB_LAG_SECONDS).set(time.as_secs_f64());
}

/// Libraries that at the level TRACE tell every byte of a connection, tokens and all.
const TELLTALES: [&str; 6] = ["tungstenite", "tokio_tungstenite", "hyper", "hyper_util", "h2", "rustls"];

/// How a line of the log looks to the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

/// Starts the log on standard error. `level` is one level for all, or a filter such as `info,confab::stomp=debug`.
///
/// # Errors
/// A level that is neither a level nor a filter.
pub fn log_to_stderr(format: LogFormat, level: &str) -> anyhow::Result<()> {
    // Migrations tell every step, PostgreSQL what was there already; what is asked for in the settings goes before.
    let filter = format!("sea_orm_migration=warn,sqlx::postgres::notice=warn,{level}");
    let filter = EnvFilter::try_new(filter).context("log.level is not a level or a filter")?;
    let discreet = filter_fn(|about| {
        let library = about.target().split("::").next().unwrap_or_default();
        *about.level() != Level::TRACE || !TELLTALES.contains(&library)
    });
    let lines = fmt::layer().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr);
    let lines = match format {
        LogFormat::Json => lines.json().boxed(),
        LogFormat::Text => lines.boxed(),
    };
    // For all of the log, and not for this layer: a layer's own filter swallows the event after one that a library asked
    // about and did not send, such as a notice of PostgreSQL.
    tracing_subscriber::registry().with(filter).with(discreet).with(lines).init();
    Ok(())
}
