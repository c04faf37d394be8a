//! Holds README.md to the code: its table names every setting with its default, and nothing else.

use std::collections::BTreeMap;

use confab::config::Config;
use serde_json::Value as Json;

const README: &str = include_str!("../../README.md");

/// Settings whose default is nothing, and what the table says that this means.
const UNSET: [(&str, &str); 13] = [
    ("server.public_url", "none"),
    ("database.url", "SQLite in the data folder"),
    ("broker.url", "none"),
    ("cluster.name", "host and port"),
    ("cluster.address", "none"),
    ("database.notify_url", "`database.url`"),
    ("storage.url", "`files` in the data folder"),
    ("storage.endpoint", "none"),
    ("storage.region", "none"),
    ("auth.jwt_secret", "made on first start"),
    ("auth.jwks", "none"),
    ("auth.issuer", "none"),
    ("auth.audience", "none"),
];
/// What an empty list means.
const EMPTY: [(&str, &str); 4] = [
    ("server.trusted_proxies", "none"),
    ("chat.allowed_file_types", "all types"),
    ("cors.allowed_origins", "same origin only"),
    ("webhooks.endpoints", "none"),
];

/// The rows of the table of settings: key, default, meaning.
fn rows() -> Vec<[String; 3]> {
    let (_, section) = README.split_once("\n## Settings\n").expect("a section on settings");
    let section = section.split("\n## ").next().unwrap_or_default();
    let cells = |line: &str| {
        let cells: Vec<String> =
            line.trim().trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
        <[String; 3]>::try_from(cells).unwrap_or_else(|cells| panic!("three cells: {cells:?}"))
    };
    section.lines().filter(|line| line.starts_with("| `")).map(cells).collect()
}

fn default(key: &str, value: &Json) -> String {
    let named =
        |table: &[(&str, &str)]| table.iter().find(|(known, _)| *known == key).map(|(_, text)| (*text).to_owned());
    match value {
        Json::Null => named(&UNSET).unwrap_or_else(|| panic!("what does {key} mean when it is not set?")),
        Json::Array(list) if list.is_empty() => {
            named(&EMPTY).unwrap_or_else(|| panic!("what does an empty {key} mean?"))
        }
        Json::String(text) => format!("`{text}`"),
        value => format!("`{value}`"),
    }
}

#[test]
fn the_table_of_settings_is_that_of_the_code() {
    let config = serde_json::to_value(Config::default()).expect("settings can be written");
    let mut expected = BTreeMap::new();
    for (section, settings) in config.as_object().expect("sections") {
        for (name, value) in settings.as_object().expect("settings") {
            let key = format!("{section}.{name}");
            expected.insert(format!("`{key}`"), default(&key, value));
        }
    }
    let rows = rows();
    let told: BTreeMap<String, String> = rows.iter().map(|[key, default, _]| (key.clone(), default.clone())).collect();
    assert_eq!(told.len(), rows.len(), "a setting stands there twice");
    assert_eq!(told, expected);
    assert!(rows.iter().all(|[_, _, meaning]| !meaning.is_empty()));
}

/// The close codes that the code says goodbye with on `/graphql`, against the table.
#[test]
fn the_close_codes_of_graphql_are_all_told() {
    let ours = [include_str!("../../src/api/graphql/websocket.rs"), include_str!("../../src/connection/protocol.rs")];
    let of_the_wire = include_str!("../../crates/sockjs/src/websocket.rs");
    let codes = |source: &'static str, before: &str| -> Vec<&'static str> {
        source.split(before).skip(1).filter_map(|rest| rest.split(',').next()).filter(|code| is_code(code)).collect()
    };
    let (_, section) = README.split_once("\n### Close codes\n").expect("a section on close codes");
    let section = section.split("\n## ").next().unwrap_or_default();
    let told: Vec<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .filter(|cell| is_code(cell))
        .collect();
    let mut said: Vec<&str> = ours.iter().flat_map(|source| codes(source, "Goodbye::new(")).collect();
    // 1003 is for binary messages where the framing of SockJS wants text.
    said.extend(codes(of_the_wire, "Stage::closing(").into_iter().filter(|code| *code != "1003"));
    said.sort_unstable();
    said.dedup();
    assert_eq!(told, said);
}

fn is_code(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[test]
fn what_the_readme_points_to_is_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let links = README.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = links.filter(|link| !link.contains("://") && !link.starts_with('#'));
    let missing: Vec<&str> = files.filter(|file| !root.join(file.split('#').next().unwrap_or(file)).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
