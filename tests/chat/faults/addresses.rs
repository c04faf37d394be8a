//! Where the nodes of a scenario are now: a node that was started again is elsewhere.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Clone)]
pub struct Addresses(Arc<Mutex<Vec<SocketAddr>>>);

impl Addresses {
    pub fn new(all: Vec<SocketAddr>) -> Self {
        Self(Arc::new(Mutex::new(all)))
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The node of this place; behind the last one comes the first again.
    pub fn at(&self, place: usize) -> SocketAddr {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all[place % all.len()]
    }

    pub fn moved(&self, place: usize, to: SocketAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[place] = to;
    }
}
