//! The slots of a node: how many connections it has at once, and how many of them one address (protocol §10, §13).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::holding::until_sent;
use super::proxies::{Proxies, is_public};
use crate::config::{Config, networks};
use crate::http::peer::{AddressShare, AddressShares, Client, Introduction, Peer};
use crate::telemetry::{self, TransportGauge};

/// What is left of the slots of a node.
pub(super) struct Slots {
    all: Arc<Semaphore>,
    shares: AddressShares,
    proxies: Proxies,
}

/// The slot of one connection, until it is dropped.
pub(super) struct ConnectionSlot {
    _one_of_all: OwnedSemaphorePermit,
    _counted: TransportGauge,
    owner: Arc<SlotOwner>,
}

/// For whom a connection has its slot.
pub(super) struct SlotOwner {
    shares: AddressShares,
    /// The proxies that are trusted, if the connection comes from one of them.
    proxies: Option<Proxies>,
    client: Option<Client>,
    pub peer: Peer,
    pub introduction: Introduction,
    is_socket: AtomicBool,
    /// What the connection holds of its address's share: from the beginning, or since a proxied one became a socket.
    share: Mutex<Option<AddressShare>>,
}

impl Slots {
    pub fn new(config: &Config) -> Self {
        let most = usize::try_from(config.limits.connections).unwrap_or(usize::MAX);
        let most = if most == 0 { Semaphore::MAX_PERMITS } else { most.min(Semaphore::MAX_PERMITS) };
        Self {
            all: Arc::new(Semaphore::new(most)),
            shares: AddressShares::new(config.limits.connections_per_address),
            // An entry that is no network was refused with the settings.
            proxies: Proxies::new(networks::parse(&config.server.trusted_proxies).unwrap_or_default()),
        }
    }

    /// A slot for a connection from this address; `None` if the node or the address has as many as it may.
    pub fn take(&self, peer: IpAddr) -> Option<ConnectionSlot> {
        let Ok(one_of_all) = Arc::clone(&self.all).try_acquire_owned() else {
            telemetry::limit_hit("connections");
            return None;
        };
        let is_proxy = self.proxies.trust(peer);
        let is_client = !is_proxy && is_public(peer);
        let share = if is_client { Some(take_share(&self.shares, peer)?) } else { None };
        let owner = SlotOwner {
            shares: self.shares.clone(),
            proxies: is_proxy.then(|| self.proxies.clone()),
            client: is_client.then_some(Client(peer)),
            peer: Peer(peer),
            introduction: Introduction::default(),
            is_socket: AtomicBool::new(false),
            share: Mutex::new(share),
        };
        Some(ConnectionSlot { _one_of_all: one_of_all, _counted: TransportGauge::new(), owner: Arc::new(owner) })
    }
}

fn take_share(shares: &AddressShares, address: IpAddr) -> Option<AddressShare> {
    let share = shares.take(address);
    if share.is_none() {
        telemetry::limit_hit("connections_per_address");
    }
    share
}

impl ConnectionSlot {
    pub fn owner(&self) -> Arc<SlotOwner> {
        Arc::clone(&self.owner)
    }
}

/// Somebody has all that their address may have.
pub(super) struct AddressIsFull;

impl SlotOwner {
    /// Whom a request with these headers counts for, and what it holds until it is answered: only a proxied one holds
    /// something of its own.
    ///
    /// # Errors
    /// [`AddressIsFull`] for a proxied request too many.
    pub fn admit(&self, headers: &HeaderMap) -> Result<(Option<Client>, Option<AddressShare>), AddressIsFull> {
        let Some(proxies) = &self.proxies else { return Ok((self.client, None)) };
        let Some(address) = proxies.client(headers) else { return Ok((None, None)) };
        let share = take_share(&self.shares, address).ok_or(AddressIsFull)?;
        Ok((Some(Client(address)), Some(share)))
    }

    /// Whether the connection has become a socket.
    pub fn is_socket(&self) -> bool {
        self.is_socket.load(Ordering::Relaxed)
    }

    /// Whether the connection has become a socket and has not said whose it is.
    pub fn is_anonymous_socket(&self) -> bool {
        self.is_socket() && !self.introduction.is_made()
    }

    /// Lets a share go with the response that it was taken for: with its last byte, or with the socket that it opens.
    pub fn hold(&self, share: Option<AddressShare>, response: Response<Body>) -> Response<Body> {
        let becomes_socket = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if becomes_socket {
            self.is_socket.store(true, Ordering::Relaxed);
        }
        let Some(share) = share else { return response };
        if becomes_socket {
            *self.share.lock() = Some(share);
            return response;
        }
        until_sent(response, share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_has_its_share_of_the_places_and_private_ones_are_not_counted() {
        let mut config = Config::default();
        config.limits.connections = 8;
        config.limits.connections_per_address = 2;
        config.server.trusted_proxies = vec!["9.9.9.9".to_owned()];
        let slots = Slots::new(&config);
        let take = |text: &str| slots.take(text.parse().unwrap());
        let stranger = [take("8.8.8.8"), take("8.8.8.8")];
        assert!(stranger.iter().all(Option::is_some) && take("8.8.8.8").is_none());
        let others = ["8.8.4.4", "10.0.0.1", "10.0.0.1", "10.0.0.1", "9.9.9.9", "9.9.9.9"].map(take);
        assert!(others.iter().all(Option::is_some));
        assert!(take("8.8.4.5").is_none(), "the node is full");
        drop(stranger);
        assert!(take("8.8.8.8").is_some(), "the slots were given back");
    }
}
