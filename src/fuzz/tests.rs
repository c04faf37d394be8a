//! What was thrown at the targets before, and that those here, those of `fuzz/` and what is kept for them are the same.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::TARGETS;

/// Files that a target has at least.
const MIN_FILES: usize = 10;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    entries.map(|name| name.trim_end_matches(".rs").to_owned()).collect()
}

#[test]
fn what_was_thrown_before_is_stood() {
    let mut broken = Vec::new();
    for (name, target) in TARGETS {
        let folder = folder().join("corpus").join(name);
        let files = names(&folder);
        assert!(files.len() >= MIN_FILES, "{name} has {} files", files.len());
        for file in files {
            let data = fs::read(folder.join(&file)).unwrap();
            if catch_unwind(AssertUnwindSafe(|| target(&data))).is_err() {
                broken.push(format!("{name}/{file}"));
            }
        }
    }
    assert!(broken.is_empty(), "promises are broken by {broken:?}");
}

#[test]
fn every_target_can_be_run_and_has_something_that_is_thrown() {
    let targets = names(&folder().join("fuzz_targets"));
    assert_eq!(names(&folder().join("corpus")), targets);
    let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    let mut ours = BTreeSet::new();
    for target in targets {
        let written = fs::read_to_string(folder().join("fuzz_targets").join(format!("{target}.rs"))).unwrap();
        let line = |room: &str| {
            format!("#![no_main]\nlibfuzzer_sys::fuzz_target!(|data: &[u8]| {room}::fuzz::{target}(data));\n")
        };
        assert!(manifest.contains(&format!("\nname = \"{target}\"\n")), "{target} is no binary");
        if written != line("sockjs") {
            assert_eq!(written, line("confab"));
            ours.insert(target);
        }
    }
    assert_eq!(ours, TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect());
}

/// What is built for the tests serves here, too, if it is the same.
#[test]
fn what_is_run_is_built_of_what_the_server_is_built_of() {
    let packages = |file: PathBuf| -> BTreeSet<(String, String)> {
        let text = fs::read_to_string(file).unwrap();
        let of = |package: &str, key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
            line.trim_matches([' ', '=', '"']).to_owned()
        };
        text.split("[[package]]").skip(1).map(|package| (of(package, "name"), of(package, "version"))).collect()
    };
    let (ours, theirs) = (packages(folder().join("../Cargo.lock")), packages(folder().join("Cargo.lock")));
    let more: Vec<&str> = theirs.difference(&ours).map(|(name, _)| name.as_str()).collect();
    assert_eq!(more, ["arbitrary", "confab-fuzz", "libfuzzer-sys"], "make it anew: scripts/fuzz --lock");
}
