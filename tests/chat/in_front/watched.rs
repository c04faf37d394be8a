//! The dashboard and the alert rules ask for nothing that no server counts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What every process tells Prometheus of itself, under the names that its libraries agree on.
const OF_EVERY_PROCESS: [&str; 5] = [
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
];

/// The names of metrics in a text. Those of a histogram's parts are its own.
fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c| !is_part(c)).filter(|word| word.starts_with("confab_") || word.starts_with("process_"));
    let parts = ["_bucket", "_sum", "_count"];
    words.map(|word| parts.iter().find_map(|part| word.strip_suffix(part)).unwrap_or(word)).collect()
}

/// All that stands in quotes in the sources.
fn quoted(folder: &Path, into: &mut BTreeSet<String>) {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    for entry in entries.collect::<Vec<PathBuf>>() {
        if entry.is_dir() {
            quoted(&entry, into);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            into.extend(fs::read_to_string(&entry).expect("UTF-8").split('"').map(str::to_owned));
        }
    }
}

#[test]
fn every_metric_of_the_dashboard_and_the_alert_rules_is_one_that_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut counted = BTreeSet::new();
    quoted(&root.join("src"), &mut counted);
    for file in ["deploy/grafana.json", "deploy/alerts.yaml"] {
        let text = fs::read_to_string(root.join(file)).expect("UTF-8");
        let asked = names(&text);
        assert!(asked.len() > 8, "{file} is read: {asked:?}");
        let unknown: Vec<_> =
            asked.iter().filter(|name| !counted.contains(**name) && !OF_EVERY_PROCESS.contains(name)).collect();
        assert!(unknown.is_empty(), "{file} asks for {unknown:?}");
    }
}
