//! What the doors share at their edge: how failures look, what is accepted, how bodies and query strings are read, whose pages
//! may call, which token they bring and what they hold already, the files of pages, what holds of all that is described, whom a
//! request comes from, by which id it is found in the log, what the access log is told of it, and how one is passed on. It knows nothing of what is asked.

pub mod accept;
pub mod access;
pub mod assets;
pub mod authorization;
pub mod body;
pub mod described;
pub mod error;
pub mod etag;
pub mod forward;
pub mod origin;
pub mod peer;
pub mod query;
pub mod request_id;
