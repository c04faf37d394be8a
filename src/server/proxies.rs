//! Whom a proxy speaks for (protocol §13): the settings say which proxies are believed, a header says which hops there
//! were.

use std::net::IpAddr;

use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::webhooks::egress::EgressPolicy;

/// Entries of a list of hops that are looked at, at most: more than any chain of proxies has.
const MAX_HOPS: usize = 32;
static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies that are believed when they say whom they speak for.
#[derive(Debug, Clone, Default)]
pub(super) struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Those of these networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether an address is one of theirs.
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whom a trusted proxy speaks for: the last hop that is not trusted itself. `X-Forwarded-For` goes before
    /// `Forwarded`; `None` where neither names an address.
    pub fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let lines = |name: &HeaderName| headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
        let entries = |name: &HeaderName| lines(name).flat_map(|line| line.split(',')).collect::<Vec<_>>();
        let (listed, parse): (_, fn(&str) -> Option<IpAddr>) = match headers.contains_key(&X_FORWARDED_FOR) {
            true => (entries(&X_FORWARDED_FOR), hop),
            false => (entries(&FORWARDED), forwarded_hop),
        };
        for entry in listed.into_iter().rev().take(MAX_HOPS) {
            // What stands before something that is no address was not seen by a proxy that is trusted.
            let address = parse(entry.trim())?;
            if !self.trust(address) {
                return Some(address);
            }
        }
        None
    }
}

/// An address, perhaps with a port.
fn hop(entry: &str) -> Option<IpAddr> {
    let bare = match entry.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(address, _)| address)?,
        None if entry.matches(':').count() == 1 => entry.split_once(':').map(|(address, _)| address)?,
        None => entry,
    };
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// The address of `for=…` in an element of `Forwarded`.
fn forwarded_hop(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    hop(value.trim_matches('"'))
}

/// Whether an address is that of a client, and not that of a proxy as a rule.
pub(super) fn is_public(address: IpAddr) -> bool {
    EgressPolicy::Public.allows(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::networks;
    use axum::http::HeaderValue;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_trusted_proxy_speaks_for_the_last_hop_that_is_not_trusted() {
        let entries = ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"].map(str::to_owned);
        let proxies = Proxies::new(networks::parse(&entries).unwrap());
        assert!(proxies.trust(address("10.1.2.3")) && proxies.trust(address("::ffff:127.0.0.1")));
        assert!(!proxies.trust(address("11.1.2.3")));
        for (name, value, client) in [
            ("x-forwarded-for", "1.2.3.4, 9.8.7.6, 10.0.0.1", Some("9.8.7.6")),
            ("x-forwarded-for", "9.8.7.6:4711", Some("9.8.7.6")),
            ("x-forwarded-for", "[2a00::1]:80,2001:db8::5", Some("2a00::1")),
            ("x-forwarded-for", "9.8.7.6, unknown", None),
            ("x-forwarded-for", "10.0.0.1", None),
            ("forwarded", "for=1.2.3.4, For=\"[2a00::1]:4711\";proto=https;by=10.0.0.1", Some("2a00::1")),
            ("forwarded", "proto=https", None),
            ("x-real-ip", "9.8.7.6", None),
        ] {
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
            assert_eq!(proxies.client(&headers), client.map(address), "{name}: {value}");
        }
    }

    #[test]
    fn loopback_and_private_addresses_are_not_public() {
        for one in ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.9", "100.64.0.1", "::1", "fd00::1", "fe80::1"] {
            assert!(!is_public(address(one)), "{one}");
        }
        for one in ["8.8.8.8", "2a00:1450::1", "::ffff:8.8.8.8"] {
            assert!(is_public(address(one)), "{one}");
        }
    }
}
