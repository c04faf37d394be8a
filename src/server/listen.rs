//! The addresses that a server listens on, found by what the settings say.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context, anyhow, ensure};
use tokio::net::{TcpListener, lookup_host};

use crate::config::Bind;

/// Listens where a setting says. Without a host this is on all addresses, of IPv6 too where the system has it; of the addresses of a name it is
/// the first one that can be listened on, IPv4 before IPv6.
///
/// # Errors
/// A name that is not known, an address that is not this machine's or is taken, a port that may not be used.
pub(super) async fn listen(setting: &str, bind: &Bind) -> anyhow::Result<TcpListener> {
    let addresses = addresses(setting, bind).await?;
    TcpListener::bind(&addresses[..]).await.map_err(|cause| {
        let reason = match cause.kind() {
            ErrorKind::AddrInUse => "another program listens there".to_owned(),
            ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
            ErrorKind::PermissionDenied => "this user may not use the port".to_owned(),
            _ => cause.to_string(),
        };
        anyhow!("{setting}: {bind} cannot be listened on: {reason}")
    })
}

async fn addresses(setting: &str, bind: &Bind) -> anyhow::Result<Vec<SocketAddr>> {
    if bind.host().is_empty() {
        let all = [IpAddr::from(Ipv6Addr::UNSPECIFIED), IpAddr::from(Ipv4Addr::UNSPECIFIED)];
        return Ok(all.map(|address| SocketAddr::new(address, bind.port())).to_vec());
    }
    let unknown = || format!("{setting}: the name {} is not known", bind.host());
    let found = lookup_host((bind.host(), bind.port())).await.ok().with_context(unknown)?;
    let mut found: Vec<SocketAddr> = found.collect();
    ensure!(!found.is_empty(), unknown());
    found.sort_by_key(SocketAddr::is_ipv6);
    Ok(found)
}
