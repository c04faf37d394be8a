//! The durable log: what happened, by dense positions that grow in the order of commit, and the cursors that clients
//! come back with. What is replayed shows the present.

pub mod append;
pub mod cursor;
pub(crate) mod epoch;
pub(crate) mod head;
mod prune;
mod replay;

pub use cursor::{Cursor, Epoch, Head};
pub(crate) use prune::prune;
pub(crate) use replay::changed_since;
pub use replay::{LogPage, current_head, head, replay, since};
