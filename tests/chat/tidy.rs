//! Holds the floors of the house: an arrow may skip floors and never points up.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms stand on which floor; one may use what is on its own floor or below, but no other door.
const FLOORS: [&[&str]; 9] = [
    &["error", "id", "telemetry"],
    &["entity", "config", "connection", "http"],
    &["cluster", "store", "auth"],
    &["chat"],
    &["live", "webhooks"],
    &["app"],
    &["api"],
    &["server"],
    &["cli", "lib", "main"],
];
/// Rooms that may not use one another although they are neighbours.
const STRANGERS: [&[&str]; 1] = [&["connection", "config"]];

fn floor(module: &str) -> usize {
    FLOORS.iter().position(|floor| floor.contains(&module)).unwrap_or_else(|| panic!("{module} has no floor"))
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            sources(&entry, into);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            into.push(entry);
        }
    }
}

fn all_sources() -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let read = |file: PathBuf| {
        let text = fs::read_to_string(&file).expect("UTF-8");
        (file.strip_prefix(&root).expect("below src").to_owned(), text)
    };
    files.into_iter().map(read).collect()
}

/// The module at the top that a file belongs to.
fn module(file: &Path) -> String {
    let first = file.iter().next().expect("a name").to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The modules of this crate that a text names: `crate::name`, and those of `use crate::{…}` groups.
fn used(text: &str) -> Vec<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut names = Vec::new();
    for rest in code.split("crate::").skip(1) {
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut item = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => names.push(std::mem::take(&mut item)),
                    _ if depth == 0 => item.push(c),
                    _ => {}
                }
            }
            names.push(item);
        } else {
            names.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    let first = |name: String| name.trim().split("::").next().unwrap_or_default().trim().to_owned();
    names.into_iter().map(first).filter(|name| name.chars().next().is_some_and(char::is_lowercase)).collect()
}

#[test]
fn no_arrow_points_up() {
    let mut broken = Vec::new();
    for (file, text) in all_sources() {
        let here = module(&file);
        for there in used(&text) {
            if there == "super" || there == here || ["proptest", "run"].contains(&&*there) {
                continue;
            }
            let strangers =
                STRANGERS.iter().any(|group| group.contains(&here.as_str()) && group.contains(&there.as_str()));
            if floor(&there) > floor(&here) || strangers {
                broken.push(format!("{}: {here} uses {there}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<_> = all_sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(file, _)| file.display().to_string())
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn the_doors_know_no_sql() {
    let doors = ["api", "live", "http", "connection", "server"];
    let words = ["sea_orm", "sqlx", "SELECT ", "entity::event", "crate::store"];
    let knowing: Vec<_> = all_sources()
        .into_iter()
        .filter(|(file, _)| doors.contains(&module(file).as_str()))
        .filter(|(_, text)| words.iter().any(|word| text.contains(word)))
        .map(|(file, _)| file.display().to_string())
        .collect();
    assert!(knowing.is_empty(), "{knowing:?}");
}

#[test]
fn the_schema_in_the_repository_is_the_one_in_the_code() {
    let kept = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql")).unwrap_or_default();
    assert!(kept == confab::api::graphql::schema_text(), "print it anew: cargo run -- schema > schema.graphql");
}

#[test]
fn each_bound_that_is_written_down_names_a_test_that_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/limits.md")).expect("the page of limits");
    let mut files = Vec::new();
    for folder in ["src", "crates/sockjs/src", "tests/chat"] {
        sources(&root.join(folder), &mut files);
    }
    let code: String = files.iter().map(|file| fs::read_to_string(file).expect("UTF-8")).collect();
    let rows =
        page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what") && !line.contains("---"));
    let tests: Vec<&str> =
        rows.map(|row| row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default()).collect();
    assert!(tests.len() > 20, "the table is read");
    for test in tests {
        let name = test.trim_matches('`');
        assert!(code.contains(&format!("fn {name}(")), "there is no test {test}");
    }
}
