//! Where webhooks may go, judged once more by the registries of the addresses that have a purpose of their own (RFC 6890 and
//! what IANA has added).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::webhooks::egress::EgressPolicy;

/// Without private targets an address is reached if it is one of the internet's, and with them also what is private, but
/// never a service that hands out secrets of this machine. A URL that passes leads to no other address, and passes as it is
/// written anew.
pub fn addresses(data: &[u8]) {
    if let Some(octets) = data.first_chunk::<4>() {
        let address = Ipv4Addr::from(*octets);
        let [a, b, c, d] = *octets;
        assert_judged(IpAddr::V4(address));
        assert_judged(IpAddr::V6(address.to_ipv6_mapped()));
        assert_judged(IpAddr::V6(Ipv6Addr::from([0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d])));
    }
    if let Some(octets) = data.first_chunk::<16>() {
        assert_judged(IpAddr::V6(Ipv6Addr::from(*octets)));
    }
    if let Ok(text) = str::from_utf8(data) {
        assert_leads_out(text);
        assert_leads_out(&format!("https://{text}/"));
    }
}

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Internet,
    Private,
    Other,
}

fn assert_judged(address: IpAddr) {
    let purpose = purpose(address);
    assert_eq!(EgressPolicy::Public.allows(address), purpose == Purpose::Internet, "{address}");
    assert_eq!(EgressPolicy::Private.allows(address), purpose != Purpose::Other, "{address}");
}

fn purpose(address: IpAddr) -> Purpose {
    match address {
        IpAddr::V4(address) => purpose_of_v4(address.octets()),
        IpAddr::V6(address) => match address.segments() {
            // Another name of an IPv4 address: mapped, and translated.
            [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
                purpose_of_v4([a, b, c, d])
            }
            // Metadata of Amazon's machines.
            [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => Purpose::Other,
            [0, 0, 0, 0, 0, 0, 0, 1] | [0xfc00..=0xfdff, ..] => Purpose::Private,
            // Protocols (Teredo, ORCHID, benchmarks), documentation, 6to4, documentation.
            [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => Purpose::Other,
            [0x2000..=0x3fff, ..] => Purpose::Internet,
            _ => Purpose::Other,
        },
    }
}

fn purpose_of_v4(octets: [u8; 4]) -> Purpose {
    match octets {
        // Metadata of the machines of Alibaba and Microsoft.
        [100, 100, 100, 200] | [168, 63, 129, 16] => Purpose::Other,
        [10 | 127, ..] | [100, 64..=127, ..] | [172, 16..=31, ..] | [192, 168, ..] => Purpose::Private,
        // This network, link-local, protocols, documentation, 6to4 relays, benchmarks, multicast, the future, broadcast.
        [0, ..] | [169, 254, ..] | [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Purpose::Other,
        [192, 88, 99, _] | [198, 18 | 19, ..] | [224..=255, ..] => Purpose::Other,
        _ => Purpose::Internet,
    }
}

fn assert_leads_out(text: &str) {
    for policy in [EgressPolicy::Public, EgressPolicy::Private] {
        let Ok(url) = policy.check(text) else { continue };
        assert!(url.username().is_empty() && url.password().is_none(), "{url}");
        assert_eq!(policy.check(url.as_str()).as_ref(), Ok(&url));
        let host = url.host_str().unwrap_or_default();
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        let purpose = address.map_or(Purpose::Internet, purpose);
        match policy {
            EgressPolicy::Public => {
                assert!(url.scheme() == "https" && matches!(url.port(), None | Some(8443)), "{url}");
                assert!(purpose == Purpose::Internet && host.contains('.') | host.contains(':'), "{url}");
                // What ends in a number is an address, and was read as one.
                let last = host.strip_suffix('.').unwrap_or(host).rsplit('.').next().unwrap_or_default();
                let is_number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
                assert!(address.is_some() || !is_number, "{url}");
            }
            EgressPolicy::Private => assert!(purpose != Purpose::Other && url.scheme().starts_with("http"), "{url}"),
        }
    }
}
