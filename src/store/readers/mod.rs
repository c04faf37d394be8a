//! The connections that read, and who may use them: most are everybody's, of which nobody holds more than a share, and
//! one is the server's own. What a statement does there is said in [`reader`].

mod connection;
mod reader;
mod refused;
mod share;
mod underway;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::id::UserId;

use connection::Connection;
use refused::Refused;
use share::Shares;

pub use connection::Source;
pub use reader::Reader;
pub use share::Turn;

pub(super) use refused::refusal;

/// How long a statement may take before it is ended in the database.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one waits for a turn while others read. Requests give up a little later.
const TURN_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a connection over a network may lie idle before it is tested, and how long the test may take.
const TRUSTED_IDLE: Duration = Duration::from_secs(5);
const TEST_TIMEOUT: Duration = Duration::from_secs(1);

/// All connections that read.
pub struct Readers {
    source: Source,
    common: Arc<Lane>,
    /// The server's own one, so that nobody's reading keeps it from telling what happened.
    own: Arc<Lane>,
    /// Heavy reads of all users together have half of the connections, so that light ones find one.
    heavy: Arc<Semaphore>,
    shares: Shares,
    /// How long a statement may take; `None` for as long as it likes.
    statement_timeout: Option<Duration>,
    /// How often a connection broke. What was used last before that is tested before its next use.
    losses: AtomicU64,
    /// Ends what users read, and with `closed` what the server reads itself.
    stopping: CancellationToken,
    closed: CancellationToken,
    statements: Arc<AtomicU64>,
}

/// Connections, of which each serves one statement at a time.
struct Lane {
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: Connection,
    /// [`Readers::losses`] when it was known to work.
    losses: u64,
    since: Instant,
}

impl Readers {
    /// `connections` for everybody, and one more for the server itself, of which one is opened at once.
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
        let closed = CancellationToken::new();
        let readers = Self {
            source,
            common: Arc::new(Lane::new(connections)),
            own: Arc::new(Lane::new(1)),
            heavy: Arc::new(Semaphore::new(half)),
            shares: Shares::new(half),
            statement_timeout,
            losses: AtomicU64::new(0),
            stopping: closed.child_token(),
            closed,
            statements,
        };
        let connection = readers.connect().await?;
        readers.own.keep(connection, 0);
        Ok(Arc::new(readers))
    }

    /// Ends every statement of users that is under way, in the database too, and refuses those that come later.
    pub fn interrupt(&self) {
        self.stopping.cancel();
    }

    /// Ends every statement, and closes what lies idle. What does not end at once is not waited for.
    pub async fn close(&self) {
        self.closed.cancel();
        for lane in [&self.common, &self.own] {
            let idle = std::mem::take(&mut *lane.lock());
            for idle in idle {
                let _slow = timeout(TEST_TIMEOUT, idle.connection.close()).await;
            }
        }
    }

    /// A turn at heavy reading for a user, who may have two at a time.
    ///
    /// # Errors
    /// `RateLimited` where too many of theirs wait, or waited for too long.
    pub async fn turn(&self, user: UserId) -> Result<Turn> {
        let turn = timeout(TURN_TIMEOUT, self.shares.of(user).turn()).await.ok().flatten();
        turn.ok_or_else(|| Refused::Busy.told())
    }

    async fn connect(&self) -> Result<Connection, DbErr> {
        let connected = timeout(super::ACQUIRE, self.source.connect()).await;
        let connected = connected.map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))?;
        connected.map_err(|cause| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(cause))))
    }

    /// A connection of a lane in which the caller has a place, and whether it was opened just now.
    async fn connection(&self, lane: &Lane) -> Result<(Connection, bool), DbErr> {
        loop {
            let losses = self.losses();
            let Some(mut idle) = lane.take() else { return Ok((self.connect().await?, true)) };
            let is_trusted = idle.losses == losses && (self.source.is_local() || idle.since.elapsed() < TRUSTED_IDLE);
            if is_trusted || matches!(timeout(TEST_TIMEOUT, idle.connection.ping()).await, Ok(Ok(()))) {
                return Ok((idle.connection, false));
            }
        }
    }

    fn losses(&self) -> u64 {
        self.losses.load(Ordering::Acquire)
    }
}

impl Lane {
    fn new(connections: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(connections)), idle: Mutex::new(Vec::with_capacity(connections)) }
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit, Refused> {
        Arc::clone(&self.places).acquire_owned().await.map_err(|_| Refused::Stopping)
    }

    fn take(&self) -> Option<Idle> {
        self.lock().pop()
    }

    fn keep(&self, connection: Connection, losses: u64) {
        self.lock().push(Idle { connection, losses, since: Instant::now() });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
