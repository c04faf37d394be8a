//! The settings: one struct, read once at the start and checked as a whole (contract §10).
//! A layer is a file, the environment or the command line; what a setting is called, and of what type it is, is
//! read off [`Config`] itself. This file opens nothing but the settings file and knows nothing of what the settings drive.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ::config::{FileFormat, Source, ValueKind};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The file that is read when none is named, looked for in the working folder.
const FILE: &str = "confab.toml";
/// What every environment variable that is a setting begins with.
const PREFIX: &str = "CONFAB_";
/// Stands for a secret wherever settings are shown.
const HIDDEN: &str = "(hidden)";
/// The shortest secret that HS256 may be signed with, in bytes.
const SECRET_BYTES: usize = 32;
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
    pub storage: Storage,
    pub chat: Chat,
    pub files: Files,
    pub log: Log,
    pub auth: Auth,
    pub limits: Limits,
    pub cors: Cors,
    pub webhooks: Webhooks,
    pub presence: Presence,
    pub stomp: Stomp,
    pub graphql: Graphql,
}

/// Where the server listens and keeps what is its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The address and port to listen on. Port 0 lets the system choose.
    pub bind: SocketAddr,
    /// The folder of the database, the files and the generated secret of a server without other settings.
    pub data_dir: PathBuf,
}

/// Where rows are kept.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite:…` or `postgres://…`. Unset: SQLite in the data folder, see [`Config::database_url`].
    pub url: Option<String>,
}

/// What joins several nodes.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Broker {
    /// `redis://…`. Refused by [`Config::check`] for as long as nodes cannot be joined.
    pub url: Option<String>,
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

/// How a line for the operator looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
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
    /// Open TCP connections of this node.
    pub connections: u32,
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

/// What webhooks may reach.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// Whether private and loopback addresses may be targets.
    pub allow_private_targets: bool,
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
    /// How many aliases a document may have, fragments expanded.
    pub max_aliases: usize,
    /// How many operations one batch may have.
    pub max_batch: usize,
    /// How many top-level fields a mutation may have.
    pub max_mutations: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self { bind: SocketAddr::from(([127, 0, 0, 1], 1337)), data_dir: PathBuf::from("data") }
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
            connections: 20_000,
            connections_per_user: 100,
        }
    }
}

impl Default for Presence {
    fn default() -> Self {
        Self { visibility: Visibility::Shared }
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
            max_aliases: 50,
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
    fn new(key: &str, sentence: String) -> Self {
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

/// One assignment of a layer.
struct Given {
    key: String,
    value: ValueKind,
    origin: String,
}

impl Config {
    /// Reads all layers, each over the one before: the defaults, `file` (which must exist; without it `confab.toml`
    /// of the working folder, which need not), those of `env` that begin with `CONFAB_`, and `sets` (`key=value`).
    /// In the last two, lists are separated by commas. An empty text takes a setting that has no default back to unset.
    ///
    /// # Errors
    /// At the first unknown key or bad value, and for all that [`Config::check`] refuses.
    pub fn load(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
        sets: &[String],
    ) -> Result<Config, ConfigError> {
        let mut given = from_file(file)?;
        given.extend(from_env(env)?);
        given.extend(from_sets(sets)?);

        let known = tree(&Config::default());
        let mut merged = known.clone();
        let mut origins = HashMap::new();
        for Given { key, value, origin } in given {
            place(&known, &mut merged, &key, value).map_err(|error| error.at(&origin))?;
            origins.insert(key, origin);
        }
        let located = |error: ConfigError| match origins.get(&error.key) {
            Some(origin) => error.at(origin),
            None => error,
        };
        let config: Config = serde_path_to_error::deserialize(merged)
            .map_err(|error| located(misfit(&error.path().to_string(), &error.inner().to_string())))?;
        config.check().map_err(located)?;
        Ok(config)
    }

    /// Whether all values make sense, alone and together.
    ///
    /// # Errors
    /// Names the first setting that does not, and what it must be.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_numbers()?;
        self.check_addresses()?;
        self.check_auth()?;
        self.check_lists()?;
        check_level(&self.log.level)
    }

    /// Where the database is: `database.url`, else `sqlite:` and the file `confab.db` in the data folder.
    pub fn database_url(&self) -> String {
        self.database.url.clone().unwrap_or_else(|| format!("sqlite:{}", self.in_data_dir("confab.db")))
    }

    /// Where the bytes of files are: `storage.url`, else `file:` and the folder `files` in the data folder.
    pub fn storage_url(&self) -> String {
        self.storage.url.clone().unwrap_or_else(|| format!("file:{}", self.in_data_dir("files")))
    }

    /// What is in force, as TOML that can be read back. Secrets read `(hidden)`, what is unset stands in a comment.
    pub fn print(&self) -> String {
        let mut shown = self.clone();
        shown.database.url = Some(self.database_url());
        shown.storage.url = Some(self.storage_url());
        shown.auth.jwt_secret = self.auth.jwt_secret.as_ref().map(|_| HIDDEN.to_owned());
        let urls = [
            &mut shown.database.url,
            &mut shown.broker.url,
            &mut shown.storage.url,
            &mut shown.storage.endpoint,
            &mut shown.auth.jwks,
        ];
        for url in urls.into_iter().flatten() {
            *url = hide_password(url);
        }
        let mut text = String::new();
        for (section, settings) in tree(&shown).as_object().into_iter().flatten() {
            text.push_str(&format!("[{section}]\n"));
            for (name, value) in settings.as_object().into_iter().flatten() {
                match value {
                    Value::Null => text.push_str(&format!("# {name} is not set\n")),
                    value => text.push_str(&format!("{name} = {}\n", toml_value(value))),
                }
            }
            text.push('\n');
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }

    /// A path in the data folder, fit for a URL.
    fn in_data_dir(&self, name: &str) -> String {
        utf8_percent_encode(&self.server.data_dir.join(name).to_string_lossy(), NOT_IN_PATHS).to_string()
    }

    fn check_numbers(&self) -> Result<(), ConfigError> {
        let ranges = [
            ("chat.max_message_length", self.chat.max_message_length as u64, 1, 10_000),
            ("chat.max_file_size_mb", self.chat.max_file_size_mb, 1, 10_240),
            ("chat.typing_indicator_ttl_seconds", self.chat.typing_indicator_ttl_seconds, 1, 3_600),
            ("chat.presence_stale_threshold_minutes", self.chat.presence_stale_threshold_minutes, 1, 1_440),
            ("files.unattached_hours", self.files.unattached_hours.into(), 1, 8_760),
            ("log.retention_days", self.log.retention_days.into(), 1, 3_650),
            ("graphql.max_depth", self.graphql.max_depth as u64, 1, 64),
            ("graphql.max_complexity", self.graphql.max_complexity as u64, 1, 100_000),
            ("graphql.max_aliases", self.graphql.max_aliases as u64, 0, 100_000),
            ("graphql.max_batch", self.graphql.max_batch as u64, 1, 1_000),
            ("graphql.max_mutations", self.graphql.max_mutations as u64, 1, 1_000),
        ];
        for (key, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(ConfigError::new(key, format!("{key} must be from {least} to {most}")));
            }
        }
        match self.stomp.heartbeat_ms {
            0 | 100..=3_600_000 => Ok(()),
            _ => Err(must("stomp.heartbeat_ms", "0 or from 100 to 3600000")),
        }
    }

    fn check_addresses(&self) -> Result<(), ConfigError> {
        if self.server.data_dir.as_os_str().is_empty() {
            return Err(must("server.data_dir", "a folder"));
        }
        let schemes: [(&str, &Option<String>, &[&str], &str); 3] = [
            (
                "database.url",
                &self.database.url,
                &["sqlite:", "postgres://", "postgresql://"],
                "sqlite: or postgres://",
            ),
            ("storage.url", &self.storage.url, &["file:", "s3://"], "file: or s3://"),
            ("storage.endpoint", &self.storage.endpoint, &["https://", "http://"], "https:// or http://"),
        ];
        for (key, url, known, said) in schemes {
            let fits = |url: &String| known.iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme));
            if !url.as_ref().is_none_or(fits) {
                return Err(must(key, &format!("a URL that begins with {said}")));
            }
        }
        if self.broker.url.is_some() {
            let sentence = "broker.url is set, but joining several nodes is not built yet";
            return Err(ConfigError::new("broker.url", sentence.to_owned()));
        }
        Ok(())
    }

    fn check_auth(&self) -> Result<(), ConfigError> {
        let auth = &self.auth;
        if auth.jwt_secret.as_ref().is_some_and(|secret| secret.len() < SECRET_BYTES) {
            return Err(must("auth.jwt_secret", &format!("{SECRET_BYTES} bytes or longer")));
        }
        if auth.jwt_secret.is_some() && auth.jwks.is_some() {
            let sentence = "auth.jwks and auth.jwt_secret exclude each other, set one of them";
            return Err(ConfigError::new("auth.jwks", sentence.to_owned()));
        }
        let is_web = |url: &str| url.starts_with("https://") || url.starts_with("http://");
        if auth.jwks.as_ref().is_some_and(|jwks| jwks.is_empty() || jwks.contains("://") && !is_web(jwks)) {
            return Err(must("auth.jwks", "a file, or a URL that begins with https:// or http://"));
        }
        for (key, value) in [("auth.issuer", &auth.issuer), ("auth.audience", &auth.audience)] {
            if value.as_ref().is_some_and(String::is_empty) {
                return Err(must(key, "some text"));
            }
        }
        Ok(())
    }

    fn check_lists(&self) -> Result<(), ConfigError> {
        let key = "cors.allowed_origins";
        for origin in &self.cors.allowed_origins {
            if origin == "*" && self.cors.allowed_origins.len() > 1 {
                return Err(ConfigError::new(key, format!("{key} is either * or a list of origins, not both")));
            }
            if origin != "*" && !is_origin(origin) {
                return Err(must(
                    key,
                    "* or origins such as https://chat.example.org, in lower case and without a path",
                ));
            }
        }
        if !self.chat.allowed_file_types.iter().all(|pattern| is_mime_pattern(pattern)) {
            return Err(must("chat.allowed_file_types", "a list of MIME patterns such as image/* or application/pdf"));
        }
        Ok(())
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.print())
    }
}

/// The settings that a file holds.
fn from_file(named: Option<&Path>) -> Result<Vec<Given>, ConfigError> {
    let path = named.unwrap_or(Path::new(FILE));
    let name = path.display().to_string();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ConfigError::new("", format!("There is no settings file {name}")));
        }
        Err(error) => return Err(ConfigError::new("", format!("The settings file {name} cannot be read: {error}"))),
    };
    let sections = ::config::File::from_str(&text, FileFormat::Toml)
        .collect()
        .map_err(|error| ConfigError::new("", format!("{name} is not valid TOML: {}", where_and_what(&error))))?;
    let mut given = Vec::new();
    for (section, value) in sections {
        let ValueKind::Table(settings) = value.kind else {
            given.push(Given { key: section, value: value.kind, origin: name.clone() });
            continue;
        };
        for (setting, value) in settings {
            given.push(Given { key: format!("{section}.{setting}"), value: value.kind, origin: name.clone() });
        }
    }
    given.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(given)
}

/// The settings among the environment variables. `CONFAB_` without a `__` is refused as a slip of the pen,
/// but for the variables that Kubernetes makes for a service of the name `confab`.
fn from_env(env: impl Iterator<Item = (String, String)>) -> Result<Vec<Given>, ConfigError> {
    let mut given = Vec::new();
    for (name, value) in env {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        if !rest.contains("__") {
            if is_service_link(rest) {
                continue;
            }
            return Err(unknown(&name, &rest.to_lowercase()));
        }
        let key = rest.to_lowercase().replace("__", ".");
        given.push(Given { key, value: ValueKind::String(value), origin: name });
    }
    given.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(given)
}

/// The settings of `--set`.
fn from_sets(sets: &[String]) -> Result<Vec<Given>, ConfigError> {
    let given = |set: &String| {
        let Some((key, value)) = set.split_once('=') else {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            let key = set.split(|c| !is_name(c)).next().unwrap_or_default();
            return Err(ConfigError::new(key, format!("--set {key} has no value, write --set {key}=value")));
        };
        let value = ValueKind::String(value.to_owned());
        Ok(Given { key: key.trim().to_owned(), value, origin: "--set".to_owned() })
    };
    sets.iter().map(given).collect()
}

/// Whether a variable tells the address of a service rather than a setting: `SERVICE_HOST`, `PORT_1337_TCP`, `WEB_PORT`.
fn is_service_link(rest: &str) -> bool {
    let mut words = rest.split('_');
    words.any(|word| word == "PORT") || rest.ends_with("SERVICE_HOST")
}

/// Puts a value into its place, in the type that the default has there.
fn place(known: &Value, merged: &mut Value, key: &str, value: ValueKind) -> Result<(), ConfigError> {
    let (section, name) = key.split_once('.').unwrap_or((key, ""));
    let (Some(default), Some(place)) = (
        known.get(section).and_then(|section| section.get(name)),
        merged.get_mut(section).and_then(|section| section.get_mut(name)),
    ) else {
        return Err(match known.get(section) {
            Some(_) if name.is_empty() => ConfigError::new(key, format!("{key} is a section, not a setting")),
            _ => unknown(key, key),
        });
    };
    *place = fit(default, value).map_err(|expected| must(key, expected))?;
    Ok(())
}

/// The value in the type of its default, or what it must be. Only text is converted: in the environment and on the
/// command line all is text, so a secret of digits stays text and a number is read as one where a number belongs.
fn fit(default: &Value, given: ValueKind) -> Result<Value, &'static str> {
    match default {
        Value::Bool(_) => match given {
            ValueKind::Boolean(value) => Some(value),
            ValueKind::String(text) => text.trim().parse().ok(),
            _ => None,
        }
        .map(Value::from)
        .ok_or("true or false"),
        Value::Number(_) => match given {
            ValueKind::I64(value) => u64::try_from(value).ok(),
            ValueKind::String(text) => text.trim().parse().ok(),
            _ => None,
        }
        .map(Value::from)
        .ok_or("a whole number, 0 or more"),
        Value::Array(_) => match given {
            ValueKind::String(text) => Ok(split(&text)),
            ValueKind::Array(values) => values.into_iter().map(|value| text_of(value.kind)).collect(),
            _ => Err(()),
        }
        .map(Value::Array)
        .map_err(|()| "a list of texts"),
        Value::Null => match text_of(given) {
            Ok(Value::String(text)) if text.is_empty() => Ok(Value::Null),
            other => other.map_err(|()| "text"),
        },
        _ => text_of(given).map_err(|()| "text"),
    }
}

fn text_of(given: ValueKind) -> Result<Value, ()> {
    match given {
        ValueKind::String(text) => Ok(Value::String(text)),
        _ => Err(()),
    }
}

/// The items of a list that is written with commas.
fn split(text: &str) -> Vec<Value> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect()
}

fn must(key: &str, expected: &str) -> ConfigError {
    ConfigError::new(key, format!("{key} must be {expected}"))
}

/// Refuses what is no setting, with the setting that it differs from by its punctuation only, if there is one.
fn unknown(said: &str, key: &str) -> ConfigError {
    let plain = |key: &str| key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let wanted = plain(key);
    let meant = keys().into_iter().find(|known| plain(known) == wanted).map(|known| match said.strip_prefix(PREFIX) {
        Some(_) => format!("{PREFIX}{}", known.to_uppercase().replace('.', "__")),
        None => known,
    });
    let hint = meant.map(|meant| format!(", did you mean {meant}")).unwrap_or_default();
    ConfigError::new(said, format!("Unknown setting: {said}{hint}"))
}

/// All settings by name.
fn keys() -> Vec<String> {
    let tree = tree(&Config::default());
    let sections = tree.as_object().into_iter().flatten();
    let names = |(section, settings): (&String, &Value)| {
        let settings = settings.as_object().into_iter().flatten();
        settings.map(|(name, _)| format!("{section}.{name}")).collect::<Vec<_>>()
    };
    sections.flat_map(names).collect()
}

fn tree(config: &Config) -> Value {
    serde_json::to_value(config).expect("settings are texts, numbers and lists, and the data folder is named by a text")
}

/// The sentence for a value whose type is right, but which serde refuses: an address, a choice, a number too large.
fn misfit(key: &str, message: &str) -> ConfigError {
    let choices = message.split_once("expected ").map(|(_, choices)| choices.replace('`', ""));
    match choices {
        _ if message.contains("socket address") => must(key, "an address and a port such as 127.0.0.1:1337"),
        Some(choices) if message.starts_with("unknown variant") => must(key, &choices),
        _ => ConfigError::new(key, format!("{key} is too large")),
    }
}

/// Position and reason of a TOML error, without the line that it quotes, since that may hold a secret.
fn where_and_what(error: &::config::ConfigError) -> String {
    let text = error.to_string();
    let is_told = |line: &&str| !line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
    let lines: Vec<&str> = text.lines().filter(is_told).map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(", ").replace("TOML parse error at ", "")
}

/// Scheme, host and perhaps port, as a browser sends them.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let is_scheme = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '+' | '-' | '.');
    let is_host =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_' | ':' | '[' | ']');
    scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(is_scheme)
        && !host.is_empty()
        && host.chars().all(is_host)
}

/// `type/subtype`, where either may be `*`.
fn is_mime_pattern(text: &str) -> bool {
    let is_name = |name: &str| {
        let is_part =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '!' | '#' | '$' | '&' | '-' | '^' | '_' | '.' | '+');
        name == "*" || !name.is_empty() && name.chars().all(is_part)
    };
    text.split_once('/').is_some_and(|(kind, sub)| is_name(kind) && is_name(sub) && (kind != "*" || sub == "*"))
}

/// A bare word must be a level, since the filter would take it for the name of a module and fall silent.
fn check_level(text: &str) -> Result<(), ConfigError> {
    let is_level = |word: &str| word.parse::<tracing_subscriber::filter::LevelFilter>().is_ok();
    let directives = || text.split(',').map(str::trim);
    let is_directive = |part: &str| is_level(part) || part.rsplit_once('=').is_some_and(|(_, level)| is_level(level));
    let is_filter = tracing_subscriber::EnvFilter::builder().parse(text).is_ok();
    match is_filter && directives().all(is_directive) {
        true => Ok(()),
        false => Err(must("log.level", "error, warn, info, debug, trace, off or a filter such as info,confab=debug")),
    }
}

/// The URL without the password, be it before the host or in the query. A password that is not escaped as it should
/// be is hidden all the same, if need be with what follows it.
fn hide_password(url: &str) -> String {
    let mut shown = url.to_owned();
    if let Some((scheme, rest)) = url.split_once("://")
        && let Some((user, host)) = rest.rsplit_once('@')
        && let Some((user, _)) = user.split_once(':')
    {
        shown = format!("{scheme}://{user}:{HIDDEN}@{host}");
    }
    let Some((base, query)) = shown.split_once('?') else { return shown };
    let hide = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if name.to_lowercase().contains("password") => format!("{name}={HIDDEN}"),
        _ => pair.to_owned(),
    };
    format!("{base}?{}", query.split('&').map(hide).collect::<Vec<_>>().join("&"))
}

/// A JSON value as TOML, which differs for the values of settings in one character only.
fn toml_value(value: &Value) -> String {
    value.to_string().replace('\u{7f}', "\\u007F")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, env: &[(&str, &str)], sets: &[&str]) -> Result<Config, String> {
        let folder = std::env::temp_dir().join(format!("confab-config-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("confab.toml");
        fs::write(&path, file).unwrap();
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let loaded = Config::load(Some(&path), env, &sets);
        fs::remove_dir_all(&folder).unwrap();
        loaded.map_err(|error| error.to_string().replace(&format!("{}/", folder.display()), ""))
    }

    fn refused(sets: &[&str]) -> String {
        load("", &[], sets).unwrap_err().replace(" (from --set)", "")
    }

    #[test]
    fn without_any_source_the_defaults_are_in_force() {
        assert_eq!(load("", &[], &[]).unwrap(), Config::default());
        assert_eq!(Config::default().database_url(), "sqlite:data/confab.db");
        assert_eq!(Config::default().storage_url(), "file:data/files");
        Config::default().check().unwrap();
    }

    #[test]
    fn each_layer_goes_over_the_one_before() {
        let file = "[chat]\nmax_file_size_mb = 1\nquiet_group_size = 1\nmax_message_length = 1\n[limits]\nuploads_per_minute = 0";
        let env = [("CONFAB_CHAT__MAX_FILE_SIZE_MB", "2"), ("CONFAB_CHAT__QUIET_GROUP_SIZE", "2"), ("PATH", "/bin")];
        let config = load(file, &env, &["chat.max_file_size_mb=3"]).unwrap();
        assert_eq!(
            (config.chat.max_file_size_mb, config.chat.quiet_group_size, config.chat.max_message_length),
            (3, 2, 1)
        );
        assert_eq!((config.limits.uploads_per_minute, config.limits.messages_per_minute), (0, 30));
        assert_eq!(config.chat.max_file_bytes(), 3 * 1_048_576);
    }

    #[test]
    fn types_come_from_the_setting_and_not_from_the_look_of_the_value() {
        let digits = "1".repeat(40);
        let config = load("", &[("CONFAB_AUTH__JWT_SECRET", &digits), ("CONFAB_AUTH__ISSUER", "true")], &[]).unwrap();
        assert_eq!(config.auth.jwt_secret, Some(digits));
        assert_eq!(config.auth.issuer.as_deref(), Some("true"));
        for (file, sentence) in [
            ("auth.jwt_secret = 12", "auth.jwt_secret must be text (from confab.toml)"),
            (
                "chat.max_message_length = 10.5",
                "chat.max_message_length must be a whole number, 0 or more (from confab.toml)",
            ),
            (
                "chat.max_message_length = true",
                "chat.max_message_length must be a whole number, 0 or more (from confab.toml)",
            ),
            ("graphql.graphiql = 1", "graphql.graphiql must be true or false (from confab.toml)"),
            ("cors.allowed_origins = [1]", "cors.allowed_origins must be a list of texts (from confab.toml)"),
        ] {
            assert_eq!(load(file, &[], &[]).unwrap_err(), sentence);
        }
    }

    #[test]
    fn lists_are_separated_by_commas() {
        let origins = vec!["https://a.example".to_owned(), "http://localhost:3000".to_owned()];
        let env = [("CONFAB_CORS__ALLOWED_ORIGINS", "https://a.example, http://localhost:3000,")];
        assert_eq!(load("", &env, &[]).unwrap().cors.allowed_origins, origins);
        let file = "[cors]\nallowed_origins = [\"https://a.example\", \"http://localhost:3000\"]";
        assert_eq!(load(file, &[], &[]).unwrap().cors.allowed_origins, origins);
        assert!(load(file, &[], &["cors.allowed_origins="]).unwrap().cors.allowed_origins.is_empty());
        assert!(load("cors.allowed_origins = \"*\"", &[], &[]).unwrap().cors.any());
    }

    #[test]
    fn an_empty_text_unsets_what_has_no_default() {
        let config = load("auth.issuer = \"me\"", &[("CONFAB_DATABASE__URL", "")], &["auth.issuer="]).unwrap();
        assert_eq!(config, Config::default());
    }

    #[test]
    fn an_unknown_setting_is_named_with_its_source() {
        let sentence = "Unknown setting: chat.max_mesage_length (from confab.toml)";
        assert_eq!(load("[chat]\nmax_mesage_length = 5", &[], &[]).unwrap_err(), sentence);
        assert_eq!(load("nonsense = 1", &[], &[]).unwrap_err(), "Unknown setting: nonsense (from confab.toml)");
        assert_eq!(load("chat = 1", &[], &[]).unwrap_err(), "chat is a section, not a setting (from confab.toml)");
        assert_eq!(
            refused(&["chat.max-message-length=5"]),
            "Unknown setting: chat.max-message-length, did you mean chat.max_message_length"
        );
        assert_eq!(refused(&["server.bind.port=5"]), "Unknown setting: server.bind.port");
        assert_eq!(refused(&["=5"]), "Unknown setting: ");
        assert_eq!(
            refused(&["auth.jwt_secret:hush"]),
            "--set auth.jwt_secret has no value, write --set auth.jwt_secret=value"
        );
        let env = |name| load("", &[(name, "x")], &[]).unwrap_err();
        assert_eq!(env("CONFAB_CHAT__X"), "Unknown setting: chat.x (from CONFAB_CHAT__X)");
        assert_eq!(env("CONFAB_CHAT__X__Y"), "Unknown setting: chat.x.y (from CONFAB_CHAT__X__Y)");
        assert_eq!(
            env("CONFAB_DATABASE_URL"),
            "Unknown setting: CONFAB_DATABASE_URL, did you mean CONFAB_DATABASE__URL"
        );
        assert_eq!(env("CONFAB_NONSENSE"), "Unknown setting: CONFAB_NONSENSE");
    }

    #[test]
    fn the_variables_of_a_kubernetes_service_are_no_settings() {
        for name in ["CONFAB_PORT", "CONFAB_SERVICE_HOST", "CONFAB_SERVICE_PORT_HTTP", "CONFAB_PORT_1337_TCP_ADDR"] {
            assert_eq!(load("", &[(name, "tcp://10.0.0.1:1337")], &[]).unwrap(), Config::default());
        }
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        let long = "x".repeat(32);
        for (set, sentence) in [
            ("server.bind=localhost", "server.bind must be an address and a port such as 127.0.0.1:1337"),
            ("server.data_dir=", "server.data_dir must be a folder"),
            ("chat.max_message_length=0", "chat.max_message_length must be from 1 to 10000"),
            ("chat.max_message_length=-1", "chat.max_message_length must be a whole number, 0 or more"),
            ("chat.max_message_length=many", "chat.max_message_length must be a whole number, 0 or more"),
            ("chat.typing_indicator_ttl_seconds=0", "chat.typing_indicator_ttl_seconds must be from 1 to 3600"),
            ("log.retention_days=0", "log.retention_days must be from 1 to 3650"),
            ("log.retention_days=5000000000", "log.retention_days is too large"),
            ("log.format=xml", "log.format must be text or json"),
            (
                "log.level=verbose",
                "log.level must be error, warn, info, debug, trace, off or a filter such as info,confab=debug",
            ),
            (
                "log.level=confab=loud",
                "log.level must be error, warn, info, debug, trace, off or a filter such as info,confab=debug",
            ),
            ("presence.visibility=all", "presence.visibility must be shared or everyone"),
            ("stomp.heartbeat_ms=1", "stomp.heartbeat_ms must be 0 or from 100 to 3600000"),
            ("graphql.graphiql=yes", "graphql.graphiql must be true or false"),
            ("auth.jwt_secret=short", "auth.jwt_secret must be 32 bytes or longer"),
            ("auth.jwks=ftp://keys", "auth.jwks must be a file, or a URL that begins with https:// or http://"),
            ("database.url=mysql://db", "database.url must be a URL that begins with sqlite: or postgres://"),
            ("storage.url=https://bucket", "storage.url must be a URL that begins with file: or s3://"),
            ("storage.endpoint=minio", "storage.endpoint must be a URL that begins with https:// or http://"),
            ("broker.url=redis://r", "broker.url is set, but joining several nodes is not built yet"),
            (
                "cors.allowed_origins=*,https://a.example",
                "cors.allowed_origins is either * or a list of origins, not both",
            ),
            (
                "chat.allowed_file_types=image",
                "chat.allowed_file_types must be a list of MIME patterns such as image/* or application/pdf",
            ),
        ] {
            assert_eq!(refused(&[set]), sentence, "{set}");
        }
        for origin in
            ["https://a.example/", "a.example", "null", "https://", "https://A.example", "https://u@a.example"]
        {
            assert!(refused(&[&format!("cors.allowed_origins={origin}")]).contains("must be * or origins"), "{origin}");
        }
        let both = refused(&[&format!("auth.jwt_secret={long}"), "auth.jwks=keys.json"]);
        assert_eq!(both, "auth.jwks and auth.jwt_secret exclude each other, set one of them");
    }

    #[test]
    fn good_values_are_taken() {
        for set in [
            "server.bind=[::1]:0",
            "log.level=info,confab::stomp=debug,hyper=off",
            "log.format=json",
            "presence.visibility=everyone",
            "stomp.heartbeat_ms=0",
            "chat.quiet_group_size=0",
            "limits.messages_per_minute=0",
            "database.url=postgresql:///chat?host=/run/postgresql",
            "storage.url=s3://bucket/prefix",
            "auth.jwks=/etc/confab/keys.json",
            "cors.allowed_origins=capacitor://localhost,https://[::1]:8443",
            "chat.allowed_file_types=image/*,application/vnd.oasis.opendocument.text,*/*",
        ] {
            load("", &[], &[set]).unwrap();
        }
    }

    #[test]
    fn a_file_that_is_missing_or_broken_is_named_without_showing_it() {
        let missing = Config::load(Some(Path::new("/nowhere/confab.toml")), std::iter::empty(), &[]).unwrap_err();
        assert_eq!(missing.to_string(), "There is no settings file /nowhere/confab.toml");
        let broken = load("[auth]\njwt_secret = \"a-private-thing\nissuer = 1", &[], &[]).unwrap_err();
        assert!(broken.starts_with("confab.toml is not valid TOML: line 2, column "), "{broken}");
        assert!(!broken.contains("private") && !broken.contains('\n'), "{broken}");
    }

    #[test]
    fn what_is_printed_is_toml_without_secrets_and_reads_back() {
        let config = Config {
            database: Database { url: Some("postgres://chat:pa@ss/w?rd@db:5432/chat?sslpassword=deep".to_owned()) },
            auth: Auth {
                jwt_secret: Some("deep".repeat(10)),
                issuer: Some("a \"b\"\u{7f}\n".to_owned()),
                ..Auth::default()
            },
            cors: Cors { allowed_origins: vec!["https://a.example".to_owned()] },
            ..Config::default()
        };
        let printed = config.print();
        for shown in [&printed, &format!("{config:?}")] {
            assert!(!shown.contains("deep") && !shown.contains("ss/w"), "{shown}");
        }
        assert!(printed.contains("url = \"postgres://chat:(hidden)@db:5432/chat?sslpassword=(hidden)\""), "{printed}");
        assert!(printed.contains("jwt_secret = \"(hidden)\""), "{printed}");
        assert!(printed.contains("# audience is not set"), "{printed}");

        let read = ::config::Config::builder().add_source(::config::File::from_str(&printed, FileFormat::Toml)).build();
        let read: Config = read.unwrap().try_deserialize().unwrap();
        let expected = Config {
            database: Database { url: Some("postgres://chat:(hidden)@db:5432/chat?sslpassword=(hidden)".to_owned()) },
            storage: Storage { url: Some("file:data/files".to_owned()), ..Storage::default() },
            auth: Auth { jwt_secret: Some(HIDDEN.to_owned()), ..config.auth.clone() },
            ..config
        };
        assert!(read == expected);
        assert_eq!(load(&Config::default().print(), &[], &[]).unwrap().database_url(), "sqlite:data/confab.db");
    }

    #[test]
    fn a_data_folder_with_odd_characters_makes_a_whole_url() {
        let server = Server { data_dir: PathBuf::from("/var/50% a?b#c"), ..Server::default() };
        let config = Config { server, ..Config::default() };
        assert_eq!(config.database_url(), "sqlite:/var/50%25 a%3Fb%23c/confab.db");
    }
}
