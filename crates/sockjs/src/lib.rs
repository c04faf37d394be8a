//! A SockJS server for axum: sessions over WebSocket, and over plain HTTP where a WebSocket cannot be had.
//! Start at [`router`]: a request goes through `route` to `page`, `receive`, `send` or `upgrade`. What a session is to
//! the application stands in `session`; a session is carried by `websocket` or by `http_session`.
//! This crate does not know what is said in a session, nor who says it.

#![doc = include_str!("../README.md")]

#[cfg(feature = "benchmarks")]
pub mod benchmarks;
mod buffers;
mod close;
mod cookie;
mod decoder;
mod encoder;
mod endpoint;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod handshake;
mod head;
mod http_session;
mod liveness;
mod mask;
mod message;
mod message_array;
mod options;
mod origin;
mod page;
mod parting;
mod receive;
mod registry;
mod reply;
mod resource;
mod route;
mod send;
mod session;
mod stream;
mod text;
mod transport;
mod upgrade;
mod utf8;
mod websocket;

pub use handshake::{WebSocketUpgrade, WebSocketUpgradeRejection};
pub use message::{Closed, Message};
pub use options::{Admission, Admit, Ask, Elsewhere, Identify, Options, Settle};
pub use origin::Origins;
pub use route::router;
pub use session::{Control, Opening, Session};
pub use text::Text;
pub use transport::Transport;
pub use upgrade::accept;
