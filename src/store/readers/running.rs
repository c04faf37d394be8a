//! A statement that the database is working on. A caller who drops it goes on at once: the statement is ended in the
//! database, and its connection and its permit come back when it really has.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sea_orm::{QueryResult, Statement};
use sqlx::Error;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::connection::{CancelHandle, Connection, is_broken};
use super::pools::{ReadPermit, ReadPools};
use super::refusal::ReadRefusal;

/// How long PostgreSQL may go on with a cancelled statement before its connection is thrown away.
const CANCELLED_TIMEOUT: Duration = Duration::from_secs(5);

/// A statement that came to its end, and what it used.
pub(super) struct Ended {
    pub connection: Connection,
    pub permit: ReadPermit,
    pub rows: Result<Vec<QueryResult>, Error>,
}

/// Why a statement was not run to its end.
pub(super) enum Abandoned {
    Refused(ReadRefusal),
    /// The database does not answer anybody else, either.
    Away,
}

type Work = BoxFuture<'static, (Connection, Result<Vec<QueryResult>, Error>)>;

pub(super) struct RunningStatement {
    pools: Arc<ReadPools>,
    cancel: CancelHandle,
    /// None once it has ended or was abandoned.
    work: Option<(Work, ReadPermit)>,
}

impl RunningStatement {
    /// Begins a statement; `first` where one row is enough.
    pub fn begin(
        pools: &Arc<ReadPools>,
        mut connection: Connection,
        permit: ReadPermit,
        statement: &Arc<Statement>,
        first: bool,
    ) -> Self {
        let (cancel, statement) = (connection.cancel_handle(), Arc::clone(statement));
        let work: Work = Box::pin(async move {
            let rows = match first {
                true => connection.row(&statement).await.map(|row| row.into_iter().collect()),
                false => connection.rows(&statement).await,
            };
            (connection, rows)
        });
        Self { pools: Arc::clone(pools), cancel, work: Some((work, permit)) }
    }

    /// Waits for its end, or abandons it: after its time, and when the server stops.
    pub async fn finish(mut self, stopping: &CancellationToken) -> Result<Ended, Abandoned> {
        let Some((work, _)) = &mut self.work else { return Err(Abandoned::Refused(ReadRefusal::Stopping)) };
        let too_long = async {
            match self.pools.statement_timeout {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let (connection, rows) = tokio::select! {
            ended = work => ended,
            () = too_long => {
                // Where the database does not even hear that it should end the statement, it answers nobody.
                let heard = self.abandon().await.unwrap_or(true);
                return Err(if heard { Abandoned::Refused(ReadRefusal::TooLong) } else { Abandoned::Away });
            }
            () = stopping.cancelled() => return Err(Abandoned::Refused(ReadRefusal::Stopping)),
        };
        match self.work.take() {
            Some((_, permit)) => Ok(Ended { connection, permit, rows }),
            None => Err(Abandoned::Refused(ReadRefusal::Stopping)),
        }
    }

    /// Has the statement ended in the background. The receiver tells whether the database heard it.
    fn abandon(&mut self) -> oneshot::Receiver<bool> {
        let (tell, told) = oneshot::channel();
        self.cancel.cancel_now();
        // Without a runtime the process is ending, and the connections with it.
        if let (Some((work, permit)), Ok(runtime)) = (self.work.take(), Handle::try_current()) {
            runtime.spawn(end(Arc::clone(&self.pools), self.cancel.clone(), work, permit, tell));
        }
        told
    }
}

impl Drop for RunningStatement {
    fn drop(&mut self) {
        if self.work.is_some() {
            drop(self.abandon());
        }
    }
}

/// Has the database end a statement, and gives the connection back once it has.
async fn end(
    pools: Arc<ReadPools>,
    cancel: CancelHandle,
    mut work: Work,
    permit: ReadPermit,
    tell: oneshot::Sender<bool>,
) {
    let losses = pools.losses();
    // The work is polled meanwhile: the driver reads the end of the statement only then.
    let heard = async {
        let _gone = tell.send(cancel.cancel().await);
    };
    let both = async { tokio::join!(heard, &mut work).1 };
    let ended = match &cancel {
        // SQLite looks at its flag soon; until it has, the connection is in use.
        CancelHandle::Sqlite(_) => Some(both.await),
        CancelHandle::Postgres(..) => timeout(CANCELLED_TIMEOUT, both).await.ok(),
    };
    if let Some((connection, rows)) = ended
        && !rows.is_err_and(|cause| is_broken(&cause))
    {
        cancel.reset();
        permit.pool().put_back(connection, losses);
    }
}
