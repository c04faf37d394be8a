//! Where each setting came from.

use std::collections::{BTreeSet, HashMap};

/// The file that is read when none is named, looked for in the working folder.
pub const DEFAULT_FILE: &str = "confab.toml";
/// What every environment variable that is a setting begins with.
pub(super) const ENV_PREFIX: &str = "CONFAB_";
/// Where a setting of the command line comes from.
pub(super) const BY_SET: &str = "--set";

/// For each setting that is not at its default, what set it last: a file, a variable of the environment, or `--set`.
#[derive(Debug, Clone, Default)]
pub struct Sources(HashMap<String, String>);

impl Sources {
    pub(super) fn note(&mut self, key: String, origin: String) {
        self.0.insert(key, origin);
    }

    /// What set the setting of this name; none where it has its default.
    pub fn of(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// All that set something, each once: the file, the variables, and `--set` with its keys. Values are not told.
    pub fn names(&self) -> Vec<String> {
        let name = |(key, origin): (&String, &String)| match origin.as_str() {
            BY_SET => format!("{BY_SET} {key}"),
            origin => origin.to_owned(),
        };
        self.0.iter().map(name).collect::<BTreeSet<_>>().into_iter().collect()
    }
}
