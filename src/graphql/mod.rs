//! graphql
pub mod guard;
mod id;
