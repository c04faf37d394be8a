//! The stored rows, one table a file, and the enums that their columns hold. They know nothing but their columns:
//! keys, checks and triggers stand in the `migration` crate, and what a row means is said in `chat`.

pub mod attachment;
pub mod clock;
pub mod conversation;
pub mod event;
pub mod file;
pub mod log_state;
pub mod message;
pub mod participant;
pub mod presence;
pub mod reaction;
pub mod read_receipt;
pub mod typing;
pub mod user;
pub mod webhook_delivery;
pub mod webhook_endpoint;
