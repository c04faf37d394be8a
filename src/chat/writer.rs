//! The one writer: jobs that are waiting together become one transaction, take their positions from one locked row,
//! append to the log with it, and are announced after the commit only. It is told what to call and knows no rule of chat.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use sea_orm::{ConnectionTrait, DbErr};
use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use crate::chat::event::{self, Event, EventType, Fact, Sink};
use crate::chat::files::url_signer::UrlSigner;
use crate::chat::log::append::append;
use crate::chat::log::head::{LogHead, lock_log};
use crate::chat::rate_limit::RateLimits;
use crate::chat::readiness::Readiness;
use crate::config::{Config, fault};
use crate::error::{Error, Kind, Result};
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::{self, Autocommit, Commit, Queue, Queued, Store, Transaction};
use crate::telemetry;

/// What waits for the writer.
pub enum Job<I, O> {
    /// An input that is applied together with others of its kind, with many rows to a statement.
    Together(Input<I, O>),
    /// Work of any kind, which runs by itself.
    Alone(Work),
}

/// An input and the way back for its outcome.
pub struct Input<I, O> {
    pub input: I,
    pub answer: oneshot::Sender<Result<O>>,
}

/// Runs inside the batch; tells whether it succeeded, and how to answer once the commit is known. It is made and polled on
/// the writer's own thread, so that its future need not be `Send`.
type Work = Box<dyn for<'b> FnOnce(&'b mut Batch) -> LocalBoxFuture<'b, (bool, Reply)> + Send>;

/// Answers the caller: with the error of the transaction, or, without one, with the job's own outcome.
type Reply = Box<dyn FnOnce(Option<Error>) + Send>;

impl<I, O> Job<I, O> {
    /// A job that is done by `work` and answered through `answer`.
    pub fn alone<T, W>(work: W, answer: oneshot::Sender<Result<T>>) -> Self
    where
        T: Send + 'static,
        W: AsyncFnOnce(&mut Batch) -> Result<T> + Send + 'static,
    {
        Job::Alone(Box::new(move |batch| {
            Box::pin(async move {
                let outcome = work(batch).await;
                (outcome.is_ok(), answer_with(answer, outcome))
            })
        }))
    }
}

/// How to answer `outcome` through `answer`. A caller that has gone away is no failure.
fn answer_with<T: Send + 'static>(answer: oneshot::Sender<Result<T>>, outcome: Result<T>) -> Reply {
    Box::new(move |failed| {
        let _gone = answer.send(match failed {
            Some(error) => Err(error),
            None => outcome,
        });
    })
}

/// Applies inputs that wait together and answers each with its own outcome. An error is that of a statement, which failed
/// for all of them.
pub type Apply<I, O> = for<'b> fn(&'b mut Batch, &'b [&'b I]) -> LocalBoxFuture<'b, Result<Vec<Result<O>>, DbErr>>;

/// Applies inputs by statements that are transactions by themselves; nothing where that cannot be done, and then nothing was
/// written. An error is that of a database which is away: nobody knows what was written.
pub type ApplyAtOnce<I, O> =
    for<'b> fn(&'b AtOnce<'b>, &'b [&'b I]) -> LocalBoxFuture<'b, Result<Option<Applied<O>>, DbErr>>;

/// What there is without a transaction.
pub struct AtOnce<'b> {
    pub db: &'b Autocommit,
    pub tools: &'b Tools,
    outbox: &'b Outbox,
}

impl AtOnce<'_> {
    /// Whether something may have to be written to the outbox of events of this type, as of this revision of its settings.
    pub fn is_told(&self, revision: i64, kind: EventType) -> bool {
        (self.outbox.wants)(revision, kind)
    }
}

/// What inputs came to, and what is to be told of it: committed.
pub struct Applied<O> {
    pub outcomes: Vec<Result<O>>,
    pub events: Vec<Event>,
}

/// What is written beside the log for somebody to be told later, in the transaction of the change.
pub struct Outbox {
    /// Writes what is to be told of the events, and says whether that is anything.
    pub write: Box<Fill>,
    /// Whether there may be anything to write for an event of this type, as of this revision of the settings.
    pub wants: Box<dyn Fn(i64, EventType) -> bool + Send + Sync>,
    /// Called after the commit of something to be told.
    pub wake: Box<dyn Fn() + Send + Sync>,
}

/// Fills an outbox; answers whether there was anything for it.
pub type Fill = dyn for<'b> Fn(Closing<'b>) -> LocalBoxFuture<'b, Result<bool, DbErr>> + Send + Sync;

/// A batch that is about to be committed, as an outbox sees it.
pub struct Closing<'b> {
    pub tx: &'b Transaction,
    pub events: &'b [Event],
    pub tools: &'b Tools,
    /// The revision of the outbox's own settings when the batch began; none if the batch itself changed them.
    pub revision: Option<i64>,
    pub now: DateTime<Utc>,
}

/// What jobs work with beside their transaction.
pub struct Tools {
    pub config: Arc<Config>,
    pub limits: Arc<RateLimits>,
    pub signer: UrlSigner,
}

/// What the writer stands on, and what it calls.
pub struct Writer<I, O> {
    pub store: Store,
    pub tools: Arc<Tools>,
    pub apply: Apply<I, O>,
    pub apply_at_once: ApplyAtOnce<I, O>,
    pub outbox: Outbox,
    pub sink: Sink,
    pub readiness: Arc<Readiness>,
}

/// The queue to the writer, and its loop, for a thread of its own: what it runs does not move between threads.
pub fn writer<I: Send + 'static, O: Send + 'static>(
    writer: Writer<I, O>,
) -> (Queue<Job<I, O>>, impl AsyncFnOnce() + Send) {
    store::queue(async move |jobs: Vec<Queued<Job<I, O>>>| {
        // At the level of errors, since a span below the level of the log would be missing from its lines.
        let span = tracing::error_span!("batch", size = jobs.len(), positions = tracing::field::Empty);
        writer.commit(jobs).instrument(span).await
    })
}

/// An open transaction with the next position and message id in its hands.
pub struct Batch {
    pub tx: Transaction,
    pub tools: Arc<Tools>,
    /// The time of the whole batch.
    pub now: DateTime<Utc>,
    /// The locked row, as it was.
    head: LogHead,
    position: i64,
    message_id: i64,
    events: Vec<Event>,
    /// Whether something has to be written whatever the jobs come to.
    touched: bool,
    /// Whether the settings of the outbox were changed.
    outbox_changed: bool,
    /// Whether something waits in the outbox that is not of an event.
    outbox_filled: bool,
}

/// Where to go back to when a job fails.
struct Mark {
    position: i64,
    message_id: i64,
    events: usize,
}

impl Batch {
    /// Puts an event into the log, at the next position; it is told once the transaction is committed.
    pub fn append(&mut self, kind: EventType, conversation: ConversationId, actor: UserId, fact: Fact) {
        self.position += 1;
        let mut event = Event::new(kind, Some(conversation), actor, self.now, fact);
        event.position = Some(self.position);
        self.events.push(event);
    }

    /// Tells a passing signal once the transaction is committed, in its place among the events of the log.
    pub fn signal(&mut self, event: Event) {
        self.events.push(event);
    }

    /// The next message id. Ids grow in the order of the log, but one is lost where its job fails late.
    pub fn next_message_id(&mut self) -> MessageId {
        self.message_id += 1;
        MessageId::stored(self.message_id)
    }

    /// Makes sure that the transaction writes, for whoever wants to know whether that works.
    pub fn touch(&mut self) {
        self.touched = true;
    }

    /// The settings of the outbox are other ones from this transaction on, on every node.
    pub fn outbox_changed(&mut self) {
        self.outbox_changed = true;
    }

    /// Something waits in the outbox: it is woken after the commit.
    pub fn outbox_filled(&mut self) {
        self.outbox_filled = true;
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

impl<I, O: Send + 'static> Writer<I, O> {
    async fn commit(&self, jobs: Vec<Queued<Job<I, O>>>) -> Commit {
        let callers: Vec<Span> = jobs.iter().map(|job| job.span.clone()).collect();
        let mut answers = Vec::with_capacity(jobs.len());
        let (taken, started) = (jobs.len(), Instant::now());
        // A fault in one job must not end the writing of all; a database that does not answer must not, either.
        let applied = AssertUnwindSafe(self.apply_jobs(jobs, &mut answers)).catch_unwind();
        let mut commit = Commit::Answered;
        let failed = match tokio::time::timeout(BATCH_TIMEOUT, applied).await {
            Ok(Ok(Ok(events))) => {
                let sent = events.iter().filter(|event| event.kind == EventType::MessageSent).count();
                telemetry::committed(taken, sent, started.elapsed());
                events.into_iter().for_each(|event| self.sink.publish(Arc::new(event)));
                None
            }
            Ok(Ok(Err(cause))) => {
                log_undone(&callers, &cause.to_string());
                let failed = Error::from(cause);
                if failed.kind == Kind::Unavailable && started.elapsed() > LONG_WAIT {
                    commit = Commit::InVain;
                }
                Some(failed)
            }
            Ok(Err(_)) => {
                tracing::error!("a change panicked, and what was written with it was undone");
                log_undone(&callers, "a change panicked");
                Some(Error::internal())
            }
            Err(_) => {
                tracing::warn!("the database does not answer");
                commit = Commit::InVain;
                log_undone(&callers, "the database does not answer");
                Some(Error::unavailable())
            }
        };
        if failed.is_some() {
            self.readiness.failed();
        }
        // Jobs that were never reached are dropped, which answers them with `Unavailable`.
        answers.into_iter().for_each(|answer: Reply| answer(failed.clone()));
        commit
    }

    /// Does the jobs in the way that costs least: sends by themselves need no transaction of several statements, or none
    /// that could go back half-way.
    async fn apply_jobs(&self, jobs: Vec<Queued<Job<I, O>>>, answers: &mut Vec<Reply>) -> Result<Vec<Event>, DbErr> {
        if jobs.iter().any(|queued| matches!(queued.job, Job::Alone(_))) {
            return self.transact(jobs, answers).await;
        }
        let inputs: Vec<(Input<I, O>, Span)> = jobs
            .into_iter()
            .filter_map(|Queued { job, span }| match job {
                Job::Together(input) => Some((input, span)),
                Job::Alone(_) => None,
            })
            .collect();
        let (outcomes, events) = match self.at_once(&inputs).await? {
            Some(Applied { outcomes, events }) => (outcomes, events),
            None => self.transact_inputs(&inputs).await?,
        };
        answer_all(inputs, outcomes, answers);
        Ok(events)
    }

    /// Applies inputs without a transaction around them, where that can be done.
    async fn at_once(&self, inputs: &[(Input<I, O>, Span)]) -> Result<Option<Applied<O>>, DbErr> {
        let Some(db) = self.store.autocommit().filter(|_| !announces_early()) else { return Ok(None) };
        let at_once = AtOnce { db, tools: &self.tools, outbox: &self.outbox };
        let together: Vec<&I> = inputs.iter().map(|(input, _)| &input.input).collect();
        let applied = (self.apply_at_once)(&at_once, &together).await?;
        if let Some(Applied { events, .. }) = &applied
            && let [Some(first), .., Some(last)] | [Some(first @ last)] =
                events.iter().map(|event| event.position).collect::<Vec<_>>().as_slice()
        {
            record_positions(*first, *last);
            self.readiness.wrote();
        }
        Ok(applied)
    }

    /// A transaction of nothing but inputs, which needs no savepoint: should a statement fail, it begins anew.
    async fn transact_inputs(&self, inputs: &[(Input<I, O>, Span)]) -> Result<(Vec<Result<O>>, Vec<Event>), DbErr> {
        let mut batch = self.begin(inputs.len()).await?;
        let together: Vec<&I> = inputs.iter().map(|(input, _)| &input.input).collect();
        let outcomes = match (self.apply)(&mut batch, &together).await {
            Ok(outcomes) => outcomes,
            Err(cause) => {
                tracing::debug!(%cause, "a batch is taken apart");
                batch.tx.rollback().await?;
                if let [(_, span)] = inputs {
                    return Ok((vec![Err(span.in_scope(|| Error::from(cause)))], Vec::new()));
                }
                batch = self.begin(inputs.len()).await?;
                self.one_by_one(&mut batch, inputs).await?
            }
        };
        Ok((outcomes, self.finish(batch).await?))
    }

    async fn begin(&self, jobs: usize) -> Result<Batch, DbErr> {
        let tx = self.store.begin().await?;
        let (head, now) = lock_log(&tx).await?;
        Ok(Batch {
            tx,
            tools: Arc::clone(&self.tools),
            now,
            head,
            position: head.position,
            message_id: head.message_id,
            events: Vec::with_capacity(jobs),
            touched: false,
            outbox_changed: false,
            outbox_filled: false,
        })
    }

    async fn transact(&self, jobs: Vec<Queued<Job<I, O>>>, answers: &mut Vec<Reply>) -> Result<Vec<Event>, DbErr> {
        let mut batch = self.begin(jobs.len()).await?;
        let alone = jobs.len() == 1;
        let mut inputs = Vec::new();
        for Queued { job, span } in jobs {
            match job {
                Job::Together(input) => inputs.push((input, span)),
                Job::Alone(work) => {
                    self.run_together(&mut batch, std::mem::take(&mut inputs), answers).await?;
                    let succeeded = run(&mut batch, work, alone, answers).instrument(span).await?;
                    if alone && !succeeded {
                        batch.tx.rollback().await?;
                        return Ok(Vec::new());
                    }
                }
            }
        }
        self.run_together(&mut batch, inputs, answers).await?;
        self.finish(batch).await
    }

    /// Applies inputs together; where a statement fails for all of them, each by itself, so that one cannot fail its
    /// neighbours.
    async fn run_together(
        &self,
        batch: &mut Batch,
        inputs: Vec<(Input<I, O>, Span)>,
        answers: &mut Vec<Reply>,
    ) -> Result<(), DbErr> {
        if inputs.is_empty() {
            return Ok(());
        }
        let mark = batch.mark();
        batch.tx.execute_unprepared("SAVEPOINT together").await?;
        let together: Vec<&I> = inputs.iter().map(|(input, _)| &input.input).collect();
        let outcomes = match (self.apply)(batch, &together).await {
            Ok(outcomes) => outcomes,
            Err(cause) => {
                tracing::debug!(%cause, "a batch is taken apart");
                batch.back_to(&mark);
                batch.tx.execute_unprepared("ROLLBACK TO SAVEPOINT together").await?;
                self.one_by_one(batch, &inputs).await?
            }
        };
        batch.tx.execute_unprepared("RELEASE SAVEPOINT together").await?;
        answer_all(inputs, outcomes, answers);
        Ok(())
    }

    async fn one_by_one(&self, batch: &mut Batch, inputs: &[(Input<I, O>, Span)]) -> Result<Vec<Result<O>>, DbErr> {
        let mut outcomes = Vec::with_capacity(inputs.len());
        for (input, span) in inputs {
            let mark = batch.mark();
            batch.tx.execute_unprepared("SAVEPOINT one").await?;
            outcomes.push(match (self.apply)(batch, &[&input.input]).await {
                Ok(mut outcome) => outcome.pop().unwrap_or_else(|| Err(Error::internal())),
                Err(cause) => {
                    batch.back_to(&mark);
                    batch.tx.execute_unprepared("ROLLBACK TO SAVEPOINT one").await?;
                    Err(span.in_scope(|| Error::from(cause)))
                }
            });
            batch.tx.execute_unprepared("RELEASE SAVEPOINT one").await?;
        }
        Ok(outcomes)
    }

    /// Writes the outbox, the log rows and the counters, and commits. Not everything that changes tells an event, so a
    /// batch without events is committed like any other.
    async fn finish(&self, batch: Batch) -> Result<Vec<Event>, DbErr> {
        let Batch { tx, tools, now, head, position, message_id, mut events, outbox_changed, .. } = batch;
        event::mark_followed(&mut events);
        let revision = (!outbox_changed).then_some(head.outbox_revision);
        let told = (self.outbox.write)(Closing { tx: &tx, events: &events, tools: &tools, revision, now }).await?;
        let moved = position != head.position || message_id != head.message_id;
        let writes = moved || outbox_changed || batch.touched;
        if writes {
            record_positions(head.position + 1, position);
            let outbox_revision = head.outbox_revision + i64::from(outbox_changed);
            append(&tx, &events, now, LogHead { position, message_id, outbox_revision }).await?;
        }
        if announces_early() {
            events.iter().for_each(|event| self.sink.publish(Arc::new(event.copy())));
        }
        tx.commit().await?;
        if writes {
            self.readiness.wrote();
        }
        if told || batch.outbox_filled {
            (self.outbox.wake)();
        }
        Ok(events)
    }
}

/// Answers inputs with their outcomes, once the commit is known.
fn answer_all<I, O: Send + 'static>(
    inputs: Vec<(Input<I, O>, Span)>,
    outcomes: Vec<Result<O>>,
    answers: &mut Vec<Reply>,
) {
    answers.extend(inputs.into_iter().zip(outcomes).map(|((input, _), outcome)| answer_with(input.answer, outcome)));
}

/// The deliberate fault that tells what is not committed yet, of a batch in a transaction.
fn announces_early() -> bool {
    fault::is_on("announce-before-commit")
}

fn record_positions(first: i64, last: i64) {
    Span::current().record("positions", format_args!("{first}..={last}"));
}

/// Tells under the request of each caller why its change was undone with all of the batch.
fn log_undone(callers: &[Span], cause: &str) {
    for caller in callers {
        caller.in_scope(|| tracing::warn!(cause, "the batch of this change was undone"));
    }
}

/// How long the database may take for a batch: whoever waits for one that is away is told within five seconds. Then nobody
/// knows whether it was committed; if it was, the log tells.
const BATCH_TIMEOUT: Duration = Duration::from_millis(4_800);
/// After such a wait for a database that is away nobody else waits for it.
const LONG_WAIT: Duration = Duration::from_secs(2);

/// Runs one job and tells whether it succeeded; what it wrote is undone where it did not. Alone, it needs no savepoint for
/// that: there the whole transaction is undone.
async fn run(batch: &mut Batch, work: Work, alone: bool, answers: &mut Vec<Reply>) -> Result<bool, DbErr> {
    let mark = batch.mark();
    savepoint(batch, alone, "SAVEPOINT job").await?;
    let (succeeded, answer) = work(batch).await;
    answers.push(answer);
    if !succeeded {
        batch.back_to(&mark);
        savepoint(batch, alone, "ROLLBACK TO SAVEPOINT job").await?;
    }
    savepoint(batch, alone, "RELEASE SAVEPOINT job").await?;
    Ok(succeeded)
}

async fn savepoint(batch: &Batch, alone: bool, command: &str) -> Result<(), DbErr> {
    if !alone {
        batch.tx.execute_unprepared(command).await?;
    }
    Ok(())
}
