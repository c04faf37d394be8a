//! What must hold of whole sessions, over HTTP and on WebSockets.

// The helpers are tests, too.
#![allow(clippy::unwrap_used)]

mod http;
mod websocket;
