//! Holds the table of deliberate faults to the code: each fault is there, each has a test that notices it, and no server
//! is built with any of them.

use std::fs;
use std::path::{Path, PathBuf};

const TABLE: &str = include_str!("../../faults.tsv");

fn rows() -> Vec<[&'static str; 4]> {
    let cells = |line: &'static str| <[&str; 4]>::try_from(line.split('\t').collect::<Vec<_>>()).expect("four cells");
    TABLE.lines().skip(1).map(cells).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of every Rust file below a folder.
fn code(folder: PathBuf) -> String {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let text = |path: PathBuf| match path.is_dir() {
        true => code(path),
        false if path.extension().is_some_and(|extension| extension == "rs") => {
            fs::read_to_string(path).expect("UTF-8")
        }
        false => String::new(),
    };
    entries.map(text).collect()
}

#[test]
fn each_deliberate_fault_stands_in_the_code_and_in_the_table_with_the_test_that_notices_it() {
    let mut named: Vec<&str> = rows().iter().map(|row| row[0]).collect();
    assert_eq!(named, confab::config::fault::NAMES);
    let source = code(root().join("src"));
    let mut used: Vec<&str> =
        source.split("fault::is_on(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    used.sort_unstable();
    named.sort_unstable();
    assert_eq!(used, named, "each is switched on at one place");
    for [fault, _, target, test] in rows() {
        let (module, name) = test.rsplit_once("::").expect("a module and a name");
        let folder = if target == "lib" { "src" } else { "tests/chat" };
        let file = format!("{folder}/{}.rs", module.trim_end_matches("::tests").replace("::", "/"));
        let text = fs::read_to_string(root().join(&file)).expect(&file);
        assert_eq!(text.matches(&format!("fn {name}()")).count(), 1, "{fault}: {test}");
    }
}

#[test]
fn no_server_is_built_with_faults_unless_it_is_asked_for() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("UTF-8");
    let features = manifest.split_once("[features]\n").expect("features").1.split("\n[").next().expect("their lines");
    assert!(features.contains("faults = []"));
    let others = features.lines().filter(|line| !line.starts_with('#') && !line.starts_with("faults"));
    assert!(others.clone().all(|line| !line.contains("faults")), "{features}");
    if !cfg!(feature = "faults") {
        assert!(confab::config::fault::NAMES.iter().all(|name| !confab::config::fault::is_on(name)));
    }
}
