//! What is kept beside the log: who is here, who types, whom a token speaks for. It makes no event that lasts, so on
//! PostgreSQL it takes a transaction of its own, which neither stands before a message nor behind one. It knows no rule.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::chat::event::{Event, Sink};
use crate::chat::writer::Batch;
use crate::entity::clock;
use crate::error::{Error, Result};
use crate::store::{self, Commit, Queue, Queued, Store, Transaction};

/// How long the database may take for a note.
const NOTE_TIMEOUT: Duration = Duration::from_secs(5);

/// An open transaction beside the log.
pub struct Note<'t> {
    pub tx: &'t Transaction,
    /// The time of all that it writes.
    pub now: DateTime<Utc>,
    signals: Vec<Event>,
}

impl<'t> Note<'t> {
    /// One within a transaction of the writer, where there is no other.
    pub fn within(batch: &'t Batch) -> Self {
        Self { tx: &batch.tx, now: batch.now, signals: Vec::new() }
    }

    /// Tells a passing signal once the transaction is committed.
    pub fn signal(&mut self, event: Event) {
        self.signals.push(event);
    }

    /// What is to be told.
    pub fn into_signals(self) -> Vec<Event> {
        self.signals
    }
}

/// A note that waits for its turn. It is made and polled on a thread of its own, so that its future need not be `Send`.
pub struct NoteJob(Box<NoteWork>);

type NoteWork = dyn for<'t> FnOnce(&'t mut Note<'_>) -> LocalBoxFuture<'t, Reply> + Send;

/// Answers the caller: with the error of the transaction, or, without one, with the outcome. The first says whether the
/// transaction is to be committed.
type Reply = (bool, Box<dyn FnOnce(Option<Error>) + Send>);

impl NoteJob {
    /// A job that is done by `work` and answered through `answer`.
    pub fn new<T, W>(work: W, answer: oneshot::Sender<Result<T>>) -> Self
    where
        T: Send + 'static,
        W: AsyncFnOnce(&mut Note<'_>) -> Result<T> + Send + 'static,
    {
        Self(Box::new(move |note| {
            Box::pin(async move {
                let outcome = work(note).await;
                let succeeded = outcome.is_ok();
                let reply = move |failed: Option<Error>| {
                    let _gone = answer.send(failed.map_or(outcome, Err));
                };
                (succeeded, Box::new(reply) as Box<dyn FnOnce(Option<Error>) + Send>)
            })
        }))
    }
}

/// The queue of notes, and its loop, for a thread of its own: one transaction after the other.
pub fn notes(store: Store, sink: Sink) -> (Queue<NoteJob>, impl AsyncFnOnce() + Send) {
    store::queue(async move |jobs: Vec<Queued<NoteJob>>| {
        for Queued { job, span } in jobs {
            if commit(&store, &sink, job).instrument(span).await == Commit::InVain {
                return Commit::InVain;
            }
        }
        Commit::Answered
    })
}

async fn commit(store: &Store, sink: &Sink, job: NoteJob) -> Commit {
    let (mut reply, mut commit) = (None, Commit::Answered);
    let written = AssertUnwindSafe(run(store, job, &mut reply)).catch_unwind();
    let failed = match tokio::time::timeout(NOTE_TIMEOUT, written).await {
        Ok(Ok(Ok(signals))) => {
            signals.into_iter().for_each(|event| sink.publish(Arc::new(event)));
            None
        }
        Ok(Ok(Err(error))) => Some(error),
        Ok(Err(_)) => {
            tracing::error!("a note panicked, and what it wrote was undone");
            Some(Error::internal())
        }
        Err(_) => {
            commit = Commit::InVain;
            Some(Error::unavailable_because("the database does not answer"))
        }
    };
    // A job that was never reached is dropped, which answers it with `Unavailable`.
    if let Some(reply) = reply {
        reply(failed);
    }
    commit
}

async fn run(
    store: &Store,
    NoteJob(job): NoteJob,
    reply: &mut Option<Box<dyn FnOnce(Option<Error>) + Send>>,
) -> Result<Vec<Event>> {
    let tx = store.begin_aside().await?;
    let mut note = Note { tx: &tx, now: clock::now(), signals: Vec::new() };
    let (succeeded, answer) = job(&mut note).await;
    *reply = Some(answer);
    let signals = note.into_signals();
    if !succeeded {
        tx.rollback().await?;
        return Ok(Vec::new());
    }
    tx.commit().await?;
    Ok(signals)
}
