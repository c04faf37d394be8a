//! What reads bytes of strangers, each with what it promises of them: a function that takes any bytes and panics where a
//! promise is broken. `fuzz/` throws bytes at them, a test those that are kept in `fuzz/corpus`. Beyond tests and that, none
//! of it is built.

mod addresses;
mod cursors;
mod files;
mod graphql;
mod input;
mod runtime;
mod sockets;
mod stomp;
#[cfg(test)]
mod tests;
mod texts;
mod tokens;

pub use addresses::addresses;
pub use cursors::cursors;
pub use files::{content_disposition, file_kinds, multipart};
pub use graphql::graphql_guard;
pub use sockets::{graphql_transport_ws, subscriptions_transport_ws};
pub use stomp::stomp_decoder;
pub use texts::{content, emoji, search_words};
pub use tokens::tokens;

/// Takes any bytes, and panics where a promise is broken.
pub type Target = fn(&[u8]);

/// What bytes are thrown at, by name. Three more stand in `sockjs::fuzz`.
pub const TARGETS: [(&str, Target); 13] = [
    ("addresses", addresses),
    ("content", content),
    ("content_disposition", content_disposition),
    ("cursors", cursors),
    ("emoji", emoji),
    ("file_kinds", file_kinds),
    ("graphql_guard", graphql_guard),
    ("graphql_transport_ws", graphql_transport_ws),
    ("multipart", multipart),
    ("search_words", search_words),
    ("stomp_decoder", stomp_decoder),
    ("subscriptions_transport_ws", subscriptions_transport_ws),
    ("tokens", tokens),
];
