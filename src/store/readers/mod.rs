//! Reading: a [`Reader`] runs statements, one at a time, on a connection of the [`ReadPools`]. The room says how much one
//! user may read at once and for how long; it does not know what is read.

mod connection;
mod pool;
mod pools;
mod reader;
mod refusal;
mod running;
mod share;

pub use connection::Source;
pub use pools::ReadPools;
pub use reader::Reader;
pub use share::HeavyReadPermit;

pub(super) use pools::{CONNECT_TIMEOUT, STATEMENT_TIMEOUT};
pub(super) use refusal::ReadRefusal;
