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
