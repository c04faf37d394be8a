//! What all clients of a scenario share: who there is, where the server is now, what they were told, and the dice.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::ledger::Ledger;

/// Somebody who is in every conversation.
#[derive(Clone)]
pub struct Citizen {
    pub token: String,
}

pub struct Town {
    pub people: Vec<Citizen>,
    pub conversations: Vec<i64>,
    /// The cursor before the first message.
    pub start: String,
    /// Characters behind the first word of each message.
    pub padding: usize,
    pub ledger: Ledger,
    pub sending: CancellationToken,
    pub listening: CancellationToken,
    pub address: Mutex<SocketAddr>,
}

impl Town {
    pub fn address(&self) -> SocketAddr {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn moved_to(&self, address: SocketAddr) {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }
}

/// A throw is decided by the seed, so that a story can be told again as far as the machine lets it.
#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    /// The seed of `CONFAB_FAULTS_SEED`, else a new one.
    pub fn new() -> Self {
        let chosen = std::env::var("CONFAB_FAULTS_SEED").ok().and_then(|seed| seed.parse().ok());
        Self(chosen.unwrap_or_else(|| u64::from(uuid::Uuid::new_v4().as_fields().0)))
    }

    pub fn seed(&self) -> u64 {
        self.0
    }

    /// From 0 to `most - 1`.
    pub fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> 33) as usize % most
    }
}
