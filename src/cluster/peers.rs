//! The other nodes: when each was heard last.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::frame::{Frame, News, NodeId};
use super::nodes::Node;

/// A node that was heard so long ago may be there still.
const PEER_LIFETIME: Duration = Duration::from_secs(15);

/// The other nodes of this database, as far as they are known.
#[derive(Default)]
pub(super) struct Peers {
    known: Mutex<HashMap<NodeId, Peer>>,
    /// Somebody is there who does not know of this node yet.
    greeting: Notify,
}

struct Peer {
    /// When it told something last, or was found in the database.
    seen: Instant,
    /// Whether it ever told something.
    was_heard: bool,
    /// Whether it is about to end, as far as is known.
    draining: bool,
}

impl Peer {
    fn new(draining: bool) -> Self {
        Self { seen: Instant::now(), was_heard: false, draining }
    }
}

impl Peers {
    /// Whether there may be any.
    pub fn any(&self) -> bool {
        !self.known.lock().is_empty()
    }

    /// Whether this one may be there.
    pub fn knows(&self, node: &NodeId) -> bool {
        self.known.lock().contains_key(node)
    }

    /// Whether one of them has said nothing for so long.
    pub fn any_silent(&self, time: Duration) -> bool {
        self.known.lock().values().any(|peer| peer.seen.elapsed() > time)
    }

    /// Whether one of them is not about to end.
    pub fn any_stays(&self) -> bool {
        self.known.lock().values().any(|peer| !peer.draining)
    }

    /// A node told something.
    pub fn heard(&self, frame: &Frame) {
        let mut known = self.known.lock();
        let peer = known.entry(frame.node.clone()).or_insert(Peer::new(false));
        peer.seen = Instant::now();
        if let News::Beat { draining, .. } = frame.news {
            peer.draining = draining;
        }
        if !std::mem::replace(&mut peer.was_heard, true) {
            self.greet();
        }
    }

    /// Whether each of them has told something.
    pub fn all_heard(&self) -> bool {
        self.known.lock().values().all(|peer| peer.was_heard)
    }

    /// These are alive by the database, and no others but those who were heard a moment ago.
    pub fn know(&self, alive: &[Node]) {
        let mut known = self.known.lock();
        known.retain(|id, peer| alive.iter().any(|node| node.id == *id) || peer.seen.elapsed() < PEER_LIFETIME);
        for node in alive {
            let peer = known.entry(node.id.clone()).or_insert(Peer::new(node.draining));
            peer.draining |= node.draining;
        }
    }

    /// Others are to be told now that this node is there.
    pub fn greet(&self) {
        self.greeting.notify_one();
    }

    /// Waits until others are to be told so.
    pub async fn greeting(&self) {
        self.greeting.notified().await;
    }
}
