//! Holds the floors of the house: an arrow may skip floors and never points up.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::imports::Sources;

/// Which rooms stand on which floor; one may use what is on its own floor or below, but no other door.
const FLOORS: [&[&str]; 9] = [
    &["error", "id", "telemetry", "timestamp"],
    &["entity", "config", "connection", "http"],
    &["cluster", "store", "auth"],
    &["chat"],
    &["live", "transfer", "webhooks"],
    &["app"],
    &["api", "site"],
    &["server"],
    &["benchmarks", "cli", "fuzz", "lib", "main"],
];
/// Files that use one another since they are one idea in two parts.
const ONE_IDEA: &[&[&str]] = &[];
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

/// The room that a file stands in; of a door, the door.
fn room(file: &str) -> &str {
    let room = file.split('/').next().unwrap_or_default();
    room.trim_end_matches(".rs")
}

fn door(file: &str) -> Option<&str> {
    file.strip_prefix("api/").and_then(|rest| rest.split_once('/')).map(|(door, _)| door)
}

fn read_sources(folder: &str) -> Sources {
    Sources::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
}

#[test]
fn no_arrow_points_up() {
    let sources = read_sources("src");
    let uses = sources.uses();
    let used = uses.iter().flat_map(|(file, used)| used.iter().map(|other| (*file, *other)));
    let mut broken = Vec::new();
    for (file, other) in used.chain(sources.hands_on()) {
        let (here, there) = (room(file), room(other));
        let strangers = STRANGERS.iter().any(|group| group.contains(&here) && group.contains(&there)) && here != there;
        let other_door = door(file).zip(door(other)).is_some_and(|(here, there)| here != there);
        if floor(there) > floor(here) || strangers || other_door {
            broken.push(format!("{file} uses {other}"));
        }
    }
    assert!(uses.len() > 100 && broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_files_use_one_another_but_those_that_are_one_idea() {
    for (folder, allowed) in [("src", ONE_IDEA), ("crates/sockjs/src", &[])] {
        let sources = read_sources(folder);
        let circles: Vec<Vec<&str>> =
            sources.circles().into_iter().map(|circle| circle.into_iter().collect()).collect();
        let unknown: Vec<_> = circles.iter().filter(|circle| !allowed.contains(&circle.as_slice())).collect();
        assert!(unknown.is_empty(), "{folder}: {unknown:#?}");
        let gone: Vec<_> = allowed.iter().filter(|known| !circles.iter().any(|circle| circle == **known)).collect();
        assert!(gone.is_empty(), "these are no circle any more: {gone:?}");
    }
    assert!(ONE_IDEA.iter().all(|circle| circle.len() <= 4));
}

#[test]
fn the_top_level_is_rooms_and_a_few_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let names = fs::read_dir(root).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    let files: Vec<_> = names.iter().filter(|name| name.contains('.')).collect();
    let known = ["app.rs", "error.rs", "id.rs", "lib.rs", "main.rs", "timestamp.rs"];
    assert!(files.iter().all(|file| known.contains(&file.as_str())), "{files:?}");
    let places: Vec<PathBuf> = all_sources().into_keys().collect();
    let double: Vec<_> =
        places.iter().filter(|file| places.contains(&file.with_extension("").join("mod.rs"))).collect();
    assert!(double.is_empty(), "one folder style, with mod.rs: {double:?}");
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
    let doors = ["api", "live", "http", "connection", "server", "site"];
    let words = ["sea_orm", "sqlx", "SELECT ", "entity::event", "crate::store"];
    let knowing: Vec<_> = all_sources()
        .into_iter()
        .filter(|(file, _)| doors.contains(&room(&file.to_string_lossy())))
        .filter(|(_, text)| words.iter().any(|word| text.contains(word)))
        .map(|(file, _)| file.display().to_string())
        .collect();
    assert!(knowing.is_empty(), "{knowing:?}");
}

#[test]
fn the_schema_in_the_repository_is_the_one_in_the_code() {
    let kept = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql")).unwrap_or_default();
    assert!(kept == confab::schema_text(), "print it anew: cargo run -- schema > schema.graphql");
}

#[test]
fn the_references_in_the_repository_are_those_in_the_code() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let kept = |name| fs::read_to_string(docs.join(name)).unwrap_or_default();
    assert!(
        kept("openapi.json") == confab::openapi_text(),
        "print it anew: cargo run -- schema --openapi > docs/openapi.json"
    );
    assert!(
        kept("asyncapi.json") == confab::asyncapi_text(),
        "print it anew: cargo run -- schema --asyncapi > docs/asyncapi.json"
    );
}

#[test]
fn no_endpoint_of_rest_goes_around_its_reference() {
    // What `routes!` takes describes itself; what `route` takes does not.
    let around: Vec<_> = all_sources()
        .into_iter()
        .filter(|(file, _)| file.starts_with("api/rest") || file.ends_with("server/health.rs"))
        .filter(|(_, text)| text.contains(".route(") || text.contains("route_service("))
        .map(|(file, _)| file.display().to_string())
        .collect();
    assert!(around.is_empty(), "{around:?}");
}

/// The text of all sources and tests.
pub fn all_code() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "crates/sockjs/src", "crates/sockjs/tests", "tests/chat"] {
        sources(&root.join(folder), &mut files);
    }
    files.iter().map(|file| fs::read_to_string(file).expect("UTF-8")).collect()
}

#[test]
fn each_bound_that_is_written_down_names_a_test_that_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/limits.md")).expect("the page of limits");
    let code = all_code();
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

#[test]
fn what_comments_lead_to_in_the_protocol_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/protocol.md")).expect("the page of the protocol");
    let headings: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### ").or_else(|| line.strip_prefix("## ")))
        .filter_map(|heading| heading.split_whitespace().next())
        .map(|number| number.trim_end_matches('.'))
        .collect();
    let mut files = Vec::new();
    for folder in ["src", "tests/chat", "migration/src"] {
        sources(&root.join(folder), &mut files);
    }
    let mut looked_for = 0;
    for file in files {
        let text = fs::read_to_string(&file).expect("UTF-8");
        for (place, _) in text.match_indices("protocol §") {
            let rest = &text[place + "protocol §".len()..];
            let list: String = rest.chars().take_while(|c| c.is_ascii_digit() || "., §".contains(*c)).collect();
            for number in list.split([',', ' ', '§']).map(|number| number.trim_end_matches('.')) {
                let is_there = number.is_empty() || headings.contains(&number);
                assert!(is_there, "{}: §{number} is not in docs/protocol.md", file.display());
                looked_for += 1;
            }
        }
    }
    assert!(looked_for > 50, "{looked_for}");
}
