//! The networks of `server.trusted_proxies`: each entry is an address or a network such as `10.0.0.0/8`.

use std::net::IpAddr;

use ipnet::IpNet;

/// Parses the entries; an address is the network of itself alone.
///
/// # Errors
/// The first entry that is neither.
pub fn parse(entries: &[String]) -> Result<Vec<IpNet>, &str> {
    let network = |entry: &String| entry.parse::<IpNet>().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
    entries.iter().map(|entry| network(entry).map_err(|_| entry.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_that_is_no_network_is_named() {
        let entries = ["10.0.0.0/8", "127.0.0.1", "10.0.0.0/33", "home"].map(str::to_owned);
        assert_eq!(parse(&entries[..2]).map(|networks| networks.len()), Ok(2));
        assert_eq!(parse(&entries), Err("10.0.0.0/33"));
    }
}
