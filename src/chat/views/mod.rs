//! What people see, and how stored rows become it: completely, and in a constant number of statements. One struct for each
//! visible thing, with the fields of its payload in their order (protocol §3). Views know no rule: who may see one is
//! decided before.

pub mod announcement;
pub mod conversation;
pub mod file;
pub mod message;
pub mod participant;
pub mod permissions;
pub mod presence;
pub mod reaction;
pub mod receipt;
pub mod renewal;
pub mod shared;
pub mod typing;
pub mod user;
