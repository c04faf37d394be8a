//! Everything that the doors share, built in one place from the bottom to the top.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::{Subject, Tokens, Viewer, bearer_or_bare, make_private};
use crate::chat::duty::{self, Duty};
use crate::chat::files::url_signer::UrlSigner;
use crate::chat::{Chat, Cx, Loops, conversations, directory, presence, typing, users};
use crate::chat::{Foundation, event, files, limit, log, messages, search};
use crate::cluster::Cluster;
use crate::cluster::agreement::Settings;
use crate::cluster::nodes::Node;
use crate::config::Config;
use crate::connection::endings::Endings;
use crate::entity::clock;
use crate::error::{Error, Kind, Result};
use crate::http::access;
use crate::id::{ConversationId, UserId};
use crate::live::{Hub, dispatch, standings};
use crate::store::{Blobs, Store};
use crate::telemetry;
use crate::webhooks::{self, EnabledEndpoints};

/// The running server without its doors.
pub struct App {
    pub config: Arc<Config>,
    pub chat: Arc<Chat>,
    pub webhook_endpoints: Arc<EnabledEndpoints>,
    pub hub: Arc<Hub>,
    pub tokens: Tokens,
    /// The live connections, and how they end.
    pub endings: Arc<Endings>,
    /// Ends when nobody is to connect any more.
    pub closing: CancellationToken,
    /// Ends when the server stops.
    pub stopping: CancellationToken,
    /// Told when what the settings name in files is to be read again: the certificate.
    pub read_again: Notify,
    draining: AtomicBool,
    store: Store,
    tasks: TaskTracker,
    writer: TaskTracker,
}

/// How often memory is looked after.
const TIDY_INTERVAL: Duration = Duration::from_secs(10);
/// How often the bytes of deleted files are removed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// How often it is measured what nobody says by itself.
const MEASURE_INTERVAL: Duration = Duration::from_secs(1);
/// How often the latest activity is carried to the lists of conversations.
const CARRY_INTERVAL: Duration = Duration::from_secs(1);
/// How long balancers have to notice that a server is not ready any more (protocol §14).
const NOTICE_TIME: Duration = Duration::from_secs(5);
/// The shortest pause between two portions of what is tidied up.
const TIDY_PAUSE: Duration = Duration::from_millis(20);
/// How long the last writing may take when the server stops.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
const PRUNE_INTERVAL: Duration = Duration::from_secs(3600);

impl App {
    /// Opens the data folder, the keys and the database, and starts what runs beside the doors.
    ///
    /// # Errors
    /// Webhook endpoints that make no sense, a folder that cannot be made, keys that cannot be read, a database that
    /// cannot be reached or migrated.
    pub async fn open(config: Config) -> anyhow::Result<Arc<Self>> {
        telemetry::install();
        webhooks::settings::check(&config.webhooks)?;
        let config = Arc::new(config);
        let folder = &config.server.data_dir;
        make_private(folder).with_context(|| format!("The data folder {} cannot be made", folder.display()))?;
        let tokens = Tokens::open(&config.auth, folder).await?;
        let url = config.database_url();
        let (readers, count_work) = (usize::from(config.database.connections), config.database.count_work);
        let store = Store::open_to_serve(&url, readers, count_work).await?;
        telemetry::build(env!("CARGO_PKG_VERSION"), store.kind());
        telemetry::hub_lag(0, Duration::ZERO);
        let stopping = CancellationToken::new();
        let (tasks, writer_task) = (TaskTracker::new(), TaskTracker::new());

        let (sink, drain) = event::sink();
        let signer = UrlSigner::open(&store, config.server.public_url.as_deref()).await;
        let signer = signer.context("The key of links cannot be read")?;
        let blobs = Blobs::open(&config).await?;
        let (cluster, hearing) = Cluster::open(&config, &store, &tasks, &stopping).await?;
        let webhook_endpoints = Arc::<EnabledEndpoints>::default();
        let foundation = Foundation {
            store: store.clone(),
            blobs,
            config: Arc::clone(&config),
            signer,
            cluster,
            sink,
            stopping: stopping.clone(),
        };
        let outbox = webhooks::outbox(Arc::clone(&webhook_endpoints));
        let (chat, Loops { writer, notes }) = Chat::new(foundation, messages::apply, messages::apply_at_once, outbox);
        let stop = stopping.clone();
        writer_task.spawn(on_a_thread("writer", async move || stop_on_panic(writer(), stop).await)?);
        let stop = stopping.clone();
        writer_task.spawn(on_a_thread("notes", async move || stop_on_panic(notes(), stop).await)?);
        typing::forget_expired(&chat).await.context("The database cannot be written")?;

        let head = log::current_head(&chat).await.context("The log cannot be read")?;
        let hub = Hub::new(Arc::clone(&chat), head);
        tasks.spawn(stop_on_panic(
            dispatch(Arc::clone(&chat), Arc::clone(&hub), drain, hearing, stopping.clone()),
            stopping.clone(),
        ));
        let standings = standings::watch(Arc::clone(&chat), Arc::clone(&hub), stopping.clone());
        tasks.spawn(stop_on_panic(standings, stopping.clone()));
        tasks.spawn(stop_on_panic(maintain(Arc::clone(&chat), stopping.clone()), stopping.clone()));
        tasks.spawn(sweep_files(Arc::clone(&chat), stopping.clone()));
        tasks.spawn(tidy_closed_groups(Arc::clone(&chat), stopping.clone()));
        tasks.spawn(measure(Arc::clone(&chat), stopping.clone()));
        tasks.spawn(carry_activity(Arc::clone(&chat), stopping.clone()));
        tasks.spawn(complete_names(Arc::clone(&chat), stopping.clone()));
        if search::rewrite::look(&chat).await.context("The database cannot be read")? > 0 {
            tasks.spawn(rewrite_words(Arc::clone(&chat), stopping.clone()));
        }
        Ok(Arc::new(Self {
            config,
            chat,
            webhook_endpoints,
            hub,
            tokens,
            endings: Endings::new(stopping.clone()),
            closing: stopping.child_token(),
            stopping,
            read_again: Notify::new(),
            draining: AtomicBool::new(false),
            store,
            tasks,
            writer: writer_task,
        }))
    }

    /// How many statements the database was asked so far.
    pub fn statements(&self) -> u64 {
        self.store.statements()
    }

    /// How many of them the writer ran: what changes nothing adds none.
    pub fn written(&self) -> u64 {
        self.store.written()
    }

    /// How many steps SQLite has taken so far, where the settings of a test have them counted.
    pub fn steps(&self) -> u64 {
        self.store.steps()
    }

    /// The database by name and version, as far as it says.
    pub async fn database(&self) -> String {
        let kind = self.store.kind();
        self.store.version().await.map_or_else(|_| kind.to_owned(), |version| format!("{kind} {version}"))
    }

    /// Who a token speaks for.
    ///
    /// # Errors
    /// `Unauthenticated` for no valid token, `Forbidden` for a user who is banned, `Unavailable` without the database.
    pub async fn authenticate(&self, token: &str) -> Result<Cx> {
        let signed_in = self.sign_in(token).await;
        telemetry::signed_in(match &signed_in {
            Ok(_) => "accepted",
            Err(refused) => sign_in_result(refused.kind),
        });
        let viewer = signed_in?;
        // In the span of the request or the connection, if there is one.
        tracing::Span::current().record("user", viewer.id.get());
        access::note_user(viewer.id);
        Ok(Cx::new(Arc::clone(&self.chat), viewer))
    }

    async fn sign_in(&self, token: &str) -> Result<Viewer> {
        let claims = self.tokens.verify(token).await?;
        let viewer = users::authenticate_user(&self.chat, &claims).await;
        viewer.inspect_err(|refused| {
            if matches!(refused.kind, Kind::Unauthenticated | Kind::Forbidden) {
                tracing::info!(target: "confab::auth", reason = %refused, "somebody is refused");
            }
        })
    }

    /// The number of the user whom a token speaks for, if it is good and they were seen before.
    pub async fn identify(&self, token: &str) -> Option<i64> {
        match self.tokens.verify(token).await.ok()?.user {
            Subject::Number(number) => Some(number),
            Subject::Text(text) => users::find_external(&self.chat, &text).await.ok()?.map(UserId::get),
        }
    }

    /// The caller of an open connection, by a new token.
    ///
    /// # Errors
    /// `Unauthenticated` for another user's token, besides those of [`App::authenticate`].
    pub async fn renew(&self, cx: &Cx, token: &str) -> Result<Cx> {
        let renewed = self.authenticate(bearer_or_bare(token).unwrap_or_default()).await?;
        if renewed.me() == cx.me() { Ok(renewed) } else { Err(Error::unauthenticated("The token is another user's")) }
    }

    /// Whether a connection ends since it was offered a token that is refused for this: a token that cannot be looked at
    /// now leaves the one that it has as good as it was.
    pub fn ends_connection(refused: &Error) -> bool {
        matches!(refused.kind, Kind::Unauthenticated | Kind::Forbidden)
    }

    /// Becomes a node of this database, before the doors open at `address`.
    ///
    /// # Errors
    /// Another node that is alive, with other keys or another storage of files.
    pub async fn join(&self, address: Option<SocketAddr>) -> anyhow::Result<()> {
        let settings = Settings::of(&self.config, self.tokens.fingerprints(), self.chat.blobs.identity().await);
        let others = presence::other_nodes(&self.chat).await;
        let others = others.context("The nodes of this database cannot be read")?;
        // With one that is about to end, or has, nobody has to agree any more.
        for other in others.into_iter().filter(|other| !other.draining) {
            settings.must_agree_with(&other).map_err(anyhow::Error::msg)?;
        }
        let node = self.node(address, &settings);
        if let Err(error) = presence::register(&self.chat, node.clone()).await {
            tracing::warn!(%error, "that this node is there is written down soon");
        }
        self.chat.cluster.heard_all().await;
        self.tasks.spawn(presence::keep(Arc::clone(&self.chat), self.stopping.clone()));
        let live = presence::live(Arc::clone(&self.chat), node, self.stopping.clone());
        self.tasks.spawn(stop_on_panic(live, self.stopping.clone()));
        Ok(())
    }

    /// Does something without being a node. Those of this database hear of it at once where they hear each other.
    pub async fn beside_nodes<T>(&self, work: impl Future<Output = T>) -> T {
        let cluster = &self.chat.cluster;
        if let Ok(nodes) = presence::other_nodes(&self.chat).await {
            cluster.know(&nodes);
        }
        cluster.heard_all().await;
        let done = work.await;
        cluster.told_all().await;
        done
    }

    /// This node, as the others see it.
    fn node(&self, address: Option<SocketAddr>, settings: &Settings) -> Node {
        let host = std::env::var("HOSTNAME").ok().filter(|host| !host.is_empty());
        let host = host.unwrap_or_else(|| "localhost".to_owned());
        let name = self.config.cluster.name.clone();
        let named = || address.map_or_else(|| host.clone(), |address| format!("{host}:{}", address.port()));
        Node {
            id: self.chat.cluster.me().clone(),
            name: name.unwrap_or_else(named),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            address: self.config.cluster.address.clone(),
            settings: settings.to_text(),
            draining: false,
            started_at: clock::now(),
            seen_until: clock::now(),
        }
    }

    /// Whether the server is about to stop, and should be sent nothing more.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire) || self.stopping.is_cancelled()
    }

    /// Leaves the clients to the other nodes, if there are any: nobody new after a moment, in which balancers notice, and
    /// those who are connected one after the other.
    pub async fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        let window = Duration::from_secs(self.config.server.drain_seconds);
        if window.is_zero() || !self.chat.cluster.has_successors() {
            return;
        }
        self.chat.cluster.drain();
        sleep(NOTICE_TIME).await;
        self.closing.cancel();
        self.endings.spread(window).await;
    }

    /// Stops what runs beside the doors and closes the database, once the doors are shut.
    pub async fn close(self: Arc<Self>) {
        self.stopping.cancel();
        // Whoever still asks had the time for last requests.
        self.store.stop_reading();
        self.tasks.close();
        if tokio::time::timeout(CLOSE_TIMEOUT, self.tasks.wait()).await.is_err() {
            tracing::warn!("what runs beside the doors did not end in time, and is left");
        }
        if !matches!(tokio::time::timeout(CLOSE_TIMEOUT, presence::leave(&self.chat)).await, Ok(Ok(()))) {
            tracing::warn!("that everybody is gone could not be written, the next start sees to it");
        }
        match Arc::try_unwrap(self) {
            Ok(app) => {
                let Self { chat, hub, store, writer, .. } = app;
                drop(hub);
                drop(chat);
                writer.close();
                let _unfinished = tokio::time::timeout(CLOSE_TIMEOUT, writer.wait()).await;
                if tokio::time::timeout(CLOSE_TIMEOUT, store.close()).await.is_err() {
                    tracing::warn!("the database did not close in time, and is left");
                }
            }
            Err(_) => tracing::debug!("a connection is still open, the database is left to it"),
        }
    }
}

/// What the metrics call a sign-in that came to this.
fn sign_in_result(refused: Kind) -> &'static str {
    match refused {
        Kind::Unauthenticated => "refused",
        Kind::Forbidden => "banned",
        _ => "unavailable",
    }
}

/// Runs work on a thread of its own, so that its future need not be one that moves between threads; what is returned
/// resolves when it has ended.
///
/// # Errors
/// When the system gives no thread.
fn on_a_thread<F>(name: &str, work: F) -> std::io::Result<impl Future<Output = ()> + use<F>>
where
    F: AsyncFnOnce() + Send + 'static,
{
    let runtime = tokio::runtime::Handle::current();
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        #[expect(clippy::disallowed_methods, reason = "this thread is nobody else's")]
        runtime.block_on(work());
        drop(ended);
    })?;
    Ok(async move { drop(end.await) })
}

/// Runs what the server cannot be without: should it panic, the server stops, for somebody to start it anew.
async fn stop_on_panic(task: impl Future<Output = ()>, stopping: CancellationToken) {
    if AssertUnwindSafe(task).catch_unwind().await.is_err() {
        tracing::error!("a task panicked without which nothing goes on: the server stops");
        stopping.cancel();
    }
}

async fn maintain(chat: Arc<Chat>, stopping: CancellationToken) {
    let mut tick = tokio::time::interval(TIDY_INTERVAL);
    let mut pruned = None;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stopping.cancelled() => return,
        }
        limit::forget_idle(&chat).await;
        if pruned.is_none_or(|at: Instant| at.elapsed() > PRUNE_INTERVAL) && duty::is_mine(&chat, Duty::Prune).await {
            if let Err(error) = log::prune(&chat).await {
                tracing::debug!(%error, "the log is pruned later");
            }
            pruned = Some(Instant::now());
        }
    }
}

async fn measure(chat: Arc<Chat>, stopping: CancellationToken) {
    let mut tick = tokio::time::interval(MEASURE_INTERVAL);
    loop {
        tokio::select! {
            _ = tick.tick() => chat.measure(),
            () = stopping.cancelled() => return,
        }
    }
}

async fn sweep_files(chat: Arc<Chat>, stopping: CancellationToken) {
    let mut tick = tokio::time::interval(SWEEP_INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut judged = None;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stopping.cancelled() => return,
        }
        if !duty::is_mine(&chat, Duty::Sweep).await {
            continue;
        }
        match files::sweep::sweep(&chat, judged).await {
            Ok(until) => judged = Some(until),
            Err(error) => tracing::debug!(%error, "files are swept again soon"),
        }
    }
}

/// Leaves the writer to others for as long as each portion took, so that whoever writes waits for one of them at most.
async fn tidy_closed_groups(chat: Arc<Chat>, stopping: CancellationToken) {
    let mut pause = SWEEP_INTERVAL;
    loop {
        tokio::select! {
            () = sleep(pause) => {}
            () = stopping.cancelled() => return,
        }
        if !duty::is_mine(&chat, Duty::Tidy).await {
            pause = SWEEP_INTERVAL;
            continue;
        }
        let started = Instant::now();
        pause = match conversations::tidy(&chat).await {
            Ok(true) => started.elapsed().clamp(TIDY_PAUSE, SWEEP_INTERVAL),
            Ok(false) => SWEEP_INTERVAL,
            Err(error) => {
                tracing::debug!(%error, "closed groups are tidied up again soon");
                SWEEP_INTERVAL
            }
        };
    }
}

/// The same, for the lists of conversations.
async fn carry_activity(chat: Arc<Chat>, stopping: CancellationToken) {
    let (mut pause, mut after) = (CARRY_INTERVAL, ConversationId::stored(0));
    loop {
        tokio::select! {
            () = sleep(pause) => {}
            () = stopping.cancelled() => return,
        }
        if !duty::is_mine(&chat, Duty::Carry).await {
            pause = CARRY_INTERVAL;
            continue;
        }
        let started = Instant::now();
        pause = match conversations::carry(&chat, after).await {
            Ok(carried) => {
                after = carried.next;
                if carried.more { started.elapsed().clamp(TIDY_PAUSE, CARRY_INTERVAL) } else { CARRY_INTERVAL }
            }
            Err(error) => {
                tracing::debug!(%error, "activity is carried to the lists again soon");
                CARRY_INTERVAL
            }
        };
    }
}

/// Names that a program of before has written have no words yet: at first all of them, later those of a node that is one
/// release behind.
async fn complete_names(chat: Arc<Chat>, stopping: CancellationToken) {
    let mut pause = TIDY_PAUSE;
    loop {
        tokio::select! {
            () = sleep(pause) => {}
            () = stopping.cancelled() => return,
        }
        if !duty::is_mine(&chat, Duty::Names).await {
            pause = SWEEP_INTERVAL;
            continue;
        }
        let started = Instant::now();
        pause = match directory::names::complete(&chat).await {
            Ok(true) => started.elapsed().clamp(TIDY_PAUSE, SWEEP_INTERVAL),
            Ok(false) => SWEEP_INTERVAL,
            Err(error) => {
                tracing::debug!(%error, "words of names are written again soon");
                SWEEP_INTERVAL
            }
        };
    }
}

/// Leaves the writer to others for as long as each portion took, and ends with the last one.
async fn rewrite_words(chat: Arc<Chat>, stopping: CancellationToken) {
    let mut pause = TIDY_PAUSE;
    loop {
        tokio::select! {
            () = sleep(pause) => {}
            () = stopping.cancelled() => return,
        }
        let started = Instant::now();
        pause = match search::rewrite::rewrite(&chat).await {
            Ok(true) => started.elapsed().clamp(TIDY_PAUSE, SWEEP_INTERVAL),
            Ok(false) => return,
            Err(error) => {
                tracing::debug!(%error, "words are written anew again soon");
                SWEEP_INTERVAL
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use chrono::TimeDelta;

    use super::*;
    use crate::chat::Viewer;
    use crate::chat::conversations::{CreateGroup, create_group};
    use crate::chat::event::Topic;
    use crate::chat::users::UserInput;
    use crate::chat::writer::Batch;
    use crate::live::Interest;

    #[tokio::test]
    async fn a_change_that_panics_is_undone_and_the_next_one_is_made() {
        let folder = std::env::temp_dir().join(format!("confab_app_{}", uuid::Uuid::new_v4().simple()));
        let mut config = Config::default();
        config.server.data_dir = folder.clone();
        let app = App::open(config).await.unwrap();
        let user = |id: i64| UserInput {
            id: UserId::new(id),
            external_id: None,
            name: format!("User {id}"),
            avatar_url: None,
        };
        let failed = app.chat.write::<(), _>(async |_: &mut Batch| panic!("of the test"));
        assert_eq!(failed.await.map_err(|error| error.kind), Err(Kind::Unavailable));
        assert_eq!(users::upsert_as_server(&app.chat, vec![user(1)]).await.map(|users| users.len()), Ok(1));
        app.close().await;
        std::fs::remove_dir_all(folder).ok();
    }

    #[tokio::test]
    async fn a_connection_that_is_behind_reads_in_its_turn_and_begins_nothing_anew_when_it_is_interrupted() {
        let folder = std::env::temp_dir().join(format!("confab_listener_{}", uuid::Uuid::new_v4().simple()));
        let mut config = Config::default();
        config.server.data_dir = folder.clone();
        let app = App::open(config).await.unwrap();
        let (id, name) = (UserId::stored(1), "Alice".to_owned());
        users::upsert_as_server(
            &app.chat,
            vec![UserInput { id: Some(id), external_id: None, name: name.clone(), avatar_url: None }],
        )
        .await
        .unwrap();
        let viewer = Viewer { id, name, admin: false, issued: None, expires: clock::now() + TimeDelta::hours(1) };
        let cx = Cx::new(Arc::clone(&app.chat), viewer);
        let group = CreateGroup { name: "Team".to_owned(), ..CreateGroup::default() };
        create_group(&cx, group).await.unwrap();

        let mut listeners = Vec::new();
        for _ in 0..3 {
            let listener = app.hub.listen(&cx, "test").await.unwrap();
            listener.set_interest(Interest::NOTHING.with(Topic::Conversations));
            listener.rewind(0, &mut VecDeque::new());
            listeners.push(listener);
        }
        // One of this user's connections reads: the others wait.
        let other = listeners[0].log_turns.clone().acquire_owned().await.unwrap();
        for _ in 0..20 {
            for listener in &mut listeners {
                assert!(listener.next(&mut VecDeque::new()).now_or_never().is_none());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(other);
        for listener in &mut listeners {
            let (mut looked, mut heard) = (0, VecDeque::new());
            // Interrupted again and again, as by a client that never stops asking.
            while listener.next(&mut heard).now_or_never().transpose().unwrap().is_none() {
                looked += 1;
                assert!(looked < 5_000, "interruptions keep it from ever reading");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert_eq!(heard.iter().map(|event| event.position).collect::<Vec<_>>(), [Some(1)]);
        }
        drop(listeners);
        drop(cx);
        app.close().await;
        std::fs::remove_dir_all(folder).ok();
    }
}
