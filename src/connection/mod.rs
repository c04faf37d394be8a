//! The discipline of every long connection, whatever it speaks and whatever carries it: deadlines, drain and flush, a
//! bound on how much is answered at once, and a goodbye when the server stops.

mod desk;
pub mod endings;
mod log;
mod protocol;
mod run;
pub mod websocket;
mod wire;

pub use desk::tell_in_place;
pub use log::SessionLog;
pub use protocol::{Goodbye, Protocol, Step};
pub use run::{is_enough, run};
pub use sockjs::Message;
pub use wire::{Gone, Wire};
