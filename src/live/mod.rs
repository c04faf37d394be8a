//! Live connections: the hub knows them and routes events to them; each connection has a bounded feed, and reads the log
//! when it falls behind. Nothing here knows what a connection speaks.

mod backlog;
mod dispatch;
mod early;
mod feed;
mod gone;
mod hub;
mod latest;
mod listener;
pub mod standings;
mod waking;

pub use backlog::Backlog;
pub use dispatch::dispatch;
pub use hub::Hub;
pub use listener::Listener;

use crate::chat::event::Topic;

/// Which topics wake a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interest(u8);

/// The bit beside those of the topics.
const OWN_VIEWS: u8 = 1 << 7;

impl Interest {
    /// No topic.
    pub const NOTHING: Self = Self(0);

    /// The same, and a topic.
    pub fn with(self, topic: Topic) -> Self {
        Self(self.0 | 1 << topic as u8)
    }

    /// The same, of a viewer who is shown changed conversations as their own.
    pub fn with_own_views(self) -> Self {
        Self(self.0 | OWN_VIEWS)
    }

    /// Whether the viewer is shown changed conversations as their own.
    pub fn has_own_views(self) -> bool {
        self.0 & OWN_VIEWS != 0
    }

    /// The topics of both.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a topic is among them.
    pub fn covers(self, topic: Topic) -> bool {
        self.0 & 1 << topic as u8 != 0
    }
}

impl FromIterator<Topic> for Interest {
    fn from_iter<T: IntoIterator<Item = Topic>>(topics: T) -> Self {
        topics.into_iter().fold(Self::NOTHING, Self::with)
    }
}
