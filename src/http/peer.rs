//! Whom a connection or a request comes from, as far as that can be believed, and how much of something one address may
//! hold at once (contract §13). It knows nothing of what is held.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::header::FORWARDED;
use axum::http::{Extensions, HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::webhooks::egress::EgressPolicy;

/// Entries of a list of hops that are looked at, at most: more than any chain of proxies has.
const MAX_HOPS: usize = 32;
static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that a request counts for, in the extensions of a request. There is none where the address says nothing
/// about the client: loopback and private ones are proxies as a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client(pub IpAddr);

/// Whether a connection has said whose it is, in the extensions of its requests. Until then little is kept for it.
#[derive(Debug, Clone, Default)]
pub struct Introduction(Arc<AtomicBool>);

/// Bytes that a socket may have said before it is known whose it is: a token of the longest that is taken (16 KiB), and
/// what stands around it.
pub const MAX_STRANGER_BYTES: usize = 24 * 1024;

impl Introduction {
    /// That of the connection of a request; one that is nobody's where there is none.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// It is known whose the connection is.
    pub fn make(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_made(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The proxies that are believed when they say whom they speak for.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Reads addresses and networks such as `10.0.0.0/8`.
    ///
    /// # Errors
    /// The first entry that is neither.
    pub fn parse(entries: &[String]) -> Result<Self, &str> {
        let network = |entry: &String| entry.parse::<IpNet>().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
        let networks = entries.iter().map(|entry| network(entry).map_err(|_| entry.as_str()));
        networks.collect::<Result<_, _>>().map(Self)
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
pub fn is_public(address: IpAddr) -> bool {
    EgressPolicy::Public.allows(address)
}

/// How much each address may hold at once. An IPv6 address counts by its network of 64 bits, which is one household's.
#[derive(Debug, Clone)]
pub struct Shares {
    most: u32,
    held: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

/// One of the things that an address holds, until it is dropped.
#[derive(Debug)]
pub struct Share {
    address: IpAddr,
    shares: Shares,
}

impl Shares {
    /// Shares of so many each; 0 for any number.
    pub fn new(most: u32) -> Self {
        Self { most, held: Arc::default() }
    }

    /// Takes one more for an address; `None` if it has all that it may.
    pub fn take(&self, address: IpAddr) -> Option<Share> {
        let address = counted(address);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = held.entry(address).or_default();
        if self.most != 0 && *holds >= self.most {
            return None;
        }
        *holds += 1;
        Some(Share { address, shares: self.clone() })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(holds) = held.get_mut(&self.address) {
            *holds -= 1;
            if *holds == 0 {
                held.remove(&self.address);
            }
        }
    }
}

fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (!0 << 64))),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_holds_its_share_and_no_more_and_neighbours_have_theirs() {
        let shares = Shares::new(2);
        let [first, _second] = ["203.0.114.7", "::ffff:203.0.114.7"].map(|one| shares.take(address(one)).unwrap());
        assert!(shares.take(address("203.0.114.7")).is_none());
        assert!(shares.take(address("203.0.114.8")).is_some());
        drop(first);
        assert!(shares.take(address("203.0.114.7")).is_some());
        let _household = ["2a00:1:2:3::1", "2a00:1:2:3:ffff::2"].map(|one| shares.take(address(one)).unwrap());
        assert!(shares.take(address("2a00:1:2:3::4")).is_none());
        assert!(shares.take(address("2a00:1:2:4::1")).is_some());
    }

    #[test]
    fn what_is_given_back_is_forgotten_and_zero_is_no_limit() {
        let shares = Shares::new(0);
        let held: Vec<Share> = (0..5000).map(|_| shares.take(address("203.0.114.7")).unwrap()).collect();
        drop(held);
        assert!(shares.held.lock().unwrap().is_empty());
    }

    #[test]
    fn a_trusted_proxy_speaks_for_the_last_hop_that_is_not_trusted() {
        let entries = ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"].map(str::to_owned);
        let proxies = Proxies::parse(&entries).unwrap();
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
        assert_eq!(Proxies::parse(&["10.0.0.0/33".to_owned()]).unwrap_err(), "10.0.0.0/33");
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
