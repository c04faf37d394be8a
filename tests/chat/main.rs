//! The one integration binary. Every test runs the real server on a port and a database of its own and talks to it
//! over real sockets: SQLite by default, PostgreSQL with `CONFAB_TEST_DATABASE=postgres://…`.

// The helpers are tests, too.
#![allow(clippy::unwrap_used)]

mod balancer;
mod cable;
mod payload;
mod person;
mod process;
mod receiver;
mod server;
mod sockets;
mod sockjs_receiver;
mod stomp_client;
mod uploads;
mod watchdog;

mod attendance;
mod browsers;
mod budget;
mod bulk;
mod canary;
mod catchup;
mod cluster;
mod connections;
mod crowds;
mod cut_off;
mod dialects;
mod differential;
mod doctor;
mod doors;
mod engine;
mod external_ids;
mod faults;
mod file_kinds;
mod file_links;
mod files;
mod front_ends;
mod graphql_fields;
mod graphql_guard;
mod graphql_http;
mod graphql_socket;
mod hostile;
mod imports;
mod in_front;
mod interrupted;
mod leaving_spring;
mod lists;
mod live;
mod live_cost;
mod logs;
mod matrix;
mod metrics;
mod model;
mod moving;
mod multipart;
mod nodes;
mod nodes_sockjs;
mod operation;
mod pages;
mod parity;
mod people;
mod readers;
mod reference;
mod reference_documents;
mod renewal;
mod rest_bad_input;
mod rules;
mod sanctions;
mod schema_words;
mod search;
mod sockjs_door;
mod spring;
mod stalled;
mod stomp_chat;
mod stomp_connect;
mod stomp_frames;
mod stomp_queues;
mod tidy;
mod times;
mod traces;
mod user_import;
mod webhooks;
mod websocket_frames;
mod whole_schema;
mod work;

mod command_line;
mod identity;
mod manual;

/// The present, for tests that compare it with what the server says.
#[expect(clippy::disallowed_methods, reason = "the tests' own clock")]
fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}
