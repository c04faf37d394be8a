//! Reads for a user or for the server, a statement at a time: each waits for its turn, has a deadline that reaches into
//! the database, and ends there when its caller goes away.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sea_orm::prelude::async_trait::async_trait;
use sea_orm::{ConnAcquireErr, ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use tokio::time::timeout;

use super::connection::{Source, is_broken, is_cancelled};
use super::pools::{ReadPermit, ReadPools, TURN_TIMEOUT};
use super::refusal::ReadRefusal;
use super::running::{Abandoned, RunningStatement};
use super::share::UserShare;
use crate::id::UserId;

/// What the code of a caller is told that tries to write with a reader.
const READS_ONLY: &str = "a reader does not write";

/// Reads for a user, or for the server itself. It writes nothing.
#[derive(Clone)]
pub struct Reader {
    pools: Arc<ReadPools>,
    /// The share of the user; the server's own reading has none.
    share: Option<Arc<UserShare>>,
    heavy: bool,
}

impl Reader {
    /// A reader for the server itself.
    pub(in crate::store) fn for_server(pools: &Arc<ReadPools>) -> Self {
        Self { pools: Arc::clone(pools), share: None, heavy: false }
    }

    /// A reader for a user; `heavy` while the caller holds a [`HeavyReadPermit`](super::HeavyReadPermit) of theirs.
    pub(in crate::store) fn for_user(pools: &Arc<ReadPools>, user: UserId, heavy: bool) -> Self {
        Self { pools: Arc::clone(pools), share: Some(pools.share_of(user)), heavy }
    }

    /// Whether the database answers.
    pub(in crate::store) async fn ping(&self) -> Result<(), DbErr> {
        let statement = Statement::from_string(self.get_database_backend(), "SELECT 1");
        self.query_one_raw(statement).await.map(|_| ())
    }

    async fn permit(&self) -> Result<ReadPermit, ReadRefusal> {
        match &self.share {
            None => self.pools.permit_for_server().await,
            Some(share) => self.pools.permit_for_user(share, self.heavy).await,
        }
    }

    /// The rows of a statement; `first` where one row is enough.
    async fn run(&self, statement: Statement, first: bool) -> Result<Vec<QueryResult>, DbErr> {
        let pools = &self.pools;
        let stopping = if self.share.is_some() { &pools.stopping } else { &pools.closed };
        pools.statements.fetch_add(1, Ordering::Relaxed);
        let mut permit = tokio::select! {
            biased;
            () = stopping.cancelled() => return Err(ReadRefusal::Stopping.into()),
            permit = timeout(TURN_TIMEOUT, self.permit()) => permit.unwrap_or(Err(ReadRefusal::Busy))?,
        };
        let statement = Arc::new(statement);
        loop {
            let losses = pools.losses();
            let (connection, is_new) = pools.connection(&permit).await?;
            let running = RunningStatement::begin(pools, connection, permit, &statement, first);
            let ended = running.finish(stopping).await?;
            match ended.rows {
                Err(cause) if is_broken(&cause) => {
                    pools.count_loss();
                    if is_new {
                        return Err(DbErr::Query(RuntimeErr::SqlxError(Arc::new(cause))));
                    }
                    // The connection was lost while it lay idle, most likely: what only reads is run again.
                    permit = ended.permit;
                }
                rows => {
                    ended.permit.pool().put_back(ended.connection, losses);
                    return rows.map_err(|cause| match is_cancelled(&cause) {
                        true => ReadRefusal::TooLong.into(),
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
            Abandoned::Refused(refusal) => refusal.into(),
            Abandoned::Away => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        }
    }
}

#[async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        match self.pools.source {
            Source::Sqlite(..) => DbBackend::Sqlite,
            Source::Postgres(_) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, _: Statement) -> Result<ExecResult, DbErr> {
        Err(DbErr::Custom(READS_ONLY.to_owned()))
    }

    async fn execute_unprepared(&self, _: &str) -> Result<ExecResult, DbErr> {
        Err(DbErr::Custom(READS_ONLY.to_owned()))
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.run(statement, true).await?.pop())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.run(statement, false).await
    }
}
