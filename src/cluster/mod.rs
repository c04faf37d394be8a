//! What nodes share, or will: who is connected, and who types. One node keeps it in memory; nothing of it is durable.
//! It knows no rule of chat.

pub mod connections;
pub mod typists;
