//! Counts that nobody has to count: numbers that messages are given inside their conversation, what is kept beside them,
//! and how what is unread follows from those. It knows no view and no event.

mod deletions;
mod numbers;
mod unread;

pub(crate) use deletions::record_deletion;
pub(crate) use numbers::{Numbers, Place, own_messages, place_of};
pub(crate) use unread::{miscounted, unread_in, unread_of};
