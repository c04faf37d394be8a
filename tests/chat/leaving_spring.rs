//! Holds docs/from-spring.md to the code and to the reference: nothing of that system is passed over, and each setting that the
//! page leads to is there.

use std::collections::BTreeSet;

use confab::config::Config;

const PAGE: &str = include_str!("../../docs/from-spring.md");

/// The properties of the reference.
const PROPERTIES: [&str; 5] = [
    "spring.websocket.message-broker.relay.enabled",
    "app.chat.max-message-length",
    "app.chat.max-file-size-mb",
    "app.chat.typing-indicator-ttl-seconds",
    "app.chat.presence-stale-threshold-minutes",
];
const TABLES: [&str; 8] = [
    "chat_conversations",
    "chat_participants",
    "chat_messages",
    "chat_message_attachments",
    "chat_message_reactions",
    "chat_message_read_receipts",
    "chat_user_presence",
    "chat_typing_indicators",
];

fn settings() -> BTreeSet<String> {
    let config = serde_json::to_value(Config::default()).expect("settings can be written");
    let sections = config.as_object().expect("sections").iter();
    let names = sections.flat_map(|(section, settings)| {
        settings.as_object().expect("settings").keys().map(move |name| format!("{section}.{name}"))
    });
    names.collect()
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The rows of a section's tables, by their first cell and the rest.
fn rows(heading: &str) -> Vec<(&'static str, &'static str)> {
    let (_, section) = PAGE.split_once(&format!("\n## {heading}\n")).expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | "))
        .filter(|(cell, _)| cell.contains('`'))
        .collect()
}

#[test]
fn each_property_of_the_reference_leads_to_a_setting_that_there_is_or_is_said_to_be_gone() {
    let (settings, rows) = (settings(), rows("Where the settings went"));
    for property in PROPERTIES {
        let told = rows.iter().filter(|(cell, _)| quoted(cell).any(|name| name == property));
        assert_eq!(told.count(), 1, "{property}");
    }
    for (property, here) in rows {
        let leads = quoted(here).any(|name| settings.contains(name));
        assert!(leads || here.starts_with("gone: "), "{property} leads nowhere: {here}");
    }
}

#[test]
fn each_setting_that_the_page_names_exists() {
    let settings = settings();
    let sections: BTreeSet<&str> = settings.iter().filter_map(|setting| setting.split('.').next()).collect();
    let is_ours = |name: &&str| {
        let rest = name.split_once('.').filter(|(section, _)| sections.contains(section)).map(|(_, rest)| rest);
        rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
    };
    // Those of the framework stand in the first cells, and some are of a section that is called as one of ours.
    let ours = PAGE.lines().flat_map(|line| match line.strip_prefix("| ").and_then(|row| row.split_once(" | ")) {
        Some((_, rest)) => quoted(rest).collect::<Vec<_>>(),
        None => quoted(line).collect(),
    });
    let named: Vec<&str> = ours.map(|name| name.split(" = ").next().unwrap_or(name)).filter(is_ours).collect();
    let missing: Vec<&&str> = named.iter().filter(|name| !settings.contains(**name)).collect();
    assert!(missing.is_empty() && named.len() > 20, "{missing:?} of {named:?}");
}

#[test]
fn each_table_of_the_reference_is_told_of() {
    let rows = rows("Where the tables went");
    for table in TABLES {
        assert_eq!(rows.iter().filter(|(cell, _)| quoted(cell).any(|name| name == table)).count(), 1, "{table}");
    }
}
