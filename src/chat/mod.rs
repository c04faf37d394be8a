//! THE RULES of chat: plain async functions `verb(&cx, input)` that every door calls, and the complete values they
//! answer with. They know no HTTP, no STOMP and no schema beyond derives, and not that anybody listens.

pub mod access;
pub mod conversations;
pub(crate) mod counts;
pub mod directory;
pub mod doctor;
pub mod duty;
pub mod event;
pub mod files;
pub mod limit;
pub mod log;
pub mod messages;
pub mod notes;
pub mod page;
pub mod payload;
pub mod presence;
pub mod rate_limit;
pub mod reactions;
pub mod readiness;
pub mod receipts;
pub mod relay;
pub mod rows;
pub mod search;
pub mod text;
pub mod typing;
pub mod users;
pub mod views;
pub mod writer;

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio_util::sync::CancellationToken;

use crate::cluster::Cluster;
use crate::cluster::connections::ConnectionRegistry;
use crate::cluster::leases::Leases;
use crate::cluster::typists::Typists;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::store::{Blobs, HeavyReadPermit, Queue, Reader, Store};
use crate::telemetry;

pub use crate::auth::Viewer;
use event::{Event, Sink};
use files::url_signer::UrlSigner;
use messages::send::draft::{Outgoing, Sent};
use notes::{Note, NoteJob, notes};
use rate_limit::RateLimits;
use readiness::Readiness;
use search::old_words::OldWords;
use users::known::{Known, Standings};
use views::shared::SharedViews;
use writer::{Apply, ApplyAtOnce, Batch, Job, Outbox, Tools, Writer};

/// The chat itself: what is kept, what is waiting to be written, and what lives in memory only.
pub struct Chat {
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) config: Arc<Config>,
    pub(crate) limits: Arc<RateLimits>,
    pub(crate) signer: UrlSigner,
    queue: Queue<Job<Outgoing, Sent>>,
    /// None where everything is written by the one writer.
    notes: Option<Queue<NoteJob>>,
    /// This node among others.
    pub(crate) cluster: Arc<Cluster>,
    readiness: Arc<Readiness>,
    sink: Sink,
    /// The users that this node has seen of late, so that not every request asks the database.
    users: Cache<UserId, Known>,
    /// The numbers of those whom the host application knows by a text.
    external_users: Cache<String, UserId>,
    /// Whether somebody is let in still.
    pub(crate) standings: Standings,
    typists: Typists,
    connections: ConnectionRegistry,
    /// Of the work that this node does for all.
    leases: Leases,
    views: SharedViews,
    old_words: OldWords,
    /// Ends when the server stops; whatever runs in the background listens to it.
    pub(crate) stopping: CancellationToken,
}

/// Who calls, and upon what: the first argument of every function of the chat.
#[derive(Clone)]
pub struct Cx {
    pub chat: Arc<Chat>,
    pub viewer: Viewer,
    /// Held while something heavy is read.
    turn: Option<Arc<HeavyReadPermit>>,
}

impl Cx {
    pub fn new(chat: Arc<Chat>, viewer: Viewer) -> Self {
        Self { chat, viewer, turn: None }
    }

    /// What reads for the viewer, within their share of the database.
    pub(crate) fn reader(&self) -> Reader {
        self.chat.store.reader_of(self.me(), self.turn.is_some())
    }

    /// The same, for what costs the database more than a page does. Somebody has two such reads under way at a time, and
    /// others of theirs wait; what is read in the course of one belongs to it.
    ///
    /// # Errors
    /// `RateLimited` where too many wait already, or have waited for 20 s.
    pub(crate) async fn heavy(&self) -> Result<Self> {
        if self.turn.is_some() {
            return Ok(self.clone());
        }
        let turn = self.chat.store.turn(self.me()).await?;
        Ok(Self { turn: Some(Arc::new(turn)), ..self.clone() })
    }

    pub fn me(&self) -> UserId {
        self.viewer.id
    }

    /// Refuses everybody but administrators.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn must_be_admin(&self) -> Result<()> {
        if self.viewer.admin { Ok(()) } else { Err(Error::forbidden("Only an administrator may do that")) }
    }
}

/// What a chat stands on.
pub struct Foundation {
    pub store: Store,
    pub blobs: Blobs,
    pub config: Arc<Config>,
    pub signer: UrlSigner,
    pub cluster: Arc<Cluster>,
    pub sink: Sink,
    pub stopping: CancellationToken,
}

/// The loops of a chat, each for a thread of its own; they end when the chat is dropped.
pub struct Loops<W, N> {
    /// The one writer.
    pub writer: W,
    /// What is written beside the log.
    pub notes: N,
}

/// Users that are remembered at most, and for how long: another node may have changed them.
const MAX_USERS: u64 = 100_000;
const USER_LIFETIME: Duration = Duration::from_secs(60);

impl Chat {
    /// The chat, and its loops. The writer calls `apply_at_once` or `apply` for the messages that wait together, and fills
    /// `outbox` in the same transaction.
    pub fn new(
        foundation: Foundation,
        apply: Apply<Outgoing, Sent>,
        apply_at_once: ApplyAtOnce<Outgoing, Sent>,
        outbox: Outbox,
    ) -> (Arc<Self>, Loops<impl AsyncFnOnce() + Send, impl AsyncFnOnce() + Send>) {
        let Foundation { store, blobs, config, signer, cluster, sink, stopping } = foundation;
        let limits = Arc::new(RateLimits::new(&config.limits));
        let readiness = Arc::<Readiness>::default();
        let tools = Tools { config: Arc::clone(&config), limits: Arc::clone(&limits), signer: signer.clone() };
        let (queue, writer) = writer::writer(Writer {
            store: store.clone(),
            tools: Arc::new(tools),
            apply,
            apply_at_once,
            outbox,
            sink: sink.clone(),
            readiness: Arc::clone(&readiness),
        });
        let (aside, noting) = notes(store.clone(), sink.clone());
        let chat = Self {
            notes: store.has_aside().then_some(aside),
            cluster,
            store,
            blobs,
            config,
            limits,
            signer,
            queue,
            readiness,
            sink,
            users: Cache::builder().max_capacity(MAX_USERS).time_to_live(USER_LIFETIME).build(),
            external_users: Cache::new(MAX_USERS),
            standings: Standings::default(),
            typists: Typists::default(),
            connections: ConnectionRegistry::default(),
            leases: Leases::default(),
            views: SharedViews::default(),
            old_words: OldWords::default(),
            stopping,
        };
        (Arc::new(chat), Loops { writer, notes: noting })
    }

    /// Runs `work` in the writer's next transaction and answers after the commit.
    ///
    /// # Errors
    /// Those of `work`, whose writes are undone alone, and `Unavailable` where the commit fails.
    pub(crate) async fn write<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: AsyncFnOnce(&mut Batch) -> Result<T> + Send + 'static,
    {
        self.queue.run(|answer| Job::alone(work, answer)).await
    }

    /// Runs `work` in a transaction beside the log, and answers after the commit: it waits for no message, and none waits
    /// for it. On SQLite, which has one writer, it is a job of the writer.
    ///
    /// # Errors
    /// Those of `work`, whose writes are undone, and `Unavailable` where the commit fails.
    pub(crate) async fn note<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: AsyncFnOnce(&mut Note<'_>) -> Result<T> + Send + 'static,
    {
        if let Some(notes) = &self.notes {
            return notes.run(|answer| NoteJob::new(work, answer)).await;
        }
        self.write(async move |batch: &mut Batch| {
            let mut note = Note::within(batch);
            let noted = work(&mut note).await?;
            let signals = note.into_signals();
            signals.into_iter().for_each(|event| batch.signal(event));
            Ok(noted)
        })
        .await
    }

    /// Tells what is not durable.
    pub(crate) fn publish(&self, event: Event) {
        self.sink.publish(Arc::new(event));
    }

    /// Has it measured how many changes wait for the writer, and what the connections to the database do.
    pub(crate) fn measure(&self) {
        telemetry::waiting(self.queue.waiting());
        self.store.measure();
    }

    /// Whether the server is fit to serve: its database can be read, and written to.
    ///
    /// # Errors
    /// `Unavailable`, within some 5 s whatever the database does.
    pub async fn ready(&self) -> Result<()> {
        self.store.ping().await?;
        let trial = self.write(async |batch: &mut Batch| {
            batch.touch();
            Ok(())
        });
        self.readiness.prove(trial).await
    }
}
