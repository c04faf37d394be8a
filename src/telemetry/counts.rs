//! What is counted and measured, each as one function for whoever does it. It knows names and labels, and nothing of why.

use std::time::Duration;

use metrics::{Counter, Gauge, counter, gauge, histogram};

use super::catalog::{
    ATTEMPTS, BACKPLANE_UP, BATCH, BEHIND, BUILD, COMMIT, CONNECTIONS, DATABASE, DELIVERIES, ERRORS, FORWARDED,
    FRAME_DELAY, FRAMES, FRAMES_DROPPED, FRAMES_IGNORED, HOLES, HUB_LAG_EVENTS, HUB_LAG_SECONDS, LIMITS, MESSAGES,
    NODES, OUTBOX, READ_WAIT, REQUESTS, SIGN_INS, TOKENS_REFUSED, TRANSPORTS, WAITING,
};

/// The server of this version runs upon this kind of database.
pub fn build(version: &'static str, database: &'static str) {
    gauge!(BUILD, "version" => version, "database" => database).set(1.0);
}

/// A connection that listens, until it is dropped. It looks its metrics up once, and not with each delivery.
pub struct ConnectionGauge {
    connections: Gauge,
    deliveries: Counter,
}

impl ConnectionGauge {
    /// A connection of the door of this name.
    pub fn to(door: &'static str) -> Self {
        let connections = gauge!(CONNECTIONS, "door" => door);
        connections.increment(1.0);
        Self { connections, deliveries: counter!(DELIVERIES, "door" => door) }
    }

    /// It was handed events.
    pub fn delivered(&self, events: usize) {
        self.deliveries.increment(events as u64);
    }
}

impl Drop for ConnectionGauge {
    fn drop(&mut self) {
        self.connections.decrement(1.0);
    }
}

/// A session that is fed from the log, until it is dropped.
#[derive(Debug)]
pub struct BehindGauge(());

impl BehindGauge {
    pub fn new() -> Self {
        gauge!(BEHIND).increment(1.0);
        Self(())
    }
}

impl Drop for BehindGauge {
    fn drop(&mut self) {
        gauge!(BEHIND).decrement(1.0);
    }
}

/// A connection of TCP, until it is dropped.
#[derive(Debug)]
pub struct TransportGauge(());

impl TransportGauge {
    pub fn new() -> Self {
        gauge!(TRANSPORTS).increment(1.0);
        Self(())
    }
}

impl Drop for TransportGauge {
    fn drop(&mut self) {
        gauge!(TRANSPORTS).decrement(1.0);
    }
}

/// The writer committed a batch.
pub fn committed(changes: usize, messages: usize, took: Duration) {
    histogram!(BATCH).record(changes as f64);
    histogram!(COMMIT).record(took.as_secs_f64());
    counter!(MESSAGES).increment(messages as u64);
}

/// So many changes wait for the writer.
pub fn waiting(changes: usize) {
    gauge!(WAITING).set(changes as f64);
}

/// A request was answered.
pub fn answered(route: &str, method: &str, status: u16, took: Duration) {
    let labels =
        [("route", route.to_owned()), ("method", known_method(method).to_owned()), ("status", status.to_string())];
    histogram!(REQUESTS, &labels).record(took.as_secs_f64());
}

/// The method, or `other`: a client can make methods up, and every one would be a series of its own.
pub fn known_method(method: &str) -> &'static str {
    const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    METHODS.into_iter().find(|known| *known == method).unwrap_or("other")
}

/// So many connections to the database that are for this are at work, and so many lie idle.
pub fn database_connections(purpose: &'static str, busy: usize, idle: usize) {
    gauge!(DATABASE, "for" => purpose, "state" => "busy").set(busy as f64);
    gauge!(DATABASE, "for" => purpose, "state" => "idle").set(idle as f64);
}

/// A read has waited for its connection.
pub fn read_waited(reader: &'static str, waited: Duration) {
    histogram!(READ_WAIT, "for" => reader).record(waited.as_secs_f64());
}

/// A door told somebody of a failure with this code.
pub fn failed(door: &'static str, code: &'static str) {
    counter!(ERRORS, "door" => door, "code" => code).increment(1);
}

/// A limit of this name has refused somebody.
pub fn limit_hit(limit: &'static str) {
    counter!(LIMITS, "limit" => limit).increment(1);
}

/// A token was looked at, with one of a few results.
pub fn signed_in(result: &'static str) {
    counter!(SIGN_INS, "result" => result).increment(1);
}

/// So many webhooks wait to be delivered.
pub fn webhook_outbox(waiting: u64) {
    gauge!(OUTBOX).set(waiting as f64);
}

/// An attempt to deliver a webhook was made, with one of a few results.
pub fn webhook_attempted(result: &'static str) {
    counter!(ATTEMPTS, "result" => result).increment(1);
}

/// A token was refused, for one of a few reasons.
pub fn token_refused(reason: &'static str) {
    counter!(TOKENS_REFUSED, "reason" => reason).increment(1);
}

/// A request was passed on to another node, with one of a few outcomes.
pub fn forwarded(outcome: &'static str) {
    counter!(FORWARDED, "outcome" => outcome).increment(1);
}

/// So many nodes are alive.
pub fn nodes(alive: usize) {
    gauge!(NODES).set(alive as f64);
}

/// Whether this node hears itself by this way.
pub fn backplane_up(kind: &'static str, up: bool) {
    gauge!(BACKPLANE_UP, "kind" => kind).set(f64::from(u8::from(up)));
}

/// A frame was told by this way.
pub fn frame_told(kind: &'static str) {
    counter!(FRAMES, "kind" => kind, "way" => "out").increment(1);
}

/// A frame of another node was heard by this way.
pub fn frame_heard(kind: &'static str) {
    counter!(FRAMES, "kind" => kind, "way" => "in").increment(1);
}

/// A frame was passed over.
pub fn frame_ignored(why: &'static str) {
    counter!(FRAMES_IGNORED, "why" => why).increment(1);
}

/// Frames were given up that waited for this way.
pub fn frames_dropped(kind: &'static str, frames: usize) {
    counter!(FRAMES_DROPPED, "kind" => kind).increment(frames as u64);
}

/// What another node told was so long on its way, by clocks that differ a little.
pub fn frame_took(milliseconds: i64) {
    histogram!(FRAME_DELAY).record(milliseconds.max(0) as f64 / 1_000.0);
}

/// Events were missing and have been read from the log.
pub fn hole_filled(why: &'static str) {
    counter!(HOLES, "why" => why).increment(1);
}

/// So many events are known to be there and were not told yet, and for how long some have been.
pub fn hub_lag(events: i64, time: Duration) {
    gauge!(HUB_LAG_EVENTS).set(events as f64);
    gauge!(HUB_LAG_SECONDS).set(time.as_secs_f64());
}
