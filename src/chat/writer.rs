//! The one writer: changes that are waiting together become one transaction, take their positions from one locked
//! row, write their log rows with it, and are announced after the commit only. It knows no single rule of chat.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use crate::chat::event::{self, Event, EventType, Fact, Sink};
use crate::chat::files::Links;
use crate::chat::log;
use crate::chat::messages::send;
use crate::chat::rate_limit::Limits;
use crate::chat::readiness::Readiness;
use crate::config::Config;
use crate::config::fault;
use crate::error::{Error, Result};
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::{self, Queue, Queued, Store, Transaction};
use crate::telemetry;
use crate::webhooks::{self, Hooks};

/// What waits for the writer. Sends are taken together with many rows to a statement; anything else runs by itself.
pub enum Change {
    Send(send::Job),
    Other(Work),
}

/// Runs inside the batch; tells whether it succeeded, and how to answer once the commit is known.
type Work = Box<dyn for<'b> FnOnce(&'b mut Batch) -> BoxFuture<'b, (bool, Answer)> + Send>;

/// Answers the caller: with the error of the transaction, or, without one, with what the change itself came to.
pub type Answer = Box<dyn FnOnce(Option<Error>) + Send>;

impl Change {
    /// A change made by `work`, answered through `answer`.
    pub fn other<T, W>(work: W, answer: oneshot::Sender<Result<T>>) -> Self
    where
        T: Send + 'static,
        W: for<'b> FnOnce(&'b mut Batch) -> BoxFuture<'b, Result<T>> + Send + 'static,
    {
        Change::Other(Box::new(move |batch| {
            Box::pin(async move {
                let outcome = work(batch).await;
                (outcome.is_ok(), answer_with(answer, outcome))
            })
        }))
    }
}

/// How to answer `outcome` through `answer`. A caller that has gone away is no failure.
pub fn answer_with<T: Send + 'static>(answer: oneshot::Sender<Result<T>>, outcome: Result<T>) -> Answer {
    Box::new(move |failed| {
        let _gone = answer.send(match failed {
            Some(error) => Err(error),
            None => outcome,
        });
    })
}

/// What the writer stands on.
pub struct Writer {
    pub store: Store,
    pub config: Arc<Config>,
    pub limits: Arc<Limits>,
    pub links: Links,
    pub hooks: Arc<Hooks>,
    pub sink: Sink,
    pub readiness: Arc<Readiness>,
}

/// The queue to the writer, and its loop.
pub fn writer(writer: Writer) -> (Queue<Change>, impl Future<Output = ()>) {
    let writer = Arc::new(writer);
    store::queue(move |changes| {
        let writer = Arc::clone(&writer);
        // At the level of errors, since a span below the level of the log would be missing from its lines.
        let span = tracing::error_span!("batch", size = changes.len(), positions = tracing::field::Empty);
        async move { writer.commit(changes).await }.instrument(span)
    })
}

/// An open transaction with the next position and message id in its hands.
pub struct Batch {
    pub tx: Transaction,
    pub writer: Arc<Writer>,
    /// The time of the whole batch.
    pub now: DateTime<Utc>,
    position: i64,
    message_id: i64,
    events: Vec<Event>,
    /// Whether something has to be written whatever the changes come to.
    touched: bool,
    /// Whether a webhook endpoint was changed.
    pub endpoints_changed: bool,
}

/// Where to go back to when a change fails.
struct Mark {
    position: i64,
    message_id: i64,
    events: usize,
}

impl Batch {
    /// Puts an event into the log, at the next position; it is told once the transaction is committed.
    pub fn log(&mut self, kind: EventType, conversation: ConversationId, actor: UserId, fact: Fact) {
        self.position += 1;
        let mut event = Event::new(kind, Some(conversation), actor, self.now, fact);
        event.position = Some(self.position);
        self.events.push(event);
    }

    /// Tells a passing signal once the transaction is committed, in its place among the events of the log.
    pub fn signal(&mut self, event: Event) {
        self.events.push(event);
    }

    /// The next message id. Ids grow in the order of the log, but one is lost where its change fails late.
    pub fn next_message_id(&mut self) -> MessageId {
        self.message_id += 1;
        MessageId::stored(self.message_id)
    }

    /// Makes sure that the transaction writes, for whoever wants to know whether that works.
    ///
    /// # Errors
    /// None: it is a change like any other.
    pub fn touch(&mut self) -> Result<()> {
        self.touched = true;
        Ok(())
    }

    fn mark(&self) -> Mark {
        Mark { position: self.position, message_id: self.message_id, events: self.events.len() }
    }

    fn back_to(&mut self, mark: &Mark) {
        self.position = if fault::is_on("hole-after-failure") { self.position } else { mark.position };
        self.message_id = mark.message_id;
        self.events.truncate(mark.events);
    }
}

impl Writer {
    async fn commit(self: &Arc<Self>, changes: Vec<Queued<Change>>) {
        let callers: Vec<Span> = changes.iter().map(|change| change.span.clone()).collect();
        let mut answers = Vec::with_capacity(changes.len());
        let (taken, started) = (changes.len(), Instant::now());
        // A fault in one change must not end the writing of all; a database that does not answer must not, either.
        let applied = AssertUnwindSafe(self.apply(changes, &mut answers)).catch_unwind();
        let failed = match tokio::time::timeout(LONGEST, applied).await {
            Ok(Ok(Ok(events))) => {
                let sent = events.iter().filter(|event| event.kind == EventType::MessageSent).count();
                telemetry::committed(taken, sent, started.elapsed());
                events.into_iter().for_each(|event| self.sink.tell(Arc::new(event)));
                None
            }
            Ok(Ok(Err(cause))) => {
                log_undone(&callers, &cause.to_string());
                Some(Error::from(cause))
            }
            Ok(Err(_)) => {
                tracing::error!("a change panicked, and what was written with it was undone");
                log_undone(&callers, "a change panicked");
                Some(Error::internal())
            }
            Err(_) => {
                tracing::warn!("the database does not answer");
                log_undone(&callers, "the database does not answer");
                Some(Error::unavailable())
            }
        };
        if failed.is_some() {
            self.readiness.failed();
        }
        // Changes that were never reached are dropped, which answers them with `Unavailable`.
        let failed = failed.filter(|_| !fault::is_on("acknowledge-without-commit"));
        answers.into_iter().for_each(|answer: Answer| answer(failed.clone()));
    }

    async fn apply(
        self: &Arc<Self>,
        changes: Vec<Queued<Change>>,
        answers: &mut Vec<Answer>,
    ) -> Result<Vec<Event>, DbErr> {
        let tx = self.store.begin().await?;
        let head = lock_log(&tx).await?;
        let now = super::now();
        let mut batch = Batch {
            tx,
            writer: Arc::clone(self),
            now,
            position: head.position,
            message_id: head.message_id,
            events: Vec::with_capacity(changes.len()),
            touched: false,
            endpoints_changed: false,
        };
        let alone = changes.len() == 1;
        let mut sends = Vec::new();
        for Queued { job, span } in changes {
            match job {
                Change::Send(job) => sends.push((job, span)),
                Change::Other(work) => {
                    run_sends(&mut batch, std::mem::take(&mut sends), answers).await?;
                    let succeeded = run(&mut batch, work, alone, answers).instrument(span).await?;
                    if alone && !succeeded {
                        batch.tx.rollback().await?;
                        return Ok(Vec::new());
                    }
                }
            }
        }
        run_sends(&mut batch, sends, answers).await?;
        finish(batch, head).await
    }
}

/// Tells under the request of each caller why its change was undone with all of the batch.
fn log_undone(callers: &[Span], cause: &str) {
    for caller in callers {
        caller.in_scope(|| tracing::warn!(cause, "the batch of this change was undone"));
    }
}

/// How long the database may take for a batch. Then nobody knows whether it was committed; if it was, the log tells.
const LONGEST: Duration = Duration::from_secs(20);

/// What the row holds that every change locks first.
struct Head {
    position: i64,
    message_id: i64,
    webhook_revision: i64,
}

/// Locks the row that positions and message ids come from, and reads it.
async fn lock_log(tx: &Transaction) -> Result<Head, DbErr> {
    let lock = store::for_update(tx);
    let sql = format!("SELECT position, message_id, webhook_revision FROM chat_log WHERE id = 1{lock}");
    let row = tx.query_one_raw(Statement::from_string(tx.get_database_backend(), sql)).await?;
    let row = row.ok_or_else(|| DbErr::Custom("chat_log has lost its row".into()))?;
    Ok(Head {
        position: row.try_get("", "position")?,
        message_id: row.try_get("", "message_id")?,
        webhook_revision: row.try_get("", "webhook_revision")?,
    })
}

/// Runs one change and tells whether it succeeded; what it wrote is undone where it did not. Alone, it needs no savepoint
/// for that: there the whole transaction is undone.
async fn run(batch: &mut Batch, work: Work, alone: bool, answers: &mut Vec<Answer>) -> Result<bool, DbErr> {
    let mark = batch.mark();
    savepoint(batch, alone, "SAVEPOINT change").await?;
    let (succeeded, answer) = work(batch).await;
    answers.push(answer);
    if !succeeded {
        batch.back_to(&mark);
        savepoint(batch, alone, "ROLLBACK TO SAVEPOINT change").await?;
    }
    savepoint(batch, alone, "RELEASE SAVEPOINT change").await?;
    Ok(succeeded)
}

async fn savepoint(batch: &Batch, alone: bool, command: &str) -> Result<(), DbErr> {
    if !alone {
        batch.tx.execute_unprepared(command).await?;
    }
    Ok(())
}

/// Runs the sends together; where a statement fails for all of them, each by itself, so that one cannot fail its
/// neighbours.
async fn run_sends(batch: &mut Batch, jobs: Vec<(send::Job, Span)>, answers: &mut Vec<Answer>) -> Result<(), DbErr> {
    if jobs.is_empty() {
        return Ok(());
    }
    let mark = batch.mark();
    batch.tx.execute_unprepared("SAVEPOINT sends").await?;
    let together: Vec<&send::Job> = jobs.iter().map(|(job, _)| job).collect();
    let outcomes = match send::apply(batch, &together).await {
        Ok(outcomes) => outcomes,
        Err(cause) => {
            tracing::debug!(%cause, "a batch of messages is taken apart");
            batch.back_to(&mark);
            batch.tx.execute_unprepared("ROLLBACK TO SAVEPOINT sends").await?;
            one_by_one(batch, &jobs).await?
        }
    };
    batch.tx.execute_unprepared("RELEASE SAVEPOINT sends").await?;
    answers.extend(jobs.into_iter().zip(outcomes).map(|((job, _), outcome)| answer_with(job.answer, outcome)));
    Ok(())
}

async fn one_by_one(batch: &mut Batch, jobs: &[(send::Job, Span)]) -> Result<Vec<Result<send::Sent>>, DbErr> {
    let mut outcomes = Vec::with_capacity(jobs.len());
    for (job, span) in jobs {
        let mark = batch.mark();
        batch.tx.execute_unprepared("SAVEPOINT send").await?;
        outcomes.push(match send::apply(batch, &[job]).await {
            Ok(mut outcome) => outcome.pop().unwrap_or_else(|| Err(Error::internal())),
            Err(cause) => {
                batch.back_to(&mark);
                batch.tx.execute_unprepared("ROLLBACK TO SAVEPOINT send").await?;
                Err(span.in_scope(|| Error::from(cause)))
            }
        });
        batch.tx.execute_unprepared("RELEASE SAVEPOINT send").await?;
    }
    Ok(outcomes)
}

/// Writes the log rows, the outbox of webhooks and the counters, and commits. Not everything that changes tells an event,
/// so a batch without events is committed like any other.
async fn finish(batch: Batch, head: Head) -> Result<Vec<Event>, DbErr> {
    let Batch { tx, writer, now, mut events, endpoints_changed, .. } = batch;
    event::tie(&mut events);
    log::write(&tx, &events).await?;
    let place = webhooks::Place {
        tx: &tx,
        hooks: &writer.hooks,
        config: &writer.config,
        links: &writer.links,
        revision: (!endpoints_changed).then_some(head.webhook_revision),
        now,
    };
    let told = webhooks::write(place, &events).await?;
    let moved = batch.position != head.position || batch.message_id != head.message_id;
    let writes = moved || endpoints_changed || batch.touched;
    if writes {
        Span::current().record("positions", format_args!("{}..={}", head.position + 1, batch.position));
        let sql = "UPDATE chat_log SET position = $1, message_id = $2, webhook_revision = $3 WHERE id = 1";
        let revision = head.webhook_revision + i64::from(endpoints_changed);
        let values = [batch.position.into(), batch.message_id.into(), revision.into()];
        tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    }
    if fault::is_on("announce-before-commit") {
        events.iter().for_each(|event| writer.sink.tell(Arc::new(event.copy())));
    }
    tx.commit().await?;
    if writes {
        writer.readiness.wrote();
    }
    if told {
        writer.hooks.wake();
    }
    Ok(events)
}
