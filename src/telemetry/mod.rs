//! What an operator can watch: the log, and the metrics under the names that `GET /metrics` shows to Prometheus. Nothing is
//! labelled by user or conversation, and each label has few values, which the server itself chooses.

mod catalog;
mod counts;
mod log;

use std::sync::{LazyLock, OnceLock};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

pub use counts::*;
pub use log::{LogFormat, log_to_stderr};

/// Upper bounds of times in seconds and of batches in changes.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
const CHANGES: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
/// What the system tells of this process, under the names that all exporters give it.
static PROCESS: LazyLock<Collector> = LazyLock::new(Collector::default);

/// Starts to count; once in a process, later calls change nothing.
pub fn install() {
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Full(catalog::BATCH.to_owned()), &CHANGES));
        let handle = builder.and_then(PrometheusBuilder::install_recorder);
        catalog::describe();
        PROCESS.describe();
        handle.inspect_err(|cause| tracing::warn!(%cause, "nothing is counted")).ok()
    });
}

/// Everything that was counted, in Prometheus' text format.
pub fn render() -> String {
    let Some(handle) = RECORDER.get().and_then(Option::as_ref) else { return String::new() };
    PROCESS.collect();
    handle.run_upkeep();
    handle.render()
}
