//! The settings: one struct, read once at the start ([`Config::load`]) and checked as a whole (protocol §10).
//! It knows nothing of what the settings drive.

mod check;
pub mod fault;
mod load;
pub mod networks;
mod print;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::telemetry::LogFormat;

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

/// Where the server listens and keeps what is its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The address and port to listen on. Port 0 lets the system choose.
    pub bind: SocketAddr,
    /// The folder of the database, the files and the generated secret of a server without other settings.
    pub data_dir: PathBuf,
    /// Addresses and networks (`10.0.0.0/8`) of the proxies that are believed when they say whom they speak for, in
    /// `X-Forwarded-For` or `Forwarded`.
    pub trusted_proxies: Vec<String>,
    /// How long a connection may lie idle between two requests, 1 to 3,600 seconds: longer than the usual proxies in front
    /// keep theirs, so that none sends a request on one that is being closed (protocol §13).
    pub keep_alive_seconds: u64,
    /// How long a node that stops takes to leave its clients to the others, 0 to 600 seconds. Alone it stops at once, and
    /// with 0 in any case.
    pub drain_seconds: u64,
    /// The address that clients know this server by, such as `https://chat.example.org`, with the path before its own if a
    /// proxy puts one there. Links to files begin with it. Unset: they begin with their path.
    pub public_url: Option<String>,
    /// Whether a browser gets pages at `/`, `/chat` and `/docs`.
    pub pages: bool,
    /// Whether `/api/openapi.json`, `/api/asyncapi.json` and the page `/api/docs` are there.
    pub reference: bool,
}

/// Where rows are kept.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite:…` or `postgres://…`. Unset: SQLite in the data folder, see [`Config::database_url`].
    pub url: Option<String>,
    /// A direct `postgres://…` address of the same database for what nodes tell each other, where `database.url` is that of
    /// a pooler, which does not pass it on. Unset: `database.url`.
    pub notify_url: Option<String>,
    /// Connections to PostgreSQL that read, 2 to 200. A node has eight more for writing, for what is beside the log, for what
    /// nodes count together, and for what they tell each other.
    pub connections: u16,
    /// For tests alone, and so in no file: what the database has to do is counted, step by step.
    #[serde(skip)]
    pub count_work: bool,
}

/// How nodes hear of each other faster than through PostgreSQL (protocol §14).
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Broker {
    /// `redis://…`, `rediss://…`, `amqp://…` or `amqps://…`. Unset: PostgreSQL carries what nodes tell each other.
    pub url: Option<String>,
}

/// This node among others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cluster {
    /// What operators read. Unset: the host and the port.
    pub name: Option<String>,
    /// `http://…` under which other nodes reach this one, for requests of SockJS over HTTP whose session is here. Unset: the
    /// balancer sends them here.
    pub address: Option<String>,
}

/// Where the bytes of files are kept.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// `file:…` or `s3://bucket/prefix`. Unset: a folder in the data folder, see [`Config::storage_url`].
    pub url: Option<String>,
    /// Address of an S3 service other than Amazon's.
    pub endpoint: Option<String>,
    /// Region of the bucket.
    pub region: Option<String>,
}

/// The rules of chat that an operator may move.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chat {
    /// Longest message, in Unicode scalar values.
    pub max_message_length: usize,
    /// Largest file, in megabytes of 1,048,576 bytes; a conversation may set less.
    pub max_file_size_mb: u64,
    /// How long somebody counts as typing without saying so again.
    pub typing_indicator_ttl_seconds: u64,
    /// How long somebody without any sign of life stays online.
    pub presence_stale_threshold_minutes: u64,
    /// MIME patterns such as `image/*` of the files that may be sent. Empty: all types.
    pub allowed_file_types: Vec<String>,
    /// The largest group, in people, that still causes presence and typing events.
    pub quiet_group_size: usize,
}

/// What happens to files that nobody sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Files {
    /// How long an uploaded file may wait for its message before it is removed.
    pub unattached_hours: u32,
}

/// The log of events that clients resume from, and the log that operators read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How long durable events can be replayed, in days.
    pub retention_days: u32,
    /// How lines are written for the operator.
    pub format: LogFormat,
    /// What is written for the operator: a level, or a filter such as `info,confab::stomp=debug`.
    pub level: String,
}

/// How tokens are checked. With neither `jwt_secret` nor `jwks`, a secret is made in the data folder on first start.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// The secret of HS256, 32 bytes or longer. Excludes `jwks`.
    pub jwt_secret: Option<String>,
    /// A file or an `http(s)` URL with the public keys of an identity provider. Excludes `jwt_secret`.
    pub jwks: Option<String>,
    /// What `iss` must be. Unset: not looked at.
    pub issuer: Option<String>,
    /// What `aud` must hold. Unset: not looked at.
    pub audience: Option<String>,
}

/// How much one user may do, over all doors together, and how many may be here. 0 means no limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub messages_per_minute: u32,
    pub uploads_per_minute: u32,
    pub reactions_per_minute: u32,
    /// Groups created, direct conversations opened and calls that add people, together.
    pub creations_per_minute: u32,
    pub searches_per_minute: u32,
    /// Open TCP connections of this node.
    pub connections: u32,
    /// Open connections, and requests through a trusted proxy, of one public address; an IPv6 address counts by its /64.
    pub connections_per_address: u32,
    /// Live connections (sockets and streams) of one user on this node.
    pub connections_per_user: u32,
}

/// Which pages of other origins may call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    /// Origins such as `https://chat.example.org`, or `*` alone for all. Empty: the same origin only.
    pub allowed_origins: Vec<String>,
}

/// What webhooks may reach, how long they are tried, and the endpoints that need no administrator.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// Whether private and loopback addresses may be targets, by `http` and on any port.
    pub allow_private_targets: bool,
    /// The pauses before the second attempt, the third and so on; after the last one a delivery has failed.
    pub retry_seconds: Vec<u64>,
    /// Endpoints beside those that administrators create, in the settings file only.
    pub endpoints: Vec<WebhookEndpoint>,
}

/// An endpoint of webhooks: `[[webhooks.endpoints]]`.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookEndpoint {
    pub url: String,
    /// The names of the events that it wants, such as `chat_message.sent`. Empty: all.
    pub events: Vec<String>,
    /// `whsec_` and the base64 of 24 to 64 bytes.
    pub secret: String,
}

/// Who sees who is online.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Presence {
    pub visibility: Visibility,
}

/// Whose presence a user may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// That of people with whom the user shares a conversation.
    Shared,
    /// Everybody's.
    Everyone,
}

/// Who finds whom by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Users {
    pub directory: Directory,
}

/// Whom a user finds who looks for people; administrators find everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Directory {
    /// People of the user's conversations.
    Shared,
    /// Everybody.
    Everyone,
    /// Nobody.
    None,
}

/// The STOMP door.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stomp {
    /// Time between heart-beats in milliseconds, in both directions. 0 switches them off.
    pub heartbeat_ms: u32,
}

/// The GraphQL door. The limits hold before a document is validated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Graphql {
    /// Whether the schema may be asked for.
    pub introspection: bool,
    /// Whether a browser gets the GraphiQL page.
    pub graphiql: bool,
    /// How deep selections may nest, fragments expanded. The usual introspection query needs 15.
    pub max_depth: usize,
    /// How many fields a document may have, fragments expanded.
    pub max_complexity: usize,
    /// How often one field may be asked for in one place, under whatever aliases, fragments expanded.
    pub max_aliases: usize,
    /// How many operations one batch may have.
    pub max_batch: usize,
    /// How many top-level fields a mutation may have.
    pub max_mutations: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 1337)),
            data_dir: PathBuf::from("data"),
            trusted_proxies: Vec::new(),
            keep_alive_seconds: 75,
            drain_seconds: 20,
            public_url: None,
            pages: true,
            reference: true,
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self { url: None, notify_url: None, connections: 8, count_work: false }
    }
}

impl Default for PeerTimeouts {
    fn default() -> Self {
        Self { stall: Duration::from_secs(60), upload: Duration::from_secs(30) }
    }
}

impl Default for Chat {
    fn default() -> Self {
        Self {
            max_message_length: 10_000,
            max_file_size_mb: 25,
            typing_indicator_ttl_seconds: 5,
            presence_stale_threshold_minutes: 5,
            allowed_file_types: Vec::new(),
            quiet_group_size: 200,
        }
    }
}

impl Default for Files {
    fn default() -> Self {
        Self { unattached_hours: 24 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { retention_days: 30, format: LogFormat::Text, level: "info".to_owned() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            messages_per_minute: 30,
            uploads_per_minute: 10,
            reactions_per_minute: 60,
            creations_per_minute: 30,
            searches_per_minute: 60,
            connections: 20_000,
            connections_per_address: 1_000,
            connections_per_user: 100,
        }
    }
}

impl Default for Webhooks {
    fn default() -> Self {
        let (minute, hour) = (60, 3_600);
        Self {
            allow_private_targets: false,
            retry_seconds: vec![
                5,
                5 * minute,
                30 * minute,
                2 * hour,
                5 * hour,
                10 * hour,
                14 * hour,
                20 * hour,
                24 * hour,
            ],
            endpoints: Vec::new(),
        }
    }
}

impl Default for Presence {
    fn default() -> Self {
        Self { visibility: Visibility::Shared }
    }
}

impl Default for Users {
    fn default() -> Self {
        Self { directory: Directory::Shared }
    }
}

impl Default for Stomp {
    fn default() -> Self {
        Self { heartbeat_ms: 10_000 }
    }
}

impl Default for Graphql {
    fn default() -> Self {
        Self {
            introspection: true,
            graphiql: true,
            max_depth: 16,
            max_complexity: 1_000,
            max_aliases: 20,
            max_batch: 10,
            max_mutations: 10,
        }
    }
}

impl Chat {
    /// The largest file in bytes.
    pub fn max_file_bytes(&self) -> u64 {
        self.max_file_size_mb.saturating_mul(1_048_576)
    }
}

impl Cors {
    /// Whether all origins are allowed.
    pub fn any(&self) -> bool {
        self.allowed_origins.iter().any(|origin| origin == "*")
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

/// Why the server does not start: one sentence that names the setting and, where it is known, its source.
/// It never shows the value of a setting that may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The setting that is at fault, such as `chat.max_message_length`; empty when it is the file as a whole.
    pub key: String,
    sentence: String,
    origin: Option<String>,
}

impl ConfigError {
    /// Says of a setting what is wrong with it.
    pub fn new(key: &str, sentence: String) -> Self {
        Self { key: key.to_owned(), sentence, origin: None }
    }

    fn at(self, origin: &str) -> Self {
        Self { origin: Some(origin.to_owned()), ..self }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.sentence)?;
        self.origin.as_ref().map_or(Ok(()), |origin| write!(out, " (from {origin})"))
    }
}

impl std::error::Error for ConfigError {}

fn must(key: &str, expected: &str) -> ConfigError {
    ConfigError::new(key, format!("{key} must be {expected}"))
}

fn tree(config: &Config) -> Value {
    serde_json::to_value(config).expect("settings are texts, numbers and lists, and the data folder is named by a text")
}
