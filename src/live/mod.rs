//! Who is listening: the hub keeps connections and routes what happened to them, each connection has a bounded feed
//! and turns to the log when it falls behind. Nothing here knows what a connection speaks.

mod backlog;
mod dispatch;
mod feed;
mod hub;
mod listener;

pub use backlog::Backlog;
pub use dispatch::dispatch;
pub use hub::Hub;
pub use listener::Listener;

use crate::chat::event::Topic;

/// Which topics wake a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interest(u8);

/// Beside the bits of the topics.
const OWN_VIEWS: u8 = 1 << 7;

impl Interest {
    pub const NOTHING: Self = Self(0);

    pub fn with(self, topic: Topic) -> Self {
        Self(self.0 | 1 << topic as u8)
    }

    /// That of somebody who is shown changed conversations as their own.
    pub fn with_own_views(self) -> Self {
        Self(self.0 | OWN_VIEWS)
    }

    pub fn has_own_views(self) -> bool {
        self.0 & OWN_VIEWS != 0
    }

    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn covers(self, topic: Topic) -> bool {
        self.0 & 1 << topic as u8 != 0
    }
}

impl FromIterator<Topic> for Interest {
    fn from_iter<T: IntoIterator<Item = Topic>>(topics: T) -> Self {
        topics.into_iter().fold(Self::NOTHING, Self::with)
    }
}
