//! Where the server may connect to on somebody's behalf: the addresses of URLs that a person named, judged when they
//! are named and once more when they are connected to. It knows nothing of what is sent there.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::Url;

use crate::config::Webhooks;

/// Bytes of a URL, at most.
const MAX_URL_BYTES: usize = 2048;
/// The ports of targets on the internet.
const PUBLIC_PORTS: [u16; 2] = [443, 8443];
/// How long a name service may take while a URL is only judged.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(3);

/// What the server may connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EgressPolicy {
    /// The internet, by `https` on the ports 443 and 8443.
    Public,
    /// Also loopback and private networks, `http`, and any port.
    Private,
}

/// Private networks and loopback: allowed by [`EgressPolicy::Private`] only.
const PRIVATE_V4: [(Ipv4Addr, u32); 5] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
];

/// Networks that no webhook may go to: this host, link-local with the clouds' metadata, protocol assignments,
/// documentation, benchmarks, relays, multicast and what is reserved; and metadata services that stand elsewhere.
const NEVER_V4: [(Ipv4Addr, u32); 12] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 100, 100, 200), 32),
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The one part of IPv6 that is the internet …
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// … but for protocol assignments with Teredo, documentation and 6to4, which lead elsewhere or nowhere.
const NEVER_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];
const PRIVATE_V6: [(Ipv6Addr, u32); 2] = [(Ipv6Addr::LOCALHOST, 128), (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7)];
/// A metadata service within the private addresses.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
/// The prefix behind which NAT64 puts an IPv4 address.
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

impl EgressPolicy {
    /// The policy that the settings ask for.
    pub fn of(settings: &Webhooks) -> Self {
        if settings.allow_private_targets { EgressPolicy::Private } else { EgressPolicy::Public }
    }

    /// Whether an address may be connected to. An IPv4 address that an IPv6 address embeds is judged as what it is.
    pub fn allows(self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.allows_v4(address),
            IpAddr::V6(address) => match embedded(address) {
                Some(inner) => self.allows_v4(inner),
                None => self.allows_v6(address),
            },
        }
    }

    fn allows_v4(self, address: Ipv4Addr) -> bool {
        let among = |nets: &[(Ipv4Addr, u32)]| {
            nets.iter().any(|(net, bits)| (address.to_bits() ^ net.to_bits()).leading_zeros() >= *bits)
        };
        !among(&NEVER_V4) && (self == EgressPolicy::Private || !among(&PRIVATE_V4))
    }

    fn allows_v6(self, address: Ipv6Addr) -> bool {
        let among = |nets: &[(Ipv6Addr, u32)]| nets.iter().any(|net| is_in(address, *net));
        let private = among(&PRIVATE_V6) && address != METADATA_V6;
        (is_in(address, GLOBAL_V6) && !among(&NEVER_V6)) || (self == EgressPolicy::Private && private)
    }

    /// Parses a URL that a person named, and judges it as far as that can be done without a name service.
    ///
    /// # Errors
    /// The sentence that says what it must be.
    pub fn check(self, text: &str) -> Result<Url, &'static str> {
        let url = (text.len() <= MAX_URL_BYTES).then(|| Url::parse(text).ok()).flatten();
        let url = url.filter(|url| url.host_str().is_some_and(|host| !host.is_empty()));
        let url = url.ok_or("The URL is not valid")?;
        match (url.scheme(), self) {
            ("https", _) | ("http", EgressPolicy::Private) => {}
            (_, EgressPolicy::Private) => return Err("The URL must begin with https:// or http://"),
            (_, EgressPolicy::Public) => return Err("The URL must begin with https://"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("The URL must not hold a user name or a password");
        }
        if self == EgressPolicy::Public && !url.port_or_known_default().is_some_and(|port| PUBLIC_PORTS.contains(&port))
        {
            return Err("The URL must have the port 443 or 8443");
        }
        match literal(&url) {
            Some(address) if !self.allows(address) => Err(ADDRESS_NOT_ALLOWED),
            None if self == EgressPolicy::Public && is_local(&url) => Err(ADDRESS_NOT_ALLOWED),
            _ => Ok(url),
        }
    }

    /// As [`EgressPolicy::check`], and what the name resolves to now. A name that cannot be resolved passes: the client
    /// judges it again at every connection.
    ///
    /// # Errors
    /// As [`EgressPolicy::check`].
    pub async fn check_resolved(self, text: &str) -> Result<Url, &'static str> {
        let url = self.check(text)?;
        if let (None, Some(host)) = (literal(&url), url.host_str()) {
            let found = tokio::time::timeout(RESOLVE_TIMEOUT, self.resolve(host)).await;
            if let Ok(Err(cause)) = found
                && cause.kind() == io::ErrorKind::PermissionDenied
            {
                return Err(ADDRESS_NOT_ALLOWED);
            }
        }
        Ok(url)
    }

    /// The addresses of a name that may be connected to, with port 0.
    ///
    /// # Errors
    /// `PermissionDenied` where it has addresses and none may be connected to; else what the name service says.
    pub async fn resolve(self, host: &str) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
        let allowed: Vec<SocketAddr> = found.iter().copied().filter(|found| self.allows(found.ip())).collect();
        match allowed.is_empty() && !found.is_empty() {
            true => Err(io::Error::new(io::ErrorKind::PermissionDenied, ADDRESS_NOT_ALLOWED)),
            false => Ok(allowed),
        }
    }
}

/// What is said of an address that may not be connected to.
pub const ADDRESS_NOT_ALLOWED: &str = "The URL leads to an address that is not allowed";

/// The address that a URL holds instead of a name. The parser has read every spelling of one (`0x7f.1`, `2130706433`).
pub fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Names that mean this host or its network whatever a name service says.
fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    let last = host.rsplit('.').next().unwrap_or_default();
    !host.contains('.') || ["localhost", "local", "internal"].contains(&last)
}

fn is_in(address: Ipv6Addr, (net, bits): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ net.to_bits()).leading_zeros() >= bits
}

/// The IPv4 address inside of a mapped or translated one.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = address.octets();
    let mapped = address.to_ipv4_mapped();
    mapped.or(is_in(address, NAT64).then_some(Ipv4Addr::new(a, b, c, d)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Never to be reached, whatever the settings say.
    const NEVER: [&str; 34] = [
        "https://0.0.0.0/",
        "https://0/",
        "https://169.254.169.254/latest/meta-data",
        "https://0xa9fea9fe/",
        "https://168.63.129.16/",
        "https://100.100.100.200/",
        "https://192.0.0.192/",
        "https://192.0.2.1/",
        "https://192.88.99.1/",
        "https://198.18.0.1/",
        "https://198.51.100.7/",
        "https://203.0.113.9/",
        "https://224.0.0.1/",
        "https://240.0.0.1/",
        "https://255.255.255.255/",
        "https://[::]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[::ffff:a9fe:a9fe]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[64:ff9b:1::1]/",
        "https://[100::1]/",
        "https://[2001::1]/",
        "https://[2001:db8::1]/",
        "https://[2002:7f00:1::]/",
        "https://[3fff::1]/",
        "https://[fe80::1]/",
        "https://[fec0::1]/",
        "https://[ff02::1]/",
        "https://[fd00:ec2::254]/",
        "https://[::127.0.0.1]/",
        "https://user:pass@example.org/",
        "https://user@example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
    ];

    /// Only where private targets are allowed.
    const PRIVATE: [&str; 28] = [
        "http://127.1",
        "http://0x7f000001",
        "http://2130706433",
        "http://0177.0.0.1",
        "http://localhost",
        "http://localhost.",
        "http://LOCALHOST:8080/hook",
        "https://a.localhost/",
        "https://printer.local/",
        "https://metadata.google.internal/",
        "https://intranet/",
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://１２７.0.0.1/",
        "https://10.1.2.3/",
        "https://100.64.0.1/",
        "https://172.16.0.1/",
        "https://172.31.255.255/",
        "https://192.168.1.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::10.0.0.1]/",
        "https://[fc00::1]/",
        "https://[fd12:3456::1]/",
        "http://example.org/",
        "https://example.org:22/",
        "https://8.8.8.8:8080/",
    ];

    const PUBLIC: [&str; 10] = [
        "https://example.org/hook?a=b",
        "https://example.org:8443/",
        "https://bücher.example/",
        "https://xn--bcher-kva.example/",
        "https://8.8.8.8/",
        "https://172.32.0.1/",
        "https://100.128.0.1/",
        "https://[2606:4700::1111]/",
        "https://[::ffff:8.8.8.8]/",
        "https://[64:ff9b::8.8.8.8]/",
    ];

    #[test]
    fn only_the_internet_is_reached_unless_private_targets_are_allowed() {
        for url in NEVER {
            assert!(EgressPolicy::Public.check(url).is_err(), "{url}");
            assert!(EgressPolicy::Private.check(url).is_err(), "{url}");
        }
        for url in PRIVATE {
            assert!(EgressPolicy::Public.check(url).is_err(), "{url}");
            assert!(EgressPolicy::Private.check(url).is_ok(), "{url}: {:?}", EgressPolicy::Private.check(url));
        }
        for url in PUBLIC {
            assert!(EgressPolicy::Public.check(url).is_ok(), "{url}: {:?}", EgressPolicy::Public.check(url));
            assert!(EgressPolicy::Private.check(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        let long = format!("https://example.org/{}", "a".repeat(MAX_URL_BYTES));
        for url in ["", "example.org", "//example.org", "https://", "https:///", "https://a b/", "https://[::1", &long]
        {
            assert!(EgressPolicy::Private.check(url).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_its_addresses() {
        assert_eq!(
            EgressPolicy::Public.resolve("localhost").await.unwrap_err().kind(),
            io::ErrorKind::PermissionDenied
        );
        assert!(!EgressPolicy::Private.resolve("localhost").await.unwrap().is_empty());
    }
}
