//! A settings file to begin with: every setting with its default, switched off by a `#`, and what the README says of it.

use super::print::toml_value;
use super::{Config, tree};

/// The one place where every setting is explained; a test holds its table to the code.
const README: &str = include_str!("../../README.md");
/// What that table calls a setting without a value which means nothing else.
const NOTHING: &str = "none";
/// Characters of a line, at most.
const LINE_WIDTH: usize = 100;

const HEAD: &str = "\
# The settings of confab, each with its default: take a # away from the beginning of a line to change it.
# Over this file goes the environment (CONFAB_SERVER__BIND=:8080), and over that the command line
# (--set server.bind=:8080). `confab config --sources` prints what is in force, and where it came from.
";

/// The file, in the order of that table. Its settings are those that are in force without it, when all of them are switched on.
pub fn sample() -> String {
    let all = tree(&Config::default());
    let (mut text, mut before) = (HEAD.to_owned(), "");
    for told in told() {
        let Some((section, name)) = told.key.split_once('.') else { continue };
        let Some(value) = all.get(section).and_then(|section| section.get(name)) else { continue };
        if section != before {
            text.push_str(&format!("\n[{section}]\n"));
            before = section;
        }
        let is_set = !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty());
        text.push_str(&wrapped(&told.meaning(is_set)));
        // An empty text takes a setting back to unset.
        let value = if value.is_null() { "\"\"".to_owned() } else { toml_value(value) };
        text.push_str(&format!("#{name} = {value}\n"));
    }
    text
}

/// A row of the table of settings.
struct Told<'t> {
    key: &'t str,
    default: &'t str,
    meaning: &'t str,
}

impl Told<'_> {
    /// What the setting does, and where it is not set, what that means.
    fn meaning(&self, is_set: bool) -> String {
        let unset = match is_set || self.default == NOTHING {
            true => String::new(),
            false => format!(" (without it: {})", self.default),
        };
        format!("{}{unset}", self.meaning).replace('`', "")
    }
}

fn told() -> Vec<Told<'static>> {
    let rows = README.lines().filter(|line| line.starts_with("| `"));
    let cells = |row: &'static str| {
        let mut cells = row.trim().trim_matches('|').splitn(3, " | ").map(str::trim);
        let key = cells.next()?.trim_matches('`');
        Some(Told { key, default: cells.next()?, meaning: cells.next()? })
    };
    rows.filter_map(cells).collect()
}

/// The text as lines of a comment.
fn wrapped(text: &str) -> String {
    let mut lines = vec!["#".to_owned()];
    for word in text.split_whitespace() {
        if lines.last().is_some_and(|line| line.chars().count() + 1 + word.chars().count() > LINE_WIDTH) {
            lines.push("#".to_owned());
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}
