//! Holds README.md to the code: its table names every setting with its default, and nothing else; its commands run.

use std::collections::BTreeMap;

use confab::config::Config;
use serde_json::Value as Json;

use crate::process::{Ended, Home, finish};

const README: &str = include_str!("../../README.md");

/// Settings whose default is nothing, and what the table says that this means.
const UNSET: [(&str, &str); 17] = [
    ("server.public_url", "none"),
    ("server.tls_cert", "none"),
    ("server.tls_key", "none"),
    ("server.metrics_bind", "`/metrics` of `server.bind`"),
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
    ("auth.public_key", "none"),
    ("auth.issuer", "none"),
    ("auth.audience", "none"),
];
/// What an empty list means.
const EMPTY: [(&str, &str); 6] = [
    ("server.trusted_proxies", "none"),
    ("chat.allowed_file_types", "all types"),
    ("cors.allowed_origins", "same origin only"),
    ("webhooks.endpoints", "none"),
    ("auth.previous_secrets", "none"),
    ("auth.algorithms", "those of the key's kind"),
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
    let of_the_wire =
        [include_str!("../../crates/sockjs/src/websocket.rs"), include_str!("../../crates/sockjs/src/parting.rs")];
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
    let closings = of_the_wire.iter().flat_map(|source| codes(source, "Stage::closing("));
    said.extend(closings.filter(|code| *code != "1003"));
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

/// What each block of commands prints, in the order of the blocks.
const PRINTED: [&[&str]; 10] = [
    &[],
    &[],
    &["\"Project Team\"", "\"I agree with this point\"", "\"added\":true", "\"type\":\"DIRECT\""],
    &["{\"data\":{\"me\":{\"name\":\"Alice\"}"],
    &["{\"senderName\":\"Alice\",\"content\":\"Hello, everyone!\"}"],
    &["/graphql#token="],
    &["\"fileName\":\"hello.txt\"", "Hello, file\nHello{"],
    &["\"secret\":\"whsec_"],
    &[],
    &[
        "Wrote confab.toml",
        "bind = \"127.0.0.1:",
        "  # CONFAB_SERVER__BIND\n",
        "max_message_length = 10000  # default\n",
    ],
];
const END_OF_BLOCK: &str = "-- the end of a block --\n";

/// Runs the blocks of commands one after the other in one shell, in a folder where the program of the tests is the one that
/// was built.
async fn run_blocks(home: &Home, blocks: &[&str]) -> Ended {
    let release = home.folder.join("target/release");
    std::fs::create_dir_all(&release).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_confab"), release.join("confab")).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let mut script = "set -u\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n".to_owned();
    // There is nothing to build.
    script.push_str("cargo() { [ \"$*\" = 'build --release' ]; }\n");
    for block in blocks {
        let block = block.replace("1337", &port).replace("/tmp/", &format!("{}/", home.folder.display()));
        script.push_str(&format!("{block}\nprintf '%s' '{END_OF_BLOCK}'\n"));
    }
    std::fs::write(home.folder.join("tour.sh"), script).unwrap();
    let bash = std::path::Path::new("bash");
    let mut command = home.command_by("exec timeout 50 \"$0\" \"$@\"", Some(bash), &["tour.sh"]);
    command.env("CONFAB_SERVER__BIND", format!("127.0.0.1:{port}"));
    finish(command).await
}

#[tokio::test]
async fn the_commands_of_the_readme_run_in_the_order_in_which_they_stand() {
    let home = Home::new().await;
    let blocks: Vec<&str> = README.split("\n```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
    let ended = run_blocks(&home, &blocks).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let printed: Vec<&str> = ended.out.split_terminator(END_OF_BLOCK).collect();
    assert_eq!((blocks.len(), printed.len()), (PRINTED.len(), PRINTED.len()), "{ended:?}");
    for ((block, printed), expected) in blocks.iter().zip(printed).zip(PRINTED) {
        for text in expected {
            assert!(printed.contains(text), "{text} is missing in what {block} prints: {printed}");
        }
        let is_refused = printed.contains("\"success\":false") || printed.contains("\"errors\":");
        assert!(!is_refused, "{block} is refused: {printed}");
    }
}
