//! What the doors share at their edge: how failures look, how bodies are read, whose pages may call, and whom a request
//! comes from. It knows nothing of what is asked.

pub mod body;
pub mod error;
pub mod origin;
pub mod peer;
