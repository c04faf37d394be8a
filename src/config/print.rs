//! The settings as they are shown: as TOML, and without a secret.

use std::fmt;

use serde_json::Value;

use super::{Config, Sources, tree};

/// Stands for a secret wherever settings are shown.
pub(super) const HIDDEN: &str = "(hidden)";

impl Config {
    /// What is in force, as TOML that can be read back. Secrets read `(hidden)`, what is unset stands in a comment.
    pub fn print(&self) -> String {
        self.print_lines(|_| String::new())
    }

    /// The same, each setting with a comment that says where it came from.
    pub fn print_with(&self, sources: &Sources) -> String {
        self.print_lines(|key| format!("  # {}", sources.of(key).unwrap_or("default")))
    }

    fn print_lines(&self, comment: impl Fn(&str) -> String) -> String {
        let mut shown = self.clone();
        shown.database.url = Some(self.database_url());
        shown.storage.url = Some(self.storage_url());
        shown.auth.jwt_secret = self.auth.jwt_secret.as_ref().map(|_| HIDDEN.to_owned());
        shown.auth.previous_secrets.fill(HIDDEN.to_owned());
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
        for endpoint in &mut shown.webhooks.endpoints {
            endpoint.secret = HIDDEN.to_owned();
        }
        let mut text = String::new();
        for (section, settings) in tree(&shown).as_object().into_iter().flatten() {
            text.push_str(&format!("[{section}]\n"));
            for (name, value) in settings.as_object().into_iter().flatten() {
                let comment = comment(&format!("{section}.{name}"));
                match value {
                    Value::Null => text.push_str(&format!("# {name} is not set{comment}\n")),
                    value => text.push_str(&format!("{name} = {}{comment}\n", toml_value(value))),
                }
            }
            text.push('\n');
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.print())
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

/// A JSON value as TOML, which differs for the values of settings in tables and in one character only.
pub(super) fn toml_value(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml_value).collect::<Vec<_>>().join(",")),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{name} = {}", toml_value(value)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        value => value.to_string().replace('\u{7f}', "\\u007F"),
    }
}
