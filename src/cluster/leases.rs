//! Leases of work that one node does for all of them. Whoever holds one renews it; that of a node which has ended is free.

use std::collections::HashMap;

use chrono::TimeDelta;
use parking_lot::Mutex;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use tokio::time::{Duration, Instant};

use super::frame::NodeId;
use crate::entity::clock;

/// How long a lease lasts, and how long it is relied on before it is renewed (protocol §14).
const LEASE: TimeDelta = TimeDelta::seconds(30);
const RELIED_ON: Duration = Duration::from_secs(15);

/// The leases that this node holds.
#[derive(Default)]
pub struct Leases(Mutex<HashMap<&'static str, Instant>>);

impl Leases {
    /// Whether this node holds the lease of a job and need not ask for it now.
    pub fn is_held(&self, job: &'static str) -> bool {
        self.0.lock().get(job).is_some_and(|since| since.elapsed() < RELIED_ON)
    }

    /// What came of asking for it.
    pub fn note(&self, job: &'static str, held: bool, asked: Instant) {
        let mut leases = self.0.lock();
        if held {
            leases.insert(job, asked)
        } else {
            leases.remove(job)
        };
    }
}

/// Takes the lease of a job, or renews it; false while another node has it that is alive and not about to end.
///
/// # Errors
/// What the database says.
pub async fn take(db: &impl ConnectionTrait, job: &str, node: &NodeId) -> Result<bool, DbErr> {
    let sql = "INSERT INTO chat_leases (job, node_id, until) VALUES ($1, $2, $3) ON CONFLICT (job) DO UPDATE \
        SET node_id = excluded.node_id, until = excluded.until \
        WHERE chat_leases.node_id = excluded.node_id OR chat_leases.until <= $4 OR NOT EXISTS \
        (SELECT 1 FROM chat_nodes n WHERE n.id = chat_leases.node_id AND n.seen_until > $4 AND NOT n.draining)";
    let now = clock::now();
    let values = [job.into(), node.clone().into(), (now + LEASE).into(), now.into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    Ok(db.execute_raw(statement).await?.rows_affected() == 1)
}
