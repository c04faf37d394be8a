//! THE RULES of chat: plain async functions `verb(&cx, input)` that every door calls, and the complete values they
//! answer with. They know no HTTP, no STOMP and no schema beyond derives, and not that anybody listens.

pub mod access;
pub mod conversations;
pub mod doctor;
pub mod event;
pub mod files;
pub mod log;
pub mod messages;
pub mod page;
pub mod participants;
pub mod presence;
pub mod rate_limit;
pub mod reactions;
pub mod readiness;
pub mod receipts;
pub mod search;
pub mod text;
pub mod typing;
pub mod users;
pub mod writer;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::chat::event::{Event, Sink};
use crate::chat::rate_limit::Limits;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::store::{Blobs, Queue, Reader, Store, Turn};

use writer::{Batch, Change};

/// The chat itself: what is kept, what is waiting to be written, and what lives in memory only.
pub struct Chat {
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) config: Arc<Config>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) links: files::Links,
    queue: Queue<Change>,
    readiness: Arc<readiness::Readiness>,
    hooks: Arc<crate::webhooks::Hooks>,
    sink: Sink,
    people: users::Known,
    typists: typing::Typists,
    attendance: presence::Attendances,
    views: conversations::Views,
    /// Ends when the server stops; whatever runs in the background listens to it.
    pub(crate) stopping: CancellationToken,
}

/// Somebody with a valid token.
#[derive(Debug, Clone)]
pub struct Viewer {
    pub id: UserId,
    pub name: String,
    /// An administrator of the server, not of a conversation.
    pub admin: bool,
    /// When the token ends, its leeway included: no connection outlives it.
    pub expires: DateTime<Utc>,
}

/// Who calls, and upon what: the first argument of every function of the chat.
#[derive(Clone)]
pub struct Cx {
    pub chat: Arc<Chat>,
    pub viewer: Viewer,
    /// Held while something heavy is read.
    turn: Option<Arc<Turn>>,
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

impl Viewer {
    /// When a connection of theirs has to end.
    pub fn deadline(&self) -> Instant {
        const YEAR: Duration = Duration::from_secs(60 * 60 * 24 * 365);
        Instant::now() + (self.expires - Utc::now()).to_std().unwrap_or_default().min(YEAR)
    }
}

impl Chat {
    /// The chat upon an open store, and the loop of its one writer, which ends when the chat is dropped.
    pub fn new(
        store: Store,
        blobs: Blobs,
        config: Arc<Config>,
        links: files::Links,
        sink: Sink,
        stopping: CancellationToken,
    ) -> (Arc<Self>, impl Future<Output = ()>) {
        let limits = Arc::new(Limits::new(&config.limits));
        let hooks = Arc::new(crate::webhooks::Hooks::default());
        let readiness = Arc::<readiness::Readiness>::default();
        let (queue, writer) = writer::writer(writer::Writer {
            store: store.clone(),
            config: Arc::clone(&config),
            limits: Arc::clone(&limits),
            links: links.clone(),
            hooks: Arc::clone(&hooks),
            sink: sink.clone(),
            readiness: Arc::clone(&readiness),
        });
        let chat = Self {
            store,
            blobs,
            config,
            limits,
            links,
            queue,
            readiness,
            hooks,
            sink,
            people: users::Known::default(),
            typists: typing::Typists::default(),
            attendance: presence::Attendances::default(),
            views: conversations::Views::default(),
            stopping,
        };
        (Arc::new(chat), writer)
    }

    /// Runs `work` in the writer's next transaction and answers after the commit.
    ///
    /// # Errors
    /// Those of `work`, whose writes are undone alone, and `Unavailable` where the commit fails.
    pub(crate) async fn change<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'b> FnOnce(&'b mut Batch) -> BoxFuture<'b, Result<T>> + Send + 'static,
    {
        self.queue.run(|answer| Change::other(work, answer)).await
    }

    /// Tells what is not durable.
    pub(crate) fn tell(&self, event: Event) {
        self.sink.tell(Arc::new(event));
    }

    /// Where it is told that webhooks wait.
    pub fn hooks(&self) -> &crate::webhooks::Hooks {
        &self.hooks
    }

    /// What has to be done now and then: forgetting idle rate limits.
    pub fn tidy_memory(&self) {
        self.limits.forget_idle();
    }
}

/// The present, as precise as it is stored: to the millisecond, on both databases.
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

/// Gathers values under their keys, in the order in which they come.
pub(crate) fn group<K: Eq + Hash, V>(pairs: impl IntoIterator<Item = (K, V)>) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for (key, value) in pairs {
        groups.entry(key).or_default().push(value);
    }
    groups
}

/// The different ones among `ids`, in order.
pub(crate) fn distinct<T: Ord>(ids: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut ids: Vec<T> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
