//! A statement that the database is working on. Whoever drops it goes on at once: the statement is ended in the
//! database, and its connection and its place come back when it really has.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sea_orm::{QueryResult, Statement};
use sqlx::Error;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::connection::{Brake, Connection};
use super::reader::Place;
use super::{Readers, Refused};

/// How long PostgreSQL may go on with a statement that it was told to end before its connection is thrown away.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// What came of a statement.
pub(super) struct Ran {
    pub connection: Connection,
    pub place: Place,
    pub rows: Result<Vec<QueryResult>, Error>,
}

/// Why it was not run to its end.
pub(super) enum Abandoned {
    Refused(Refused),
    /// The database does not answer anybody else, either.
    Away,
}

type Work = BoxFuture<'static, (Connection, Result<Vec<QueryResult>, Error>)>;

pub(super) struct Underway {
    readers: Arc<Readers>,
    brake: Brake,
    work: Option<(Work, Place)>,
}

impl Underway {
    /// Begins a statement; `first` where one row is enough.
    pub fn begin(
        readers: &Arc<Readers>,
        mut connection: Connection,
        place: Place,
        statement: &Arc<Statement>,
        first: bool,
    ) -> Self {
        let (brake, statement) = (connection.brake(), Arc::clone(statement));
        let work: Work = Box::pin(async move {
            let rows = match first {
                true => connection.row(&statement).await.map(|row| row.into_iter().collect()),
                false => connection.rows(&statement).await,
            };
            (connection, rows)
        });
        Self { readers: Arc::clone(readers), brake, work: Some((work, place)) }
    }

    /// Waits for its end, or makes one: after its time, and when the server stops.
    pub async fn finish(mut self, stopping: &CancellationToken) -> Result<Ran, Abandoned> {
        let Some((work, _)) = &mut self.work else { return Err(Abandoned::Refused(Refused::Stopping)) };
        let too_long = async {
            match self.readers.statement_timeout {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let (connection, rows) = tokio::select! {
            ran = work => ran,
            () = too_long => {
                // Its own deadline or that of everybody: the brake tells.
                let heard = self.abandon().await.unwrap_or(true);
                return Err(if heard { Abandoned::Refused(Refused::TooLong) } else { Abandoned::Away });
            }
            () = stopping.cancelled() => return Err(Abandoned::Refused(Refused::Stopping)),
        };
        match self.work.take() {
            Some((_, place)) => Ok(Ran { connection, place, rows }),
            None => Err(Abandoned::Refused(Refused::Stopping)),
        }
    }

    /// Ends it; what comes back tells whether the database heard.
    fn abandon(&mut self) -> oneshot::Receiver<bool> {
        let (tell, told) = oneshot::channel();
        self.brake.touch();
        // Without a runtime the process is ending, and the connections with it.
        if let (Some((work, place)), Ok(runtime)) = (self.work.take(), Handle::try_current()) {
            runtime.spawn(end(Arc::clone(&self.readers), self.brake.clone(), work, place, tell));
        }
        told
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        if self.work.is_some() {
            drop(self.abandon());
        }
    }
}

/// Has the database end a statement, and gives the connection back once it has.
async fn end(readers: Arc<Readers>, brake: Brake, work: Work, place: Place, tell: oneshot::Sender<bool>) {
    let losses = readers.losses();
    // The work goes on meanwhile: what it needs to end is to be called.
    let mut work = work;
    let heard = async {
        let _gone = tell.send(brake.pull().await);
    };
    let both = async { tokio::join!(heard, &mut work).1 };
    let ended = match &brake {
        // It looks at its brake; while it has not, its place is taken.
        Brake::Sqlite(_) => Some(both.await),
        Brake::Postgres(..) => timeout(END_TIMEOUT, both).await.ok(),
    };
    if let Some((connection, rows)) = ended
        && !rows.is_err_and(|cause| super::connection::is_broken(&cause))
    {
        brake.release();
        place.keep(&readers, connection, losses);
    }
}
