//! The log on standard error: how its lines look, which of them are written, and what never is.

use std::io::{self, IsTerminal};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

/// Libraries that at the level TRACE tell every byte of a connection, tokens and all.
const TELLTALES: [&str; 4] = ["hyper", "hyper_util", "h2", "rustls"];

/// How a line of the log looks to the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

/// Starts the log on standard error. `level` is one level for all, or a filter such as `info,confab::stomp=debug`; with
/// `access`, lines about requests and sessions are written whatever the level is, unless the filter names `confab::access`.
///
/// # Errors
/// A level that is neither a level nor a filter.
pub fn log_to_stderr(format: LogFormat, level: &str, access: bool) -> anyhow::Result<()> {
    // Migrations tell every step, PostgreSQL what was there already; what is asked for in the settings goes before.
    let access = if access { "confab::access=info," } else { "" };
    let filter = format!("sea_orm_migration=warn,sqlx::postgres::notice=warn,{access}{level}");
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
