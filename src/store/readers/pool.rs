//! A pool of connections that read. Each serves one statement at a time, for whoever holds a slot.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::refusal::ReadRefusal;

/// Idle connections, and as many slots as there may be connections.
pub(super) struct Pool {
    slots: Arc<Semaphore>,
    most: usize,
    idle: Mutex<Vec<IdleConnection>>,
    /// Once the store is closed, connections that come back are dropped.
    closed: CancellationToken,
}

/// A connection that serves nobody now.
pub(super) struct IdleConnection {
    pub connection: Connection,
    /// How often connections had been lost when this one was known to work.
    pub losses: u64,
    pub since: Instant,
}

/// The right to use one connection of a pool.
pub(super) struct Slot {
    pub pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub fn new(connections: usize, closed: CancellationToken) -> Self {
        let slots = Arc::new(Semaphore::new(connections));
        Self { slots, most: connections, idle: Mutex::new(Vec::with_capacity(connections)), closed }
    }

    /// Waits for a slot.
    ///
    /// # Errors
    /// `Stopping` where there will be none.
    pub async fn slot(self: &Arc<Self>) -> Result<Slot, ReadRefusal> {
        let permit = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| ReadRefusal::Stopping)?;
        Ok(Slot { pool: Arc::clone(self), _permit: permit })
    }

    /// Takes the connection that came back last; `None` where a new one has to be opened.
    pub fn take_idle(&self) -> Option<IdleConnection> {
        self.lock().pop()
    }

    pub fn take_all_idle(&self) -> Vec<IdleConnection> {
        std::mem::take(&mut *self.lock())
    }

    /// Keeps a connection that was known to work when `losses` connections had been lost.
    pub fn put_back(&self, connection: Connection, losses: u64) {
        if !self.closed.is_cancelled() {
            self.lock().push(IdleConnection { connection, losses, since: Instant::now() });
        }
    }

    /// How many connections are at work, and how many lie idle.
    pub fn state(&self) -> (usize, usize) {
        (self.most - self.slots.available_permits(), self.lock().len())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<IdleConnection>> {
        self.idle.lock()
    }
}
