//! Where a server listens, and where it keeps what it has.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Bind;

/// Where the server listens and keeps what is its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The host and port to listen on.
    pub bind: Bind,
    /// The folder of the database, the files and the generated secret of a server without other settings.
    pub data_dir: PathBuf,
    /// Addresses and networks (`10.0.0.0/8`) of the proxies that are believed when they say whom they speak for, in
    /// `X-Forwarded-For` or `Forwarded`.
    pub trusted_proxies: Vec<String>,
    /// How long a connection may lie idle between two requests, 1 to 3,600 seconds: longer than the usual proxies in front
    /// keep theirs, so that none sends a request on one that is being closed (protocol §13).
    pub keep_alive_seconds: u64,
    /// How long a node that stops takes to leave its clients to the others, 0 to 600 seconds. Alone it stops at once, and
    /// with 0 in any case.
    pub drain_seconds: u64,
    /// The address that clients know this server by, such as `https://chat.example.org`, with the path before its own if a
    /// proxy puts one there. Links to files begin with it. Unset: they begin with their path.
    pub public_url: Option<String>,
    /// The file with the certificate that the server shows, and those that it was signed with, in PEM: then it speaks TLS.
    /// Unset: plain HTTP.
    pub tls_cert: Option<PathBuf>,
    /// The file with the private key of that certificate, in PEM.
    pub tls_key: Option<PathBuf>,
    /// An address and port for the metrics and nothing else, in plain HTTP; then they are at no other. Unset: `/metrics` at
    /// the server's own.
    pub metrics_bind: Option<Bind>,
    /// Whether a browser gets pages at `/`, `/chat` and `/docs`.
    pub pages: bool,
    /// Whether `/api/openapi.json`, `/api/asyncapi.json` and the page `/api/docs` are there.
    pub reference: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            bind: Bind::default(),
            data_dir: PathBuf::from("data"),
            trusted_proxies: Vec::new(),
            keep_alive_seconds: 75,
            drain_seconds: 20,
            public_url: None,
            tls_cert: None,
            tls_key: None,
            metrics_bind: None,
            pages: true,
            reference: true,
        }
    }
}

/// Where rows are kept.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite:…` or `postgres://…`. Unset: SQLite in the data folder, see [`Config::database_url`].
    pub url: Option<String>,
    /// A direct `postgres://…` address of the same database for what nodes tell each other, where `database.url` is that of
    /// a pooler, which does not pass it on. Unset: `database.url`.
    pub notify_url: Option<String>,
    /// Connections to PostgreSQL that read, 2 to 200. A node has eight more for writing, for what is beside the log, for what
    /// nodes count together, and for what they tell each other.
    pub connections: u16,
    /// For tests alone, and so in no file: what the database has to do is counted, step by step.
    #[serde(skip)]
    pub count_work: bool,
}

impl Default for Database {
    fn default() -> Self {
        Self { url: None, notify_url: None, connections: 8, count_work: false }
    }
}

/// How nodes hear of each other faster than through PostgreSQL (protocol §14).
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Broker {
    /// `redis://…`, `rediss://…`, `amqp://…` or `amqps://…`. Unset: PostgreSQL carries what nodes tell each other.
    pub url: Option<String>,
}

/// This node among others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cluster {
    /// What operators read. Unset: the host and the port.
    pub name: Option<String>,
    /// `http://…` under which other nodes reach this one, for requests of SockJS over HTTP whose session is here. Unset: the
    /// balancer sends them here.
    pub address: Option<String>,
}

/// Where the bytes of files are kept.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// `file:…` or `s3://bucket/prefix`. Unset: a folder in the data folder, see [`Config::storage_url`].
    pub url: Option<String>,
    /// Address of an S3 service other than Amazon's.
    pub endpoint: Option<String>,
    /// Region of the bucket.
    pub region: Option<String>,
}
