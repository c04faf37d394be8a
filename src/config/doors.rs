//! The doors: who may call, and what a call may ask for.

use serde::{Deserialize, Serialize};

/// The origins of pages from the machine of the browser, on any port.
const LOCAL_PAGES: [&str; 6] = [
    "http://localhost:*",
    "http://127.0.0.1:*",
    "http://[::1]:*",
    "https://localhost:*",
    "https://127.0.0.1:*",
    "https://[::1]:*",
];

/// Which pages of other origins may call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    /// Origins such as `https://chat.example.org`, or of a host on any port, such as `http://localhost:*`; or `*` alone for
    /// all. Empty: the same origin only.
    pub allowed_origins: Vec<String>,
}

impl Cors {
    /// Whether all origins are allowed.
    pub fn any(&self) -> bool {
        self.allowed_origins.iter().any(|origin| origin == "*")
    }

    /// Allows pages that a browser has from its own machine, on any port, besides those that are allowed.
    pub fn allow_local_pages(&mut self) {
        if !self.any() {
            self.allowed_origins.extend(LOCAL_PAGES.map(str::to_owned));
        }
    }
}

/// The STOMP door.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stomp {
    /// Time between heart-beats in milliseconds, in both directions. 0 switches them off.
    pub heartbeat_ms: u32,
}

impl Default for Stomp {
    fn default() -> Self {
        Self { heartbeat_ms: 10_000 }
    }
}

/// The GraphQL door. The limits hold before a document is validated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Graphql {
    /// Whether the schema may be asked for.
    pub introspection: bool,
    /// Whether a browser gets the GraphiQL page.
    pub graphiql: bool,
    /// How deep selections may nest, fragments expanded. The usual introspection query needs 15.
    pub max_depth: usize,
    /// How many fields a document may have, fragments expanded.
    pub max_complexity: usize,
    /// How often one field may be asked for in one place, under whatever aliases, fragments expanded.
    pub max_aliases: usize,
    /// How many operations one batch may have.
    pub max_batch: usize,
    /// How many top-level fields a mutation may have.
    pub max_mutations: usize,
}

impl Default for Graphql {
    fn default() -> Self {
        Self {
            introspection: true,
            graphiql: true,
            max_depth: 16,
            max_complexity: 1_000,
            max_aliases: 20,
            max_batch: 10,
            max_mutations: 10,
        }
    }
}
