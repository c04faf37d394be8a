//! How the settings are read: a layer is a file, the environment or the command line; what a setting is called, and of
//! what type it is, is read off [`Config`] itself. It opens nothing but the settings file.

use std::path::Path;
use std::{fs, io};

use serde_json::Value;
use toml::Value as Toml;

use super::sources::{BY_SET, DEFAULT_FILE, ENV_PREFIX};
use super::unknown::unknown;
use super::{Config, ConfigError, Sources, WebhookEndpoint, bind, must, tree};

/// The one setting that is a list of tables.
const ENDPOINTS: &str = "webhooks.endpoints";
/// Variables of the tests and scripts of this project, which mean nothing to the server.
const OTHER_VARIABLES: [&str; 15] = [
    "CONFAB_BIN",
    "CONFAB_CHROMIUM",
    "CONFAB_FAULT",
    "CONFAB_FAULTS",
    "CONFAB_POSTGRES",
    "CONFAB_PYTHON",
    "CONFAB_RABBITMQ",
    "CONFAB_REDIS",
    "CONFAB_TEST_CADDY",
    "CONFAB_TEST_DATABASE",
    "CONFAB_TEST_NGINX",
    "CONFAB_TEST_RABBITMQ",
    "CONFAB_TEST_REDIS",
    "CONFAB_WEB_DIST",
    "CONFAB_WEB_SCREENSHOTS",
];

/// One assignment of a layer.
struct Given {
    key: String,
    value: Toml,
    origin: String,
}

impl Config {
    /// Reads all layers, each over the one before: the defaults, `file` (which must exist; without it `confab.toml`
    /// of the working folder, which need not), those of `env` that begin with `CONFAB_`, and `sets` (`key=value`).
    /// In the last two, lists are separated by commas. An empty text takes a setting that has no default back to unset.
    /// `check_more` is called after [`Config::check`], for what a room knows of its settings that this one does not.
    ///
    /// # Errors
    /// At the first unknown key or bad value, and for all that [`Config::check`] and `check_more` refuse.
    pub fn load(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
        sets: &[String],
        check_more: impl FnOnce(&Config) -> Result<(), ConfigError>,
    ) -> Result<Config, ConfigError> {
        Self::load_with_sources(file, env, sets, check_more).map(|(config, _)| config)
    }

    /// As [`Config::load`], with what has set each setting.
    ///
    /// # Errors
    /// Those of [`Config::load`].
    pub fn load_with_sources(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
        sets: &[String],
        check_more: impl FnOnce(&Config) -> Result<(), ConfigError>,
    ) -> Result<(Config, Sources), ConfigError> {
        let mut given = from_file(file)?;
        given.extend(from_env(env)?);
        given.extend(from_sets(sets)?);

        let known = tree(&Config::default());
        let mut merged = known.clone();
        let mut sources = Sources::default();
        for Given { key, value, origin } in given {
            place(&known, &mut merged, &key, value).map_err(|error| error.at(&origin))?;
            sources.note(key, origin);
        }
        let located = |error: ConfigError| match sources.of(&error.key) {
            Some(origin) => error.at(origin),
            None => error,
        };
        let config: Config = serde_path_to_error::deserialize(merged)
            .map_err(|error| located(misfit(&error.path().to_string(), &error.inner().to_string())))?;
        config.check().and_then(|()| check_more(&config)).map_err(located)?;
        Ok((config, sources))
    }
}

/// The settings that a file holds.
fn from_file(named: Option<&Path>) -> Result<Vec<Given>, ConfigError> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    let name = path.display().to_string();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ConfigError::new("", format!("There is no settings file {name}")));
        }
        Err(error) => return Err(ConfigError::new("", format!("The settings file {name} cannot be read: {error}"))),
    };
    let sections = toml::from_str::<toml::Table>(&text)
        .map_err(|error| ConfigError::new("", format!("{name} is not valid TOML: {}", where_and_what(&error))))?;
    let mut given = Vec::new();
    for (section, value) in sections {
        let Toml::Table(settings) = value else {
            given.push(Given { key: section, value, origin: name.clone() });
            continue;
        };
        for (setting, value) in settings {
            given.push(Given { key: format!("{section}.{setting}"), value, origin: name.clone() });
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
        let Some(rest) = name.strip_prefix(ENV_PREFIX).filter(|_| !OTHER_VARIABLES.contains(&name.as_str())) else {
            continue;
        };
        if !rest.contains("__") {
            if is_service_link(rest) {
                continue;
            }
            return Err(unknown(&name, &rest.to_lowercase()));
        }
        let key = rest.to_lowercase().replace("__", ".");
        given.push(Given { key, value: Toml::String(value), origin: name });
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
        let value = Toml::String(value.to_owned());
        Ok(Given { key: key.trim().to_owned(), value, origin: BY_SET.to_owned() })
    };
    sets.iter().map(given).collect()
}

/// Whether a variable tells the address of a service rather than a setting: `SERVICE_HOST`, `PORT_1337_TCP`, `WEB_PORT`.
fn is_service_link(rest: &str) -> bool {
    let mut words = rest.split('_');
    words.any(|word| word == "PORT") || rest.ends_with("SERVICE_HOST")
}

/// Puts a value into its place, in the type that the default has there.
fn place(known: &Value, merged: &mut Value, key: &str, value: Toml) -> Result<(), ConfigError> {
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
    let fitted = if key == ENDPOINTS { tables(value) } else { fit(default, value) };
    *place = fitted.map_err(|expected| must(key, expected))?;
    Ok(())
}

/// The endpoints of webhooks: the one setting that is a list of tables, which a line of text cannot hold.
fn tables(given: Toml) -> Result<Value, &'static str> {
    const EXPECTED: &str = "tables [[webhooks.endpoints]] with url, events and secret in the settings file";
    let known = serde_json::to_value(WebhookEndpoint::default()).map_err(|_| EXPECTED)?;
    let one = |given: Toml| {
        let Toml::Table(settings) = given else { return Err(EXPECTED) };
        let mut merged = known.clone();
        for (name, value) in settings {
            let place = merged.get_mut(&name).ok_or(EXPECTED)?;
            *place = fit(place, value).map_err(|_| EXPECTED)?;
        }
        Ok(merged)
    };
    let Toml::Array(values) = given else { return Err(EXPECTED) };
    values.into_iter().map(one).collect::<Result<_, _>>().map(Value::Array)
}

/// The value in the type of its default, or what it must be. Only text is converted: in the environment and on the
/// command line all is text, so a secret of digits stays text and a number is read as one where a number belongs.
fn fit(default: &Value, given: Toml) -> Result<Value, &'static str> {
    match default {
        Value::Bool(_) => match given {
            Toml::Boolean(value) => Some(value),
            Toml::String(text) => text.trim().parse().ok(),
            _ => None,
        }
        .map(Value::from)
        .ok_or("true or false"),
        Value::Number(_) => match given {
            Toml::Integer(value) => u64::try_from(value).ok(),
            Toml::String(text) => text.trim().parse().ok(),
            _ => None,
        }
        .map(Value::from)
        .ok_or("a whole number, 0 or more"),
        Value::Array(items) if items.first().is_some_and(Value::is_number) => match given {
            Toml::String(text) => split(&text).iter().map(|item| item.as_str()?.parse().ok()).collect(),
            Toml::Array(values) => values.into_iter().map(number_of).collect(),
            _ => None,
        }
        .map(|numbers: Vec<u64>| Value::from(numbers))
        .ok_or("a list of whole numbers, 0 or more"),
        Value::Array(_) => match given {
            Toml::String(text) => Ok(split(&text)),
            Toml::Array(values) => values.into_iter().map(text_of).collect(),
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

fn number_of(given: Toml) -> Option<u64> {
    match given {
        Toml::Integer(value) => u64::try_from(value).ok(),
        _ => None,
    }
}

fn text_of(given: Toml) -> Result<Value, ()> {
    match given {
        Toml::String(text) => Ok(Value::String(text)),
        _ => Err(()),
    }
}

/// The items of a list that is written with commas.
fn split(text: &str) -> Vec<Value> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect()
}

/// The sentence for a value whose type is right, but which serde refuses: an address, a choice, a number too large.
fn misfit(path: &str, message: &str) -> ConfigError {
    // Of a list, the list is the setting.
    let key = path.split('[').next().unwrap_or(path);
    let choices = message.split_once("expected ").map(|(_, choices)| choices.replace('`', ""));
    match choices {
        _ if message == bind::FORM => must(key, message),
        Some(choices) if message.starts_with("unknown variant") => must(key, &choices),
        _ => ConfigError::new(key, format!("{key} is too large")),
    }
}

/// Position and reason of a TOML error, without the line that it quotes, since that may hold a secret.
fn where_and_what(error: &toml::de::Error) -> String {
    let text = error.to_string();
    let is_told = |line: &&str| !line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
    let lines: Vec<&str> = text.lines().filter(is_told).map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(", ").replace("TOML parse error at ", "")
}
