//! Bringing a chat in, out and over: records of what there is, who reads them, and who writes them. Everything passes
//! [`record::Record`], so that each source is checked and cleaned by the same importer. It knows no live client: what it writes
//! makes no event, and is written while nobody serves.

pub mod backup;
pub mod export;
pub mod import;
pub mod jsonl;
mod outlet;
pub mod record;
pub mod report;
pub mod spring;
pub mod users;

pub use outlet::{BrokenOff, Entry, Inlet, Outlet, Unfit, channel};
