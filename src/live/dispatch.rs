//! From the writer and from other nodes to the hub: keeps the order of the log's positions and fills every hole from the
//! log, so that a lost hint, of this node or of another one on the same database, costs time and never an event. The one
//! place that knows the order.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Hub;
use super::early::Early;
use super::latest::Latest;
use super::waking::wake;
use crate::chat::event::{Drain, Event, EventType, Fact};
use crate::chat::{Chat, log, presence, relay, typing, users};
use crate::cluster::frame::News;
use crate::cluster::hearing::Hearing;
use crate::entity::presence::PresenceStatus;
use crate::error::Result;
use crate::id::ConversationId;
use crate::telemetry;

/// How often the log is looked at even if nothing was announced; and while other nodes may not be heard.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
const DEAF_SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// How long an event that is missing may still come by itself: of several nodes that write at once, one is told first.
const HOLE_WINDOW: Duration = Duration::from_millis(25);
/// How long it takes until the log is asked again after it could not be read.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);
/// Events that are read from the log at once.
const MAX_PAGE_EVENTS: u64 = 500;

/// Events of which nobody is told before more are routed: a feed has room for four times as many.
const MAX_UNHEARD: usize = 64;
/// Signals of presence of which it is looked up who may know. What comes while so many wait is told to nobody.
const MAX_WAITING_PRESENCE: usize = 16_384;

/// A signal of presence, and the conversations in which somebody listened when it came ([`Hub::rooms_that_hear_of`]).
type Heard = (Arc<Event>, Option<Vec<ConversationId>>);

/// Routes until the server stops.
pub async fn dispatch(chat: Arc<Chat>, hub: Arc<Hub>, drain: Drain, hearing: Hearing, stopping: CancellationToken) {
    let (presence, heard) = mpsc::channel(MAX_WAITING_PRESENCE);
    let telling = tell_presence(Arc::clone(&chat), Arc::clone(&hub), heard, stopping.clone());
    let dispatcher = Dispatcher {
        chat,
        hub,
        presence,
        early: Early::default(),
        latest: Latest::default(),
        hole_since: None,
        behind_since: None,
        swept: Instant::now(),
        woken: Vec::new(),
    };
    tokio::join!(dispatcher.run(drain, hearing, stopping), telling);
}

/// Tells those how somebody is who share a conversation: in the order in which that came, and beside all else, which does
/// not wait until it was looked up.
async fn tell_presence(chat: Arc<Chat>, hub: Arc<Hub>, mut heard: mpsc::Receiver<Heard>, stopping: CancellationToken) {
    let mut woken = Vec::new();
    while let Some((event, rooms)) = stopping.run_until_cancelled(heard.recv()).await.flatten() {
        match presence::for_listeners(&chat, &event, rooms.as_deref()).await {
            Ok(Some(event)) => {
                hub.deliver(&Arc::new(event), &mut woken);
                wake(&mut woken);
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "a signal of presence is told to nobody"),
        }
    }
}

struct Dispatcher {
    chat: Arc<Chat>,
    hub: Arc<Hub>,
    presence: mpsc::Sender<Heard>,
    early: Early,
    latest: Latest,
    /// Since when something is missing before what was heard of.
    hole_since: Option<Instant>,
    /// Since when events are known to be there that were not told yet.
    behind_since: Option<Instant>,
    /// When the log was looked at last.
    swept: Instant,
    /// Those who were told something and are not woken yet: who is told many things at once is woken once.
    woken: Vec<Waker>,
}

impl Dispatcher {
    async fn run(mut self, mut drain: Drain, mut hearing: Hearing, stopping: CancellationToken) {
        let mut events = Vec::new();
        loop {
            tokio::select! {
                open = drain.take(&mut events) => {
                    if !open { return }
                    let overflowed = drain.overflowed();
                    self.own(&mut events);
                    wake(&mut self.woken);
                    if overflowed {
                        self.sweep().await;
                    }
                }
                news = hearing.next() => self.hear(news),
                () = sleep_until(self.due().min(Instant::now() + DEAF_SWEEP_INTERVAL)) => {
                    // That others are not heard any more wakes nobody: it is asked each second.
                    if self.due() <= Instant::now() {
                        self.look().await;
                    }
                }
                () = stopping.cancelled() => return,
            }
            wake(&mut self.woken);
            self.note_holes();
        }
    }

    /// What this node has committed, or signals: told here, and then to the other nodes.
    fn own(&mut self, events: &mut Vec<Arc<Event>>) {
        let told = self.chat.cluster.has_peers().then(|| events.clone());
        self.chat.heard(events.iter().map(Arc::as_ref));
        for (place, event) in (1..).zip(events.drain(..)) {
            self.route(event);
            if place % MAX_UNHEARD == 0 {
                wake(&mut self.woken);
            }
        }
        if let Some(told) = told {
            tell_others(&self.chat, &told);
        }
    }

    /// What another node told; nothing where something may have been missed.
    fn hear(&mut self, news: Option<News>) {
        match news {
            Some(News::Events { from, to, events }) => {
                let told = from < to;
                if told {
                    self.early.reaches(to);
                }
                self.hear_events(events.filter(|_| told).as_deref(), true);
            }
            Some(News::Signals(signals)) => self.hear_events(Some(&signals), false),
            Some(News::People(people)) => users::forget(&self.chat, &people),
            Some(News::Standings(people)) => users::standing::heard(&self.chat, &people),
            Some(News::Beat { head, .. }) => self.early.reaches(head),
            None => {
                self.swept = Instant::now() - SWEEP_INTERVAL;
                users::standing::heard(&self.chat, &[]);
            }
        }
    }

    fn hear_events(&mut self, text: Option<&RawValue>, durable: bool) {
        let events = text.and_then(relay::read).unwrap_or_default();
        let events = events.into_iter().filter(|event| event.position.is_some() == durable);
        let events: Vec<Arc<Event>> = events.map(Arc::new).collect();
        self.chat.heard(events.iter().map(Arc::as_ref));
        for event in events {
            match &event.fact {
                Fact::Message(message) if event.kind == EventType::MessageSent => {
                    typing::end_here(&self.chat, message.conversation_id, message.sender_id);
                }
                Fact::Typing(indicator) => typing::take_over(&self.chat, indicator),
                _ => {}
            }
            self.route(event);
        }
    }

    /// Delivers an event to the hub when it is its turn.
    fn route(&mut self, event: Arc<Event>) {
        let Some(position) = event.position else { return self.signal(event) };
        let routed = self.hub.position();
        if position == routed + 1 {
            self.hub.deliver(&event, &mut self.woken);
            self.deliver_kept();
        } else if position > routed {
            self.early.keep(position, event);
            self.deliver_kept();
        }
    }

    fn signal(&mut self, event: Arc<Event>) {
        let Fact::Presence { presence, version, .. } = &event.fact else {
            return self.hub.deliver(&event, &mut self.woken);
        };
        if !self.latest.is_new(event.actor, *version, presence.status == PresenceStatus::Offline) {
            return;
        }
        self.hub.deliver(&event, &mut self.woken);
        let rooms = self.hub.rooms_that_hear_of(event.actor);
        if rooms.as_ref().is_none_or(|rooms| !rooms.is_empty()) && self.presence.try_send((event, rooms)).is_err() {
            tracing::debug!("a signal of presence is told to nobody: too many wait");
        }
    }

    fn deliver_kept(&mut self) {
        while let Some(event) = self.early.next(self.hub.position()) {
            self.hub.deliver(&event, &mut self.woken);
        }
    }

    fn note_holes(&mut self) {
        let routed = self.hub.position();
        self.chat.cluster.routed(routed);
        match (self.early.missing(routed), self.hole_since) {
            (Some(_), None) => self.hole_since = Some(Instant::now()),
            (None, Some(_)) => self.hole_since = None,
            _ => {}
        }
        match (self.early.lag(routed), self.behind_since) {
            (0, None) => {}
            (0, Some(_)) => {
                self.behind_since = None;
                telemetry::hub_lag(0, Duration::ZERO);
                self.hub.behind_since(None);
            }
            (lag, since) => {
                let since = *self.behind_since.insert(since.unwrap_or_else(Instant::now));
                telemetry::hub_lag(lag, since.elapsed());
                self.hub.behind_since(Some(since));
            }
        }
    }

    /// When the log has to be looked at next, if nothing happens until then.
    fn due(&self) -> Instant {
        let interval = if self.chat.cluster.is_deaf() { DEAF_SWEEP_INTERVAL } else { SWEEP_INTERVAL };
        let sweep = self.swept + interval;
        self.hole_since.map_or(sweep, |since| sweep.min(since + HOLE_WINDOW))
    }

    async fn look(&mut self) {
        if self.hole_since.is_some_and(|since| since + HOLE_WINDOW <= Instant::now())
            && let Some(until) = self.early.missing(self.hub.position())
        {
            telemetry::hole_filled(if self.chat.cluster.is_deaf() { "deaf" } else { "late" });
            self.fill(until).await;
        } else {
            self.sweep().await;
        }
    }

    async fn sweep(&mut self) {
        self.swept = Instant::now();
        self.fill(i64::MAX).await;
    }

    async fn fill(&mut self, until: i64) {
        let filled = fill_from_log(&self.chat, &self.hub, until, &mut self.woken).await;
        self.deliver_kept();
        match filled {
            Ok(()) => {
                self.hole_since = None;
                self.early.looked(self.hub.position());
            }
            Err(error) => {
                tracing::debug!(%error, "the log cannot be read");
                // A database that is away is not asked every few milliseconds.
                self.hole_since = Some(Instant::now() + RETRY_INTERVAL);
            }
        }
    }
}

/// Tells the other nodes what was committed here, and what passes.
fn tell_others(chat: &Chat, events: &[Arc<Event>]) {
    let (durable, passing): (Vec<&Event>, Vec<&Event>) =
        events.iter().map(Arc::as_ref).partition(|event| event.position.is_some());
    let durable = durable.into_iter().filter_map(|event| Some((event.position?, relay::write(event))));
    chat.cluster.tell_events(durable.collect());
    chat.cluster.tell_signals(passing.into_iter().filter_map(relay::write).collect());
}

/// Delivers what the log has beyond the hub's position, up to `last` at least.
async fn fill_from_log(chat: &Chat, hub: &Hub, last: i64, woken: &mut Vec<Waker>) -> Result<()> {
    while hub.position() < last {
        let page = log::since(chat, hub.position(), MAX_PAGE_EVENTS).await?;
        chat.heard(&page.events);
        for (place, event) in (1..).zip(page.events) {
            hub.deliver(&Arc::new(event), woken);
            if place % MAX_UNHEARD == 0 {
                wake(woken);
            }
        }
        hub.advance_to(page.position);
        wake(woken);
        if page.complete {
            return Ok(());
        }
    }
    Ok(())
}
