//! The three doors: thin faces of the same functions of the chat. They know no SQL, no rule and no filter, and nothing
//! of one another.

pub mod graphql;
pub mod rest;
pub mod stomp;
