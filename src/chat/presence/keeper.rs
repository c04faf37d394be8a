//! Keeps written down who is connected to this node, gives its signs of life, and buries the nodes that give none. Who comes
//! and goes is gathered while the last of them are written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::attendance::{self, MAX_TOGETHER};
use super::leases;
use crate::chat::Chat;
use crate::chat::duty::{self, Duty};
use crate::chat::notes::Note;
use crate::cluster::connections::Attendance;
use crate::cluster::nodes::{self, LEASE, Node, SIGN_INTERVAL};
use crate::entity::clock;
use crate::error::Result;
use crate::id::UserId;
use crate::telemetry;

/// How long it waits after the database was away.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Writes down who comes and goes, until the server stops.
pub(crate) async fn keep(chat: Arc<Chat>, stopping: CancellationToken) {
    while stopping.run_until_cancelled(chat.connections.changed()).await.is_some() {
        loop {
            let changed = chat.connections.take_changed(MAX_TOGETHER);
            if changed.people.is_empty() {
                break;
            }
            let was_stated = Arc::new(AtomicBool::new(false));
            if let Err(error) = write(&chat, changed.people.clone(), was_stated.clone()).await {
                tracing::debug!(%error, "who is connected is written down again soon");
                chat.connections.give_back(&changed.people, was_stated.load(Ordering::SeqCst));
                drop(changed);
                if stopping.run_until_cancelled(sleep(RETRY_INTERVAL)).await.is_none() {
                    return;
                }
            }
        }
    }
}

/// Writes down who came and went. Where this fails and `was_stated` is true, only the commit may have failed, or the answer
/// to it: it may be written down, and nobody was told.
async fn write(chat: &Chat, changed: Vec<Attendance>, was_stated: Arc<AtomicBool>) -> Result<()> {
    let node = chat.cluster.me().clone();
    chat.note(async move |note: &mut Note<'_>| {
        attendance::write(note, &node, &changed).await?;
        was_stated.store(true, Ordering::SeqCst);
        Ok(())
    })
    .await
}

/// Writes this node down, before its doors open.
///
/// # Errors
/// `Unavailable` without the database.
pub(crate) async fn register(chat: &Arc<Chat>, node: Node) -> Result<()> {
    let is_first = chat.cluster.ways().is_empty();
    chat.note(async move |note: &mut Note<'_>| {
        nodes::register(note.tx, &node).await?;
        if is_first {
            // Whoever was here when the last process ended is gone, and has a few seconds to be back.
            for other in nodes::all(note.tx).await?.iter().filter(|other| other.id != node.id) {
                attendance::end(note, &other.id).await?;
            }
        }
        Ok(())
    })
    .await?;
    meet(chat).await
}

/// Gives the signs of life of this node and looks after those of others, until the server stops.
pub(crate) async fn live(chat: Arc<Chat>, node: Node, stopping: CancellationToken) {
    let mut tick = interval(SIGN_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Those who count as connected to no node are looked for when all had the time to say who is.
    let mut lost_from = Some(Instant::now() + LEASE.to_std().unwrap_or_default());
    let mut looked = clock::now();
    // A sign that failed may have been written down all the same, and this node with it.
    let mut sign_failed = false;
    while stopping.run_until_cancelled(tick.tick()).await.is_some() {
        match sign(&chat, &node).await {
            Ok(was_alive) => {
                if !was_alive {
                    tracing::warn!("this node counted as ended: it says anew who is connected to it");
                }
                if !was_alive || sign_failed {
                    chat.connections.all_changed();
                    lost_from = Some(Instant::now() + LEASE.to_std().unwrap_or_default());
                }
                sign_failed = false;
            }
            Err(error) => {
                tracing::debug!(%error, "this node gives its sign of life again soon");
                sign_failed = true;
                continue;
            }
        }
        let looks = async {
            meet(&chat).await?;
            if duty::is_mine(&chat, Duty::Bury).await {
                bury_ended(&chat).await?;
                looked = leases::tell_of_ended(&chat, looked).await?;
            } else {
                looked = clock::now();
            }
            if lost_from.is_some_and(|from| from <= Instant::now()) {
                bury_lost(&chat).await?;
                lost_from = None;
            }
            Ok::<_, crate::error::Error>(())
        };
        if let Err(error) = looks.await {
            tracing::debug!(%error, "who is gone is looked after again soon");
        }
    }
}

/// A sign of life; false where the node had to register anew.
async fn sign(chat: &Chat, node: &Node) -> Result<bool> {
    if !chat.store.has_aside() {
        return Ok(true);
    }
    let node = Node { draining: chat.cluster.is_draining(), ..node.clone() };
    chat.note(async move |note: &mut Note<'_>| {
        nodes::follow_clock(note.tx).await?;
        let alive = nodes::sign(note.tx, &node.id, node.draining).await?;
        if !alive {
            nodes::register(note.tx, &node).await?;
        }
        Ok(alive)
    })
    .await
}

/// All nodes that are written down, and how each is.
///
/// # Errors
/// `Unavailable` without the database.
pub(crate) async fn all_nodes(chat: &Chat) -> Result<Vec<(Node, &'static str)>> {
    let now = clock::now();
    let all = nodes::all(&chat.store.reader()).await?;
    let with_state = |node: Node| {
        let state = node.state(now);
        (node, state)
    };
    Ok(all.into_iter().map(with_state).collect())
}

/// The other nodes of this database that are alive. A server on SQLite has none.
///
/// # Errors
/// `Unavailable` without the database.
pub(crate) async fn other_nodes(chat: &Chat) -> Result<Vec<Node>> {
    if !chat.store.has_aside() {
        return Ok(Vec::new());
    }
    let (now, me) = (clock::now(), chat.cluster.me());
    let all = nodes::all(&chat.store.reader()).await?;
    Ok(all.into_iter().filter(|node| node.is_alive(now) && node.id != *me).collect())
}

/// Learns which nodes are alive.
async fn meet(chat: &Chat) -> Result<()> {
    let alive = other_nodes(chat).await?;
    telemetry::nodes(alive.len() + 1);
    let was_alone = !chat.cluster.has_peers();
    chat.cluster.know(&alive);
    if was_alone && chat.cluster.has_peers() {
        // How many connections there are was nobody's business before.
        chat.connections.all_changed();
    }
    Ok(())
}

/// Buries the nodes that have ended: whoever was connected to them is gone, unless they are connected to another one.
async fn bury_ended(chat: &Chat) -> Result<()> {
    let now = clock::now();
    let me = chat.cluster.me();
    let all = nodes::all(&chat.store.reader()).await?;
    let ended = all.into_iter().filter(|node| !node.is_alive(now) && node.id != *me).map(|node| node.id);
    for node in ended.chain(attendance::forgotten_nodes(&chat.store.reader()).await?) {
        while bury_some(chat, &node).await? {}
        chat.note(async move |note: &mut Note<'_>| Ok(nodes::remove(note.tx, &node).await?)).await?;
    }
    Ok(())
}

/// Whether there were any.
async fn bury_some(chat: &Chat, node: &str) -> Result<bool> {
    let node = node.to_owned();
    chat.note(async move |note: &mut Note<'_>| {
        // It may have come back meanwhile.
        if !nodes::has_ended(note.tx, &node).await? {
            return Ok(false);
        }
        let people = attendance::of_ended(note.tx, &node, MAX_TOGETHER).await?;
        attendance::bury(note, &node, &people).await?;
        Ok(!people.is_empty())
    })
    .await
}

async fn bury_lost(chat: &Chat) -> Result<()> {
    loop {
        let lost: Vec<UserId> = attendance::lost(&chat.store.reader(), MAX_TOGETHER).await?;
        if lost.is_empty() {
            return Ok(());
        }
        chat.note(async move |note: &mut Note<'_>| attendance::bury(note, "", &lost).await).await?;
    }
}

/// Says that this node has ended. Alone, nobody is here from then on; while there are others, whoever comes to one of them
/// in time was never gone.
///
/// # Errors
/// `Unavailable` without the database; then the time of the node runs out.
pub(crate) async fn leave(chat: &Chat) -> Result<()> {
    chat.connections.close();
    let (node, may_have_others) = (chat.cluster.me().clone(), chat.store.has_aside());
    chat.note(async move |note: &mut Note<'_>| {
        nodes::end(note.tx, &node).await?;
        let (all, now) = (nodes::all(note.tx).await?, note.now);
        let stays = |node: &Node| may_have_others && node.is_alive(now) && !node.draining;
        if !all.iter().any(stays) {
            // With those who were connected to the nodes that have stopped just before.
            for ended in &all {
                attendance::end(note, &ended.id).await?;
            }
        }
        Ok(())
    })
    .await
}
