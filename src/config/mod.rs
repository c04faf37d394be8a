//! The settings: one struct, read once at the start ([`Config::load`]) and checked as a whole (protocol §10).
//! It knows nothing of what the settings drive.

mod bind;
mod check;
mod doors;
mod error;
pub mod fault;
mod identity;
mod load;
pub mod networks;
mod place;
mod print;
mod rules;
mod sample;
mod secret;
mod sources;
#[cfg(test)]
mod tests;
mod told;
mod unknown;

use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use bind::Bind;
pub use doors::{Cors, Graphql, Stomp};
pub use error::ConfigError;
use error::must;
pub use identity::{Auth, UserIds};
pub use place::{Broker, Cluster, Database, Server, Storage};
pub use rules::{Chat, Directory, Files, Limits, Presence, Users, Visibility};
pub use sample::sample;
pub use secret::SecretEncoding;
pub use sources::{DEFAULT_FILE, Sources};
pub use told::{Log, WebhookEndpoint, Webhooks};

/// What a path may not hold as it is when it becomes part of a `sqlite:` or `file:` URL.
const NOT_IN_PATHS: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#');

/// Everything that can be set, with its defaults. A value that came from [`Config::load`] has passed
/// [`Config::check`]; one that was built in code has not.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub database: Database,
    pub broker: Broker,
    pub cluster: Cluster,
    pub storage: Storage,
    pub chat: Chat,
    pub files: Files,
    pub log: Log,
    pub auth: Auth,
    pub limits: Limits,
    pub cors: Cors,
    pub webhooks: Webhooks,
    pub presence: Presence,
    pub users: Users,
    pub stomp: Stomp,
    pub graphql: Graphql,
    /// No setting: where those in force come from, each source once, for the log ([`Sources::names`]).
    #[serde(skip)]
    pub sources: Vec<String>,
    /// No setting: those of `serve --demo`, whose tokens the web chat gets without a question. In any other mode, nobody.
    #[serde(skip)]
    pub demo: Vec<DemoPerson>,
    /// No setting: nobody but the project's own tests has another.
    #[serde(skip)]
    pub peer_timeouts: PeerTimeouts,
}

/// Somebody to try the server as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoPerson {
    pub id: i64,
    pub name: &'static str,
}

/// How long peers are waited for that do not do their part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerTimeouts {
    /// How long a peer may take nothing of what waits for it (protocol §8.8).
    pub stall: Duration,
    /// What an upload may be behind its slowest pace.
    pub upload: Duration,
}

impl Default for PeerTimeouts {
    fn default() -> Self {
        Self { stall: Duration::from_secs(60), upload: Duration::from_secs(30) }
    }
}

impl Config {
    /// Where the database is: `database.url`, else `sqlite:` and the file `confab.db` in the data folder.
    pub fn database_url(&self) -> String {
        self.database.url.clone().unwrap_or_else(|| format!("sqlite:{}", self.in_data_dir("confab.db")))
    }

    /// Where the bytes of files are: `storage.url`, else `file:` and the folder `files` in the data folder.
    pub fn storage_url(&self) -> String {
        self.storage.url.clone().unwrap_or_else(|| format!("file:{}", self.in_data_dir("files")))
    }

    /// A path in the data folder, fit for a URL.
    fn in_data_dir(&self, name: &str) -> String {
        utf8_percent_encode(&self.server.data_dir.join(name).to_string_lossy(), NOT_IN_PATHS).to_string()
    }
}

fn tree(config: &Config) -> Value {
    serde_json::to_value(config).expect("settings are texts, numbers and lists, and the data folder is named by a text")
}
