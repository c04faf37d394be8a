//! Reads for somebody, a statement at a time: each waits for its turn, has a deadline that reaches into the database,
//! and ends there when its caller goes away.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sea_orm::prelude::async_trait::async_trait;
use sea_orm::{ConnAcquireErr, ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::connection::{Connection, is_broken, is_ended};
use super::share::{Permit, Share};
use super::underway::{Abandoned, Underway};
use super::{Lane, Readers, Refused, Source, TURN_TIMEOUT};
use crate::id::UserId;

/// What reads for a user, or for the server itself. It writes nothing.
#[derive(Clone)]
pub struct Reader {
    readers: Arc<Readers>,
    /// Whose share it is; the server's own reading has none.
    share: Option<Arc<Share>>,
    heavy: bool,
}

/// The right to use one connection of a lane.
pub(super) struct Place {
    lane: Arc<Lane>,
    _slot: OwnedSemaphorePermit,
    _heavy: Option<OwnedSemaphorePermit>,
    _share: Option<Permit>,
}

impl Place {
    /// Gives a connection back to where this place is.
    pub fn keep(self, readers: &Readers, connection: Connection, losses: u64) {
        if !readers.closed.is_cancelled() {
            self.lane.keep(connection, losses);
        }
    }
}

impl Reader {
    /// What the server reads for itself.
    pub(in crate::store) fn own(readers: &Arc<Readers>) -> Self {
        Self { readers: Arc::clone(readers), share: None, heavy: false }
    }

    /// What is read for a user; `heavy` during a [`Turn`](super::Turn) of theirs.
    pub(in crate::store) fn of(readers: &Arc<Readers>, user: UserId, heavy: bool) -> Self {
        Self { readers: Arc::clone(readers), share: Some(readers.shares.of(user)), heavy }
    }

    /// Whether the database answers.
    pub(in crate::store) async fn ping(&self) -> Result<(), DbErr> {
        let statement = Statement::from_string(self.get_database_backend(), "SELECT 1");
        self.query_one_raw(statement).await.map(|_| ())
    }

    async fn place(&self) -> Result<Place, Refused> {
        let readers = &self.readers;
        let Some(share) = &self.share else {
            // Its own connection, or another one that is free earlier.
            let (lane, slot) = tokio::select! {
                biased;
                slot = readers.own.slot() => (&readers.own, slot?),
                slot = readers.common.slot() => (&readers.common, slot?),
            };
            return Ok(Place { lane: Arc::clone(lane), _slot: slot, _heavy: None, _share: None });
        };
        // One's own line first, then everybody's, so that nobody's waiting stands in the way of others.
        let share = share.statement().await.ok_or(Refused::Busy)?;
        let heavy = match self.heavy {
            true => Some(Arc::clone(&readers.heavy).acquire_owned().await.map_err(|_| Refused::Stopping)?),
            false => None,
        };
        let slot = readers.common.slot().await?;
        Ok(Place { lane: Arc::clone(&readers.common), _slot: slot, _heavy: heavy, _share: Some(share) })
    }

    async fn run(&self, statement: Statement, first: bool) -> Result<Vec<QueryResult>, DbErr> {
        let readers = &self.readers;
        let end = if self.share.is_some() { &readers.stopping } else { &readers.closed };
        readers.statements.fetch_add(1, Ordering::Relaxed);
        let mut place = tokio::select! {
            biased;
            () = end.cancelled() => return Err(Refused::Stopping.into()),
            place = timeout(TURN_TIMEOUT, self.place()) => place.unwrap_or(Err(Refused::Busy))?,
        };
        let statement = Arc::new(statement);
        loop {
            let losses = readers.losses();
            let (connection, is_new) = readers.connection(&place.lane).await?;
            let ran = Underway::begin(readers, connection, place, &statement, first).finish(end).await?;
            match ran.rows {
                Err(cause) if is_broken(&cause) => {
                    readers.losses.fetch_add(1, Ordering::AcqRel);
                    if is_new {
                        return Err(DbErr::Query(RuntimeErr::SqlxError(Arc::new(cause))));
                    }
                    // It was lost while it lay idle, most likely: what only reads is run again.
                    place = ran.place;
                }
                rows => {
                    ran.place.keep(readers, ran.connection, losses);
                    return rows.map_err(|cause| match is_ended(&cause) {
                        true => Refused::TooLong.into(),
                        false => DbErr::Query(RuntimeErr::SqlxError(Arc::new(cause))),
                    });
                }
            }
        }
    }
}

impl From<Abandoned> for DbErr {
    fn from(abandoned: Abandoned) -> Self {
        match abandoned {
            Abandoned::Refused(refused) => refused.into(),
            Abandoned::Away => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        }
    }
}

#[async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        match self.readers.source {
            Source::Sqlite(_) => DbBackend::Sqlite,
            Source::Postgres(_) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, _: Statement) -> Result<ExecResult, DbErr> {
        Err(DbErr::Custom(WRITES.to_owned()))
    }

    async fn execute_unprepared(&self, _: &str) -> Result<ExecResult, DbErr> {
        Err(DbErr::Custom(WRITES.to_owned()))
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.run(statement, true).await?.pop())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.run(statement, false).await
    }
}

const WRITES: &str = "a reader does not write";
