//! What all clients of a scenario share: who there is, where the server is now, what they were told, and the dice.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::addresses::Addresses;
use super::ledger::Ledger;
use super::stopwatch::Stopwatch;

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
    pub talk: Talk,
    pub ledger: Ledger,
    pub watch: Stopwatch,
    pub sending: CancellationToken,
    pub listening: CancellationToken,
    pub nodes: Addresses,
}

/// How the people of a scenario talk.
#[derive(Clone, Copy)]
pub struct Talk {
    pub senders: usize,
    /// The place of the node at which all of them are at home; else each has its own.
    pub at: Option<usize>,
    /// The names of the listeners, whose doors take turns.
    pub listeners: &'static [&'static str],
    /// Between two messages of a sender.
    pub pause: Duration,
    /// How long a client waits for an answer.
    pub answer: Duration,
    /// Whether every sender repeats what was not acknowledged; else every second one does.
    pub insists: bool,
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
