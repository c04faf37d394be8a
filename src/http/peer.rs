//! Whom a connection or a request comes from, as far as that can be believed, and how much of something one address may
//! hold at once (protocol §13). It knows nothing of what is held.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::Extensions;
use parking_lot::Mutex;

/// The address that a request counts for, in the extensions of a request. There is none where the address says nothing
/// about the client: loopback and private ones are proxies as a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client(pub IpAddr);

/// The address at the other end of a connection, a proxy's perhaps, in the extensions of its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

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

/// How much each address may hold at once. An IPv6 address counts by its network of 64 bits, which is one household's.
#[derive(Debug, Clone)]
pub struct AddressShares {
    most: u32,
    held: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

/// One of the things that an address holds, until it is dropped.
#[derive(Debug)]
pub struct AddressShare {
    address: IpAddr,
    shares: AddressShares,
}

impl AddressShares {
    /// Shares of so many each; 0 for any number.
    pub fn new(most: u32) -> Self {
        Self { most, held: Arc::default() }
    }

    /// Takes one more for an address; `None` if it has all that it may.
    pub fn take(&self, address: IpAddr) -> Option<AddressShare> {
        let address = counted(address);
        let mut held = self.held.lock();
        let holds = held.entry(address).or_default();
        if self.most != 0 && *holds >= self.most {
            return None;
        }
        *holds += 1;
        Some(AddressShare { address, shares: self.clone() })
    }
}

impl Drop for AddressShare {
    fn drop(&mut self) {
        let mut held = self.shares.held.lock();
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

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_holds_its_share_and_no_more_and_neighbours_have_theirs() {
        let shares = AddressShares::new(2);
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
        let shares = AddressShares::new(0);
        let held: Vec<AddressShare> = (0..5000).map(|_| shares.take(address("203.0.114.7")).unwrap()).collect();
        drop(held);
        assert!(shares.held.lock().is_empty());
    }
}
