//! The metrics by name, with what Prometheus is told of each. `docs/operations.md` lists the same ones.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

pub(super) const BUILD: &str = "confab_build_info";
pub(super) const CONNECTIONS: &str = "confab_connections";
pub(super) const BEHIND: &str = "confab_connections_behind";
pub(super) const TRANSPORTS: &str = "confab_transport_connections";
pub(super) const DELIVERIES: &str = "confab_deliveries_total";
pub(super) const MESSAGES: &str = "confab_messages_total";
pub(super) const BATCH: &str = "confab_batch_changes";
pub(super) const COMMIT: &str = "confab_commit_seconds";
pub(super) const WAITING: &str = "confab_writer_waiting";
pub(super) const DATABASE: &str = "confab_database_connections";
pub(super) const READ_WAIT: &str = "confab_read_wait_seconds";
pub(super) const REQUESTS: &str = "confab_request_seconds";
pub(super) const ERRORS: &str = "confab_errors_total";
pub(super) const LIMITS: &str = "confab_limits_hit_total";
pub(super) const SIGN_INS: &str = "confab_sign_ins_total";
pub(super) const TOKENS_REFUSED: &str = "confab_tokens_refused_total";
pub(super) const OUTBOX: &str = "confab_webhook_outbox";
pub(super) const ATTEMPTS: &str = "confab_webhook_attempts_total";
pub(super) const NODES: &str = "confab_nodes";
pub(super) const BACKPLANE_UP: &str = "confab_backplane_up";
pub(super) const FRAMES: &str = "confab_backplane_frames_total";
pub(super) const FRAMES_IGNORED: &str = "confab_backplane_ignored_total";
pub(super) const FRAMES_DROPPED: &str = "confab_backplane_dropped_total";
pub(super) const FRAME_DELAY: &str = "confab_frame_delay_seconds";
pub(super) const FORWARDED: &str = "confab_requests_forwarded_total";
pub(super) const HOLES: &str = "confab_holes_filled_total";
pub(super) const HUB_LAG_EVENTS: &str = "confab_hub_lag_events";
pub(super) const HUB_LAG_SECONDS: &str = "confab_hub_lag_seconds";

/// Tells the recorder what each of them means.
pub(super) fn describe() {
    describe_gauge!(BUILD, "1, of this version upon this kind of database");
    describe_gauge!(CONNECTIONS, "Sessions that listen, by door");
    describe_gauge!(BEHIND, "Sessions that read the log since their queue was full, or since they came back");
    describe_gauge!(TRANSPORTS, "Connections of TCP that are open");
    describe_counter!(DELIVERIES, "Events handed to connections, by door");
    describe_counter!(MESSAGES, "Messages that were sent");
    describe_histogram!(BATCH, "Changes that were taken together into one transaction");
    describe_histogram!(COMMIT, Unit::Seconds, "How long a transaction of the writer took");
    describe_gauge!(WAITING, "Changes that wait for the writer");
    describe_gauge!(DATABASE, "Connections to the database, by what they are for and whether they are at work");
    describe_histogram!(READ_WAIT, Unit::Seconds, "How long a read waited for a connection, by whose it was");
    describe_histogram!(REQUESTS, Unit::Seconds, "How long requests took, by route, method and status");
    describe_counter!(ERRORS, "Refusals and failures, by door and code");
    describe_counter!(LIMITS, "Times that a limit refused somebody, by limit");
    describe_counter!(SIGN_INS, "Tokens that were looked at, of requests and sessions, by result");
    describe_counter!(TOKENS_REFUSED, "Tokens that were refused, by reason");
    describe_gauge!(OUTBOX, "Webhooks that wait to be delivered");
    describe_counter!(ATTEMPTS, "Attempts to deliver a webhook, by result");
    describe_gauge!(NODES, "Nodes of this database that are alive");
    describe_gauge!(BACKPLANE_UP, "Whether this node hears itself through the broker or the database, by kind");
    describe_counter!(FRAMES, "Frames that nodes told each other, by kind of way and direction");
    describe_counter!(FRAMES_IGNORED, "Frames that were passed over, by reason");
    describe_counter!(FRAMES_DROPPED, "Frames that waited too long and were given up, by kind of way");
    describe_histogram!(FRAME_DELAY, Unit::Seconds, "How long what another node told was on its way");
    describe_counter!(FORWARDED, "Requests for sessions over HTTP that were passed on to their nodes, by outcome");
    describe_counter!(HOLES, "Times that missing events were read from the log, by why they were missed");
    describe_gauge!(HUB_LAG_EVENTS, "Events that are known to be there and were not told yet");
    describe_gauge!(HUB_LAG_SECONDS, Unit::Seconds, "For how long some have been");
}
