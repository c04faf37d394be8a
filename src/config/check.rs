//! Which values make sense, alone and together.

use super::{Config, ConfigError, must, networks};

/// The shortest secret that HS256 may be signed with, in bytes.
const MIN_SECRET_BYTES: usize = 32;
/// The pauses between attempts of a webhook: how many there may be, and how many seconds each.
const MAX_PAUSES: usize = 30;
const MAX_PAUSE_SECONDS: u64 = 604_800;

impl Config {
    /// Whether all values make sense, alone and together.
    ///
    /// # Errors
    /// Names the first setting that does not, and what it must be.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_numbers()?;
        self.check_addresses()?;
        self.check_auth()?;
        self.check_lists()?;
        self.check_webhooks()?;
        check_level(&self.log.level)
    }

    fn check_numbers(&self) -> Result<(), ConfigError> {
        let ranges = [
            ("server.keep_alive_seconds", self.server.keep_alive_seconds, 1, 3_600),
            ("database.connections", self.database.connections.into(), 2, 200),
            ("server.drain_seconds", self.server.drain_seconds, 0, 600),
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
        if let Err(entry) = networks::parse(&self.server.trusted_proxies) {
            let key = "server.trusted_proxies";
            let sentence = format!("{key} must be addresses and networks such as 10.0.0.0/8, which {entry:?} is not");
            return Err(ConfigError::new(key, sentence));
        }
        let postgres: &[&str] = &["postgres://", "postgresql://"];
        let schemes: [(&str, &Option<String>, &[&str], &str); 5] = [
            (
                "database.url",
                &self.database.url,
                &["sqlite:", "postgres://", "postgresql://"],
                "sqlite: or postgres://",
            ),
            ("database.notify_url", &self.database.notify_url, postgres, "postgres://"),
            (
                "broker.url",
                &self.broker.url,
                &["redis://", "rediss://", "amqp://", "amqps://"],
                "redis://, rediss://, amqp:// or amqps://",
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
        if self.server.public_url.as_ref().is_some_and(|url| !is_public_url(url)) {
            return Err(must("server.public_url", "an address such as https://chat.example.org, without a query"));
        }
        if self.cluster.address.as_ref().is_some_and(|address| !is_node_address(address)) {
            return Err(must("cluster.address", "an address such as http://10.0.0.7:1337, without a path"));
        }
        let tls = [("server.tls_cert", &self.server.tls_cert), ("server.tls_key", &self.server.tls_key)];
        if let [(key, Some(_)), (other, None)] | [(other, None), (key, Some(_))] = tls {
            return Err(ConfigError::new(key, format!("{key} needs {other} beside it")));
        }
        if self.server.tls_cert.is_some() && self.cluster.address.is_some() {
            let sentence = "cluster.address is where other nodes reach this one without TLS, and with server.tls_cert it \
                            speaks nothing else: leave one of them out";
            return Err(ConfigError::new("cluster.address", sentence.to_owned()));
        }
        if self.broker.url.is_some() && self.database_url().starts_with("sqlite:") {
            let sentence = "broker.url joins the nodes of a PostgreSQL database, and this one is SQLite, which has one: \
                            set database.url to postgres://…, or leave broker.url out";
            return Err(ConfigError::new("broker.url", sentence.to_owned()));
        }
        Ok(())
    }

    fn check_auth(&self) -> Result<(), ConfigError> {
        let auth = &self.auth;
        let secrets = auth.jwt_secret.iter().map(|secret| ("auth.jwt_secret", secret));
        for (key, secret) in secrets.chain(auth.previous_secrets.iter().map(|secret| ("auth.previous_secrets", secret)))
        {
            match auth.jwt_secret_encoding.decode(secret) {
                None => return Err(must(key, "base64, since auth.jwt_secret_encoding says so")),
                Some(secret) if secret.len() < MIN_SECRET_BYTES => {
                    return Err(must(key, &format!("{MIN_SECRET_BYTES} bytes or longer")));
                }
                Some(_) => {}
            }
        }
        let is_provided = auth.jwks.is_some() || auth.public_key.is_some();
        let excluded = [
            ("auth.jwks", "auth.jwt_secret", auth.jwks.is_some() && auth.jwt_secret.is_some()),
            ("auth.public_key", "auth.jwt_secret", auth.public_key.is_some() && auth.jwt_secret.is_some()),
            ("auth.public_key", "auth.jwks", auth.public_key.is_some() && auth.jwks.is_some()),
        ];
        if let Some((key, other, _)) = excluded.into_iter().find(|(_, _, are_both)| *are_both) {
            return Err(ConfigError::new(key, format!("{key} and {other} exclude each other, set one of them")));
        }
        if is_provided && !auth.previous_secrets.is_empty() {
            let key = "auth.previous_secrets";
            let sentence = format!("{key} is for tokens that are signed with a secret, and these are not");
            return Err(ConfigError::new(key, sentence));
        }
        let is_web = |url: &str| url.starts_with("https://") || url.starts_with("http://");
        if auth.jwks.as_ref().is_some_and(|jwks| jwks.is_empty() || jwks.contains("://") && !is_web(jwks)) {
            return Err(must("auth.jwks", "a file, or a URL that begins with https:// or http://"));
        }
        let texts = [
            ("auth.issuer", auth.issuer.as_ref()),
            ("auth.audience", auth.audience.as_ref()),
            ("auth.user_claim", Some(&auth.user_claim)),
            ("auth.picture_claim", Some(&auth.picture_claim)),
            ("auth.roles_claim", Some(&auth.roles_claim)),
            ("auth.admin_role", Some(&auth.admin_role)),
        ];
        if let Some((key, _)) = texts.into_iter().find(|(_, text)| text.is_some_and(|text| text.is_empty())) {
            return Err(must(key, "some text"));
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

    fn check_webhooks(&self) -> Result<(), ConfigError> {
        let key = "webhooks.retry_seconds";
        let pauses = &self.webhooks.retry_seconds;
        if pauses.len() > MAX_PAUSES || pauses.iter().any(|pause| *pause > MAX_PAUSE_SECONDS) {
            return Err(must(key, &format!("at most {MAX_PAUSES} pauses of at most {MAX_PAUSE_SECONDS} seconds")));
        }
        Ok(())
    }
}

/// An address that others can be made of by what is written behind it.
fn is_public_url(text: &str) -> bool {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    let fits = |url: reqwest::Url| url.has_host() && url.username().is_empty() && url.password().is_none();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\\\"<>".contains(&byte));
    is_web && is_plain && reqwest::Url::parse(text).is_ok_and(fits)
}

/// An address of plain HTTP that a path can be written behind.
fn is_node_address(text: &str) -> bool {
    is_public_url(text) && text.strip_prefix("http://").is_some_and(|host| !host.contains('/'))
}

/// Scheme, host and perhaps port, as a browser sends them; `:*` for any port.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let host = host.strip_suffix(":*").unwrap_or(host);
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
