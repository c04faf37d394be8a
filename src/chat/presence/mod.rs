//! Presence: how somebody is, and what they chose to be, which outlives their connections (protocol §4, §12). Who is here
//! is a lease ([`lease`]); who may know is said in [`visibility`].

mod announce;
mod lease;
mod online;
mod restart;
mod set;
mod visibility;

pub use announce::for_listeners;
pub(crate) use lease::sweep;
pub use lease::{PresenceLease, connect, heartbeat};
pub use online::online;
pub(crate) use restart::{leave, resume};
pub use set::{SetPresence, set};
pub use visibility::{of, of_many};

pub use crate::chat::views::presence::Presence;
