//! Presence: how somebody is, and what they chose to be, which outlives their connections (protocol §4, §12). Who is here
//! is connected to a node ([`attendance`]), or was a moment ago ([`leases`]); who may know is said in [`visibility`].

mod announce;
mod attendance;
mod keeper;
mod leases;
mod online;
mod set;
mod visibility;

pub use announce::for_listeners;
pub(crate) use keeper::{all_nodes, keep, leave, live, other_nodes, register};
pub(crate) use leases::too_many_connections;
pub use leases::{PresenceLease, connect, heartbeat};
pub use online::online;
pub use set::{SetPresence, set};
pub use visibility::{by_ids, of, of_many};

pub use crate::chat::views::presence::Presence;
