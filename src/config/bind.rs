//! Where a server listens, as it is written in the settings.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What [`Bind`] is read from, for those who wrote something else.
pub(super) const FORM: &str = "a host and a port such as 127.0.0.1:1337, localhost:1337 or :1337";

/// A host and a port to listen on. The host is an address (`127.0.0.1:1337`, `[::1]:1337`), a name (`localhost:1337`) or
/// nothing (`:1337`), which means all addresses of the machine. Port 0 lets the system choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bind {
    host: String,
    port: u16,
}

impl Default for Bind {
    fn default() -> Self {
        Self { host: Ipv4Addr::LOCALHOST.to_string(), port: 1337 }
    }
}

impl Bind {
    /// The name or address, an IPv6 address without brackets; empty for all addresses.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host and port under which programs on this machine reach the server.
    pub fn local_address(&self) -> String {
        let is_any = self.host.is_empty()
            || self.host == Ipv4Addr::UNSPECIFIED.to_string()
            || self.host == Ipv6Addr::UNSPECIFIED.to_string();
        match is_any {
            true => format!("localhost:{}", self.port),
            false => self.to_string(),
        }
    }
}

impl FromStr for Bind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (host, port) = text.trim().rsplit_once(':').ok_or(FORM)?;
        let port = port.parse().map_err(|_| FORM)?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_name = |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        let host = match bracketed {
            Some(address) => address.parse::<Ipv6Addr>().map_err(|_| FORM)?.to_string(),
            None if is_name(host) => host.to_owned(),
            None => return Err(FORM),
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(out, "[{}]:{}", self.host, self.port),
            false => write!(out, "{}:{}", self.host, self.port),
        }
    }
}

impl TryFrom<String> for Bind {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        text.parse()
    }
}

impl From<Bind> for String {
    fn from(bind: Bind) -> Self {
        bind.to_string()
    }
}
