//! confab.
pub mod access;
pub mod auth;
pub mod chat;
pub mod config;
pub mod entity;
pub mod error;
pub mod event;
pub mod id;
pub mod limit;
pub mod log;
pub mod page;
pub mod store;
pub mod text;
pub mod graphql;
