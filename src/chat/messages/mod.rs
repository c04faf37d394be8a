//! Messages: sending, reading, editing and deleting them. What everybody sees of one is in [`crate::chat::views::message`].

mod attached;
mod change;
mod find;
mod read;
pub mod send;

pub use attached::with_files;
pub use change::{delete, edit};
pub(crate) use find::{find, find_many, must_not_be_deleted, not_found};
pub use read::{attachment, get, latest, many, must_be_of, page, replies, thread};
pub use send::draft::SendMessage;
pub(crate) use send::draft::check_metadata;
pub use send::{apply, apply_at_once, send};

pub use crate::chat::views::message::Message;
