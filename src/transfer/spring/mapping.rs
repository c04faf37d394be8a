//! What the other chat calls its tables, columns and values, as an operator writes it down: TOML with a section for each table. What
//! is not in it goes by its usual names.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use toml::Value;

use super::tables::{TABLES, Table};

/// The key of a section that names the table itself.
const TABLE_KEY: &str = "table";

/// What differs from the usual.
#[derive(Debug)]
pub struct Mapping {
    /// Of times that are stored without one.
    pub time_zone: String,
    /// What stands in front of each path of a file, and is cut off.
    pub file_prefix: Option<String>,
    /// What to read in place of a kind of conversation, a role, a type of message.
    pub values: BTreeMap<String, String>,
    tables: BTreeMap<&'static str, Named>,
}

#[derive(Debug, Default)]
struct Named {
    table: Option<String>,
    /// By key. Several are put together with a blank between them; none are not read.
    columns: BTreeMap<&'static str, Vec<String>>,
}

impl Default for Mapping {
    fn default() -> Self {
        Self { time_zone: "UTC".to_owned(), file_prefix: None, values: BTreeMap::new(), tables: BTreeMap::new() }
    }
}

impl Mapping {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read, a key that means nothing, a value of another kind.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("The file {name} cannot be read"))?;
        Self::parse(&text).with_context(|| format!("The mapping {name} cannot be used"))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut mapping = Self::default();
        for (key, value) in text.parse::<toml::Table>()? {
            match key.as_str() {
                "time_zone" => mapping.time_zone = string(&key, value)?,
                "file_prefix" => mapping.file_prefix = Some(string(&key, value)?),
                "values" => {
                    for (theirs, ours) in section(&key, value)? {
                        let ours = string(&format!("values.{theirs}"), ours)?;
                        mapping.values.insert(theirs, ours);
                    }
                }
                _ => {
                    let Some(table) = TABLES.iter().find(|table| table.key == key) else {
                        let known = TABLES.map(|table| table.key).join(", ");
                        bail!("{key} means nothing: there are time_zone, file_prefix, values, {known}");
                    };
                    mapping.tables.insert(table.key, Named::parse(table, section(&key, value)?)?);
                }
            }
        }
        Ok(mapping)
    }

    /// What the table is called, if that is said.
    pub fn table(&self, table: &str) -> Option<&str> {
        self.tables.get(table)?.table.as_deref()
    }

    /// What a column is called, if that is said: none for one that is not to be read.
    pub fn column(&self, table: &str, column: &str) -> Option<&[String]> {
        self.tables.get(table)?.columns.get(column).map(Vec::as_slice)
    }
}

impl Named {
    fn parse(table: &Table, section: toml::Table) -> anyhow::Result<Self> {
        let mut named = Self::default();
        for (key, value) in section {
            let full = format!("{}.{key}", table.key);
            if key == TABLE_KEY {
                named.table = Some(string(&full, value)?);
                continue;
            }
            let Some(column) = table.columns.iter().find(|column| column.key == key) else {
                let known: Vec<&str> = table.columns.iter().map(|column| column.key).collect();
                bail!("{full} means nothing: there are {TABLE_KEY}, {}", known.join(", "));
            };
            let names = match value {
                Value::Array(names) => names.into_iter().map(|name| string(&full, name)).collect::<Result<_, _>>()?,
                one => vec![string(&full, one)?],
            };
            named.columns.insert(column.key, names);
        }
        Ok(named)
    }
}

fn string(key: &str, value: Value) -> anyhow::Result<String> {
    match value {
        Value::String(text) => Ok(text),
        _ => bail!("{key} must be text"),
    }
}

fn section(key: &str, value: Value) -> anyhow::Result<toml::Table> {
    match value {
        Value::Table(section) => Ok(section),
        _ => bail!("{key} must be a section"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_counts_and_what_means_nothing_is_named() {
        let mapping = Mapping::parse(
            "time_zone = \"Europe/Berlin\"\n[values]\nCHANNEL = \"GROUP\"\n\
             [users]\ntable = \"people\"\nname = [\"first\", \"last\"]\navatar_url = []\n",
        )
        .unwrap();
        assert_eq!((mapping.time_zone.as_str(), mapping.values["CHANNEL"].as_str()), ("Europe/Berlin", "GROUP"));
        assert_eq!((mapping.table("users"), mapping.table("messages")), (Some("people"), None));
        let name = ["first".to_owned(), "last".to_owned()];
        assert_eq!(mapping.column("users", "name"), Some(&name[..]));
        assert_eq!((mapping.column("users", "avatar_url"), mapping.column("users", "id")), (Some(&[][..]), None));
        for (text, sentence) in [
            ("[userz]", "userz means nothing: there are time_zone, file_prefix, values, users, "),
            ("[users]\nnam = \"x\"", "users.nam means nothing: there are table, id, name, "),
            ("[users]\nname = 1", "users.name must be text"),
            ("users = 1", "users must be a section"),
            ("time_zone = 1", "time_zone must be text"),
        ] {
            let told = Mapping::parse(text).unwrap_err().to_string();
            assert!(told.starts_with(sentence), "{text}: {told}");
        }
    }
}
