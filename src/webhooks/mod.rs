//! Webhooks: who wants to be told of what, and the outbox that every change is written to in its own transaction.
//! Only administrators see any of it. How a delivery is sent is not known here.

mod body;
mod client;
mod deliveries;
pub mod egress;
mod enabled_endpoints;
mod endpoints;
mod event_names;
mod links;
mod outbox;
mod prune;
mod queue;
mod retry;
pub mod settings;
mod signature;
pub mod worker;

pub use deliveries::{Delivery, Replay, deliveries, replay};
pub use enabled_endpoints::EnabledEndpoints;
pub use endpoints::{Endpoint, EndpointChange, EndpointInput, create, delete, endpoints, rotate, send_test, update};
pub use outbox::outbox;
