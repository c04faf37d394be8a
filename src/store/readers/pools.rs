//! The two pools that read, and who may use them: most connections serve all users, of whom nobody holds more than a
//! share, and one is the server's own, so that no user's reading keeps the server from telling what happened.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, Source};
use super::pool::{Pool, Slot};
use super::refusal::ReadRefusal;
use super::share::{HeavyReadPermit, Permit, UserShare, UserShares};
use crate::error::Result;
use crate::id::UserId;
use crate::telemetry;

/// How long a connection may take to be made before the database counts as away.
pub(in crate::store) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a statement may take before it is ended in the database.
pub(in crate::store) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a read waits for its turn while others read. Requests give up a little later.
pub(super) const TURN_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a connection over a network may lie idle before it is tested.
const TRUSTED_IDLE: Duration = Duration::from_secs(5);
/// What the metrics call the two pools.
const FOR_USERS: &str = "users";
const FOR_SERVER: &str = "server";
/// How long a test, or the closing, of a connection may take.
const TEST_TIMEOUT: Duration = Duration::from_secs(1);

/// All connections that read.
pub struct ReadPools {
    pub(super) source: Source,
    users: Arc<Pool>,
    server: Arc<Pool>,
    /// What all users together may read at the same time that is heavy, so that light reads find a connection.
    heavy: Arc<Semaphore>,
    shares: UserShares,
    /// How long a statement may take; `None` for as long as it likes.
    pub(super) statement_timeout: Option<Duration>,
    /// How many connections were lost. A connection that was used last before that is tested before its next use.
    losses: AtomicU64,
    /// Ends what users read, and with `closed` what the server reads itself.
    pub(super) stopping: CancellationToken,
    pub(super) closed: CancellationToken,
    pub(super) statements: Arc<AtomicU64>,
}

/// The right of a statement to run: a slot of a pool, and the user's own permits. All of them come back together.
pub(super) struct ReadPermit {
    slot: Slot,
    _heavy: Option<OwnedSemaphorePermit>,
    _share: Option<Permit>,
}

/// How many heavy reads run at the same time: on half of the connections at most, and where they run on the `processors` of
/// this machine, on all but one of these, which is left to whoever reads a page or writes.
fn max_heavy_reads(connections: usize, processors: Option<usize>) -> usize {
    let left = processors.map_or(usize::MAX, |processors| processors.saturating_sub(1));
    (connections / 2).min(left).max(1)
}

impl ReadPermit {
    pub fn pool(&self) -> &Pool {
        &self.slot.pool
    }
}

impl ReadPools {
    /// Pools of `connections` for all users and one more for the server, of which one is opened at once.
    ///
    /// # Errors
    /// What the driver says of a database that cannot be reached.
    pub async fn open(
        source: Source,
        connections: usize,
        statement_timeout: Option<Duration>,
        statements: Arc<AtomicU64>,
    ) -> Result<Arc<Self>, DbErr> {
        let half = (connections / 2).max(1);
        let processors = source.is_local().then(|| available_parallelism().map_or(1, NonZero::get));
        let heavy = max_heavy_reads(connections, processors);
        let closed = CancellationToken::new();
        let pools = Self {
            source,
            users: Arc::new(Pool::new(connections, closed.clone())),
            server: Arc::new(Pool::new(1, closed.clone())),
            heavy: Arc::new(Semaphore::new(heavy)),
            shares: UserShares::new(half),
            statement_timeout,
            losses: AtomicU64::new(0),
            stopping: closed.child_token(),
            closed,
            statements,
        };
        let connection = pools.connect().await?;
        pools.server.put_back(connection, 0);
        Ok(Arc::new(pools))
    }

    /// Measures the connections of both pools.
    pub fn measure(&self) {
        for (reader, pool) in [(FOR_USERS, &self.users), (FOR_SERVER, &self.server)] {
            let (busy, idle) = pool.state();
            telemetry::database_connections(reader, busy, idle);
        }
    }

    /// Ends every statement of users that is under way, in the database too, and refuses those that come later.
    pub fn stop_users(&self) {
        self.stopping.cancel();
    }

    /// Ends every statement, and closes what lies idle. What does not end at once is not waited for.
    pub async fn close(&self) {
        self.closed.cancel();
        for pool in [&self.users, &self.server] {
            for idle in pool.take_all_idle() {
                let _slow = timeout(TEST_TIMEOUT, idle.connection.close()).await;
            }
        }
    }

    /// A turn at heavy reading for a user, who may have two at a time.
    ///
    /// # Errors
    /// `RateLimited` where too many of theirs wait, or waited for too long.
    pub async fn turn(&self, user: UserId) -> Result<HeavyReadPermit> {
        let turn = timeout(TURN_TIMEOUT, self.shares.of(user).turn()).await.ok().flatten();
        turn.ok_or_else(|| ReadRefusal::Busy.into())
    }

    pub(super) fn share_of(&self, user: UserId) -> Arc<UserShare> {
        self.shares.of(user)
    }

    /// Waits until a statement of the server may run: on its own connection, or on a users' one that is free earlier.
    pub(super) async fn permit_for_server(&self) -> Result<ReadPermit, ReadRefusal> {
        let begun = Instant::now();
        let slot = tokio::select! {
            biased;
            slot = self.server.slot() => slot?,
            slot = self.users.slot() => slot?,
        };
        telemetry::read_waited(FOR_SERVER, begun.elapsed());
        Ok(ReadPermit { slot, _heavy: None, _share: None })
    }

    /// Waits until a statement of a user may run: first in the user's own queue and then in that of all users, so that
    /// what waits for one user stands in the way of no other.
    pub(super) async fn permit_for_user(&self, share: &UserShare, heavy: bool) -> Result<ReadPermit, ReadRefusal> {
        let begun = Instant::now();
        let share = share.statement().await.ok_or(ReadRefusal::Busy)?;
        let heavy = match heavy {
            true => Some(Arc::clone(&self.heavy).acquire_owned().await.map_err(|_| ReadRefusal::Stopping)?),
            false => None,
        };
        let slot = self.users.slot().await?;
        telemetry::read_waited(FOR_USERS, begun.elapsed());
        Ok(ReadPermit { slot, _heavy: heavy, _share: Some(share) })
    }

    /// A connection of the pool that `permit` is for, and whether it was opened just now.
    pub(super) async fn connection(&self, permit: &ReadPermit) -> Result<(Connection, bool), DbErr> {
        loop {
            let losses = self.losses();
            let Some(mut idle) = permit.pool().take_idle() else { return Ok((self.connect().await?, true)) };
            let is_trusted = idle.losses == losses && (self.source.is_local() || idle.since.elapsed() < TRUSTED_IDLE);
            if is_trusted || matches!(timeout(TEST_TIMEOUT, idle.connection.ping()).await, Ok(Ok(()))) {
                return Ok((idle.connection, false));
            }
        }
    }

    async fn connect(&self) -> Result<Connection, DbErr> {
        let connected = timeout(CONNECT_TIMEOUT, self.source.connect()).await;
        let connected = connected.map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))?;
        connected.map_err(|cause| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(cause))))
    }

    /// How many connections were lost so far.
    pub(super) fn losses(&self) -> u64 {
        self.losses.load(Ordering::Acquire)
    }

    pub(super) fn count_loss(&self) {
        self.losses.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavy_reads_leave_a_connection_and_a_processor_to_light_ones() {
        assert_eq!(max_heavy_reads(8, None), 4, "the processors of another server are its own affair");
        assert_eq!([1, 2, 3, 16].map(|processors| max_heavy_reads(4, Some(processors))), [1, 1, 2, 2]);
        assert_eq!(max_heavy_reads(1, Some(16)), 1, "there is always one, or nothing heavy would ever be read");
    }
}
