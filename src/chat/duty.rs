//! Work that one node does for all of them.

use tokio::time::Instant;

use crate::chat::Chat;
use crate::chat::notes::Note;
use crate::cluster::leases;

/// What is done by one node at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Forgetting old events and old counts.
    Prune,
    /// Removing the bytes of deleted files.
    Sweep,
    /// Tidying up closed groups.
    Tidy,
    /// Carrying activity to the lists of conversations.
    Carry,
    /// Writing the words of names that lack them.
    Names,
    /// Telling who is gone: nodes that have ended, and signs of life.
    Bury,
}

impl Duty {
    fn name(self) -> &'static str {
        match self {
            Duty::Prune => "prune",
            Duty::Sweep => "files",
            Duty::Tidy => "tidy",
            Duty::Carry => "activity",
            Duty::Names => "names",
            Duty::Bury => "nodes",
        }
    }
}

/// Whether it is this node that does it. A server on SQLite does everything.
pub(crate) async fn is_mine(chat: &Chat, duty: Duty) -> bool {
    if !chat.store.has_aside() || chat.leases.is_held(duty.name()) {
        return true;
    }
    let (asked, node) = (Instant::now(), chat.cluster.me().clone());
    let taken = chat.note(async move |note: &mut Note<'_>| Ok(leases::take(note.tx, duty.name(), &node).await?)).await;
    let held = taken.unwrap_or(false);
    chat.leases.note(duty.name(), held, asked);
    held
}
