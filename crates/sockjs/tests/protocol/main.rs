//! What must hold of whole sessions, over HTTP and on WebSockets.

mod http;
mod websocket;
