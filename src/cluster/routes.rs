//! Which node has which session of SockJS over HTTP, whose requests a balancer may send to any of them (protocol §14): a row
//! for each, which its node renews as long as the session lives. It knows neither sessions nor requests.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use parking_lot::Mutex;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value};
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::frame::NodeId;
use crate::error::{Error, Result};
use crate::store::{Store, list, rows_of};

/// How often the rows of this node are renewed. Each lasts three times as long, in the statements below.
const RENEW_INTERVAL: Duration = Duration::from_secs(20);
/// Rows that are renewed at once.
const MAX_TOGETHER: usize = 1_000;
/// How long the database may take for one statement, its turn included.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// Sessions of other nodes that are remembered, and how long: one that is not there any more is forgotten at once.
const MAX_REMEMBERED: u64 = 20_000;
const MEMORY: Duration = Duration::from_secs(30);

/// Of two nodes that begin a session at once, one gets the row. A node that ended has lost its rows.
const CLAIM: &str = "INSERT INTO chat_sockjs_sessions AS s (id, node_id, seen_until) \
    VALUES ($1, $2, clock_timestamp() + interval '60 seconds') \
    ON CONFLICT (id) DO UPDATE SET node_id = excluded.node_id, seen_until = excluded.seen_until \
    WHERE s.node_id = excluded.node_id OR s.seen_until < clock_timestamp() OR NOT EXISTS \
        (SELECT 1 FROM chat_nodes n WHERE n.id = s.node_id AND n.seen_until > clock_timestamp())";
const FIND: &str = "SELECT s.node_id, n.address FROM chat_sockjs_sessions s JOIN chat_nodes n ON n.id = s.node_id \
    WHERE s.id = $1 AND s.node_id <> $2 AND n.address IS NOT NULL \
    AND s.seen_until > clock_timestamp() AND n.seen_until > clock_timestamp()";
const FORGET: &str = "DELETE FROM chat_sockjs_sessions WHERE id = $1 AND node_id = $2";
const LEAVE: &str = "DELETE FROM chat_sockjs_sessions WHERE node_id = $1";
const TIDY: &str = "DELETE FROM chat_sockjs_sessions WHERE seen_until < clock_timestamp()";

/// The sessions over HTTP of all nodes.
pub struct Routes {
    me: NodeId,
    store: Store,
    remembered: Cache<String, Route>,
    /// Those of this node, and by how many each is held.
    held: Mutex<HashMap<String, usize>>,
    /// One of them writes at a time, so that what else is written beside the log has a connection.
    turn: Semaphore,
}

/// Where a session is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub node: NodeId,
    /// Under which this node reaches that one.
    pub address: String,
}

/// A session of this node, until it is dropped.
pub struct HeldRoute {
    id: String,
    routes: Arc<Routes>,
}

impl Routes {
    /// The sessions as they stand in the database, of which those of `me` are renewed by [`Routes::run`].
    pub(super) fn new(me: NodeId, store: Store) -> Self {
        Self { me, store, remembered: memory(), held: Mutex::default(), turn: Semaphore::new(1) }
    }

    /// The other node that has a session; none where it is nowhere, or was here.
    ///
    /// # Errors
    /// `Unavailable` without the database, `RateLimited` where too many ask.
    pub async fn find(&self, id: &str) -> Result<Option<Route>> {
        if let Some(route) = self.remembered.get(id) {
            return Ok(Some(route));
        }
        // Whoever asks may be anybody.
        let reader = self.store.reader_for_strangers();
        let statement = postgres(FIND, [id.into(), self.me.clone().into()]);
        let Some(row) = reader.query_one_raw(statement).await? else { return Ok(None) };
        let route = Route { node: row.try_get("", "node_id")?, address: row.try_get("", "address")? };
        self.remembered.insert(id.to_owned(), route.clone());
        Ok(Some(route))
    }

    /// Makes this node the one that has a session; none where another one has it.
    ///
    /// # Errors
    /// `Unavailable` without the database.
    pub async fn claim(self: &Arc<Self>, id: String) -> Result<Option<HeldRoute>> {
        let claimed = self.write(postgres(CLAIM, [id.clone().into(), self.me.clone().into()])).await?;
        Ok((claimed == 1).then(|| HeldRoute::new(id, self)))
    }

    /// A session is not where it was.
    pub fn forget(&self, id: &str) {
        self.remembered.invalidate(id);
    }

    /// A session is lost, since nobody is where its node was: anybody may begin it anew.
    ///
    /// # Errors
    /// `Unavailable` without the database.
    pub async fn give_up(&self, id: &str, route: &Route) -> Result<()> {
        self.forget(id);
        self.write(postgres(FORGET, [id.into(), route.node.clone().into()])).await.map(drop)
    }

    /// Keeps the sessions of this node written down until the server stops, and removes those of nodes that ended.
    pub(super) async fn run(self: Arc<Self>, stopping: CancellationToken) {
        let mut tick = interval(RENEW_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stopping.run_until_cancelled(tick.tick()).await.is_some() {
            if let Err(error) = self.renew().await {
                tracing::debug!(%error, "which sessions over HTTP are here is written down again soon");
            }
        }
        let me = self.me.clone();
        if let Err(error) = self.write(postgres(LEAVE, [me.into()])).await {
            tracing::debug!(%error, "that no session over HTTP is here is seen when their time has run out");
        }
    }

    async fn renew(&self) -> Result<()> {
        let mut held: Vec<String> = self.held.lock().keys().cloned().collect();
        // In one order, so that nobody waits for a row of somebody who waits.
        held.sort_unstable();
        let db = self.store.reader();
        let sql = format!(
            "INSERT INTO chat_sockjs_sessions AS s (id, node_id, seen_until) \
            SELECT value, $1, clock_timestamp() + interval '60 seconds' FROM {} \
            ON CONFLICT (id) DO UPDATE SET seen_until = excluded.seen_until WHERE s.node_id = excluded.node_id",
            rows_of::<&str>(&db, 2)
        );
        for ids in held.chunks(MAX_TOGETHER) {
            let ids = list(&db, ids.iter().map(String::as_str));
            self.write(postgres(&sql, [self.me.clone().into(), ids])).await?;
        }
        self.write(postgres(TIDY, [])).await.map(drop)
    }

    /// Runs a statement in its turn; how many rows it changed.
    async fn write(&self, statement: Statement) -> Result<u64> {
        let written = async {
            let _turn = self.turn.acquire().await.map_err(|_| DbErr::Custom("nobody closes it".to_owned()))?;
            self.store.execute_aside(statement).await
        };
        let written = timeout(STATEMENT_TIMEOUT, written).await;
        Ok(written.map_err(|_| Error::unavailable_because("the database does not answer"))??)
    }
}

fn memory() -> Cache<String, Route> {
    Cache::builder().max_capacity(MAX_REMEMBERED).time_to_live(MEMORY).build()
}

fn postgres<const N: usize>(sql: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

impl HeldRoute {
    fn new(id: String, routes: &Arc<Routes>) -> Self {
        *routes.held.lock().entry(id.clone()).or_default() += 1;
        Self { id, routes: Arc::clone(routes) }
    }
}

impl Drop for HeldRoute {
    fn drop(&mut self) {
        // Its row stays until its time has run out: whoever asks for the session meanwhile is told here that it is over.
        let mut held = self.routes.held.lock();
        if let Some(holders) = held.get_mut(&self.id) {
            *holders -= 1;
            if *holders == 0 {
                held.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_routes_are_remembered_as_may_be() {
        let remembered = memory();
        for number in 0..MAX_REMEMBERED + 1_000 {
            let route = Route { node: "n1".to_owned(), address: "http://10.0.0.7:1337".to_owned() };
            remembered.insert(number.to_string(), route);
        }
        remembered.run_pending_tasks();
        assert_eq!(remembered.entry_count(), MAX_REMEMBERED);
    }
}
