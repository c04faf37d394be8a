//! The hub: which users are connected to this node, which conversations they are in, and where an event goes. It
//! learns joins and removals from the same ordered events that it routes, so a removed user hears nothing after.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Interest;
use super::feed::{Feed, Taken};
use crate::access;
use crate::chat::{Chat, Cx, conversations, presence};
use crate::error::{Error, Kind, Result};
use crate::event::{Event, EventType, Fact};
use crate::fault;
use crate::id::{ConversationId, UserId};
use crate::log;
use crate::metrics::Connected;

/// Memberships that changed of late; somebody whose memberships were read before those reads them again.
const REMEMBERED: usize = 1024;
/// Events that a connection which is behind reads from the log at once.
const STRETCH: u64 = 100;

/// Everybody who is connected to this node.
pub struct Hub {
    chat: Arc<Chat>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The newest durable event that was routed.
    position: i64,
    people: HashMap<UserId, Person>,
    rooms: HashMap<ConversationId, HashSet<UserId>>,
    changes: VecDeque<MembershipChange>,
    next: u64,
}

#[derive(Default)]
struct Person {
    feeds: Vec<(u64, Arc<Feed>)>,
    conversations: HashSet<ConversationId>,
}

struct MembershipChange {
    position: i64,
    conversation: ConversationId,
    user: UserId,
    joined: bool,
}

/// One connection that listens. Dropping it ends that.
pub struct Listener {
    hub: Arc<Hub>,
    cx: Cx,
    id: u64,
    feed: Arc<Feed>,
    connected: Connected,
    _attendance: presence::Attendance,
}

impl Hub {
    /// A hub that has routed everything up to `position`.
    pub fn new(chat: Arc<Chat>, position: i64) -> Arc<Self> {
        Arc::new(Self { chat, state: Mutex::new(State { position, ..State::default() }) })
    }

    /// Listens for the viewer from now on, at the door of this name: everything that is committed after this returns
    /// is heard.
    ///
    /// # Errors
    /// `Unavailable` without the database, `RateLimited` for more connections than one user may have.
    pub async fn listen(self: &Arc<Self>, cx: &Cx, door: &'static str) -> Result<Listener> {
        let attendance = presence::arrive(cx).await?;
        let (id, feed) = loop {
            if let Some(joined) = self.join(cx.me(), None)? {
                break joined;
            }
            // The head is read first: whatever changes in between is applied again, which does no harm.
            let head = log::head(cx).await?;
            let memberships = conversations::ids_of(cx).await?;
            if let Some(joined) = self.join(cx.me(), Some((head.position, memberships)))? {
                break joined;
            }
        };
        let connected = Connected::to(door);
        Ok(Listener { hub: Arc::clone(self), cx: cx.clone(), id, feed, connected, _attendance: attendance })
    }

    fn join(&self, user: UserId, read: Option<(i64, Vec<ConversationId>)>) -> Result<Option<(u64, Arc<Feed>)>> {
        let most = usize::try_from(self.chat.config.limits.connections_per_user).unwrap_or(usize::MAX);
        let mut state = self.lock();
        if most > 0 && state.people.get(&user).is_some_and(|person| person.feeds.len() >= most) {
            return Err(Error::new(Kind::RateLimited, format!("At most {most} connections can be open at once")));
        }
        Ok(state.join(user, read))
    }

    /// The newest durable event that was routed.
    pub fn position(&self) -> i64 {
        self.lock().position
    }

    /// Routes an event. Durable ones come here in the order of their positions, without a hole.
    pub fn deliver(&self, event: &Arc<Event>) {
        self.lock().deliver(event);
    }

    /// Everything up to `position` was routed or cannot be: what nothing can be made of is passed over.
    pub fn reach(&self, position: i64) {
        let mut state = self.lock();
        state.position = state.position.max(position);
    }

    /// Those in the conversation of an event who listen here and are shown it as their own.
    pub fn audience(&self, event: &Event) -> Vec<UserId> {
        let state = self.lock();
        let inside = event.conversation.and_then(|id| state.rooms.get(&id)).into_iter().flatten().copied();
        let is_shown = |user: &UserId| {
            let feeds = state.people.get(user).map(|person| person.feeds.as_slice());
            feeds.unwrap_or_default().iter().any(|(_, feed)| feed.interest().has_own_views())
        };
        inside.filter(is_shown).collect()
    }

    /// Connections that listen now.
    pub fn listeners(&self) -> usize {
        self.lock().people.values().map(|person| person.feeds.len()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Adds a connection of somebody who is known already, or whose memberships were read at `position`. `None`
    /// where they have to be read (again).
    fn join(&mut self, user: UserId, read: Option<(i64, Vec<ConversationId>)>) -> Option<(u64, Arc<Feed>)> {
        if !self.people.contains_key(&user) {
            let (position, memberships) = read?;
            let oldest = self.changes.front().map_or(0, |change| change.position);
            if self.changes.len() >= REMEMBERED && position < oldest {
                return None;
            }
            self.people.entry(user).or_default();
            memberships.into_iter().for_each(|conversation| self.enter(conversation, user));
            let missed: Vec<(ConversationId, bool)> = self
                .changes
                .iter()
                .filter(|change| change.position > position && change.user == user)
                .map(|change| (change.conversation, change.joined))
                .collect();
            for (conversation, joined) in missed {
                if joined { self.enter(conversation, user) } else { self.exit(conversation, user) }
            }
        }
        self.next += 1;
        let feed = Arc::new(Feed::new(self.position));
        self.people.entry(user).or_default().feeds.push((self.next, Arc::clone(&feed)));
        Some((self.next, feed))
    }

    fn part(&mut self, user: UserId, id: u64) {
        let Some(person) = self.people.get_mut(&user) else { return };
        person.feeds.retain(|(other, _)| *other != id);
        if person.feeds.is_empty() {
            let rooms = std::mem::take(&mut person.conversations);
            rooms.into_iter().for_each(|conversation| self.leave_room(conversation, user));
            self.people.remove(&user);
        }
    }

    fn enter(&mut self, conversation: ConversationId, user: UserId) {
        if let Some(person) = self.people.get_mut(&user) {
            person.conversations.insert(conversation);
            self.rooms.entry(conversation).or_default().insert(user);
        }
    }

    fn exit(&mut self, conversation: ConversationId, user: UserId) {
        if let Some(person) = self.people.get_mut(&user) {
            person.conversations.remove(&conversation);
            self.leave_room(conversation, user);
        }
    }

    fn leave_room(&mut self, conversation: ConversationId, user: UserId) {
        if let Some(room) = self.rooms.get_mut(&conversation) {
            room.remove(&user);
            if room.is_empty() {
                self.rooms.remove(&conversation);
            }
        }
    }

    fn deliver(&mut self, event: &Arc<Event>) {
        let joins = joins(event);
        for (conversation, user) in joins.clone() {
            self.changed(event, conversation, user, true);
            self.enter(conversation, user);
        }
        for user in self.candidates(event) {
            let Some(person) = self.people.get(&user) else { continue };
            if access::sees(user, event, |conversation| person.conversations.contains(&conversation)) {
                person.feeds.iter().for_each(|(_, feed)| feed.push(event));
            }
        }
        for (conversation, user) in self.exits(event) {
            self.changed(event, conversation, user, false);
            self.exit(conversation, user);
        }
        self.position = event.position.unwrap_or(self.position);
    }

    /// The connected users who may see an event; who does see it is said by [`access::sees`].
    fn candidates(&self, event: &Event) -> Vec<UserId> {
        let inside = |conversation: &ConversationId| self.rooms.get(conversation).into_iter().flatten().copied();
        match &event.fact {
            Fact::Presence { shared, .. } => {
                crate::chat::distinct(shared.iter().flat_map(inside).chain(std::iter::once(event.actor)))
            }
            Fact::Settings => vec![event.actor],
            _ => {
                let others = event.conversation.iter().flat_map(inside);
                let subject = event.subject.filter(|user| !self.is_inside(event.conversation, *user));
                others.chain(subject).collect()
            }
        }
    }

    fn is_inside(&self, conversation: Option<ConversationId>, user: UserId) -> bool {
        conversation.and_then(|id| self.rooms.get(&id)).is_some_and(|room| room.contains(&user))
    }

    fn exits(&self, event: &Event) -> Vec<(ConversationId, UserId)> {
        let Some(conversation) = event.conversation else { return Vec::new() };
        match event.kind {
            EventType::ParticipantRemoved if fault::is_on("exits-forgotten") => Vec::new(),
            EventType::ParticipantRemoved => event.subject.map(|user| (conversation, user)).into_iter().collect(),
            EventType::ConversationDeleted => {
                self.rooms.get(&conversation).into_iter().flatten().map(|user| (conversation, *user)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn changed(&mut self, event: &Event, conversation: ConversationId, user: UserId, joined: bool) {
        let Some(position) = event.position else { return };
        if self.changes.len() >= REMEMBERED {
            self.changes.pop_front();
        }
        self.changes.push_back(MembershipChange { position, conversation, user, joined });
    }
}

fn joins(event: &Event) -> Vec<(ConversationId, UserId)> {
    let Some(conversation) = event.conversation else { return Vec::new() };
    match (&event.fact, event.kind) {
        (Fact::Conversation { participants }, EventType::ConversationCreated) => {
            participants.iter().map(|user| (conversation, *user)).collect()
        }
        (Fact::Participant(person), EventType::ParticipantAdded) => vec![(conversation, person.user_id)],
        _ => Vec::new(),
    }
}

impl Listener {
    /// Says which topics are wanted from now on; before the first call, none.
    pub fn set_interest(&self, interest: Interest) {
        self.feed.set_interest(interest);
    }

    /// Goes back to a position of the log: everything after it comes again, and with it what was `taken` before and not
    /// told yet. A position that the hub has not reached is waited for.
    pub fn rewind(&self, position: i64, taken: &mut VecDeque<Arc<Event>>) {
        let untold = taken.iter().find_map(|event| event.position);
        taken.retain(|event| event.position.is_none());
        let state = self.hub.lock();
        let position = untold.map_or(position, |untold| position.min(untold - 1));
        // Beyond it nothing was routed: what comes there has still to be heard by whoever else listens here.
        self.feed.rewind(position.min(state.position));
    }

    /// As [`Hub::audience`].
    pub fn audience(&self, event: &Event) -> Vec<UserId> {
        self.hub.audience(event)
    }

    /// Where the listening starts: what is routed later has a higher position.
    pub fn position(&self) -> i64 {
        self.hub.position()
    }

    /// Waits for events and takes all that are waiting, durable ones first and in order. Cancelling it loses none.
    ///
    /// # Errors
    /// `Unavailable` while the log cannot be read; the next call goes on where this one stopped.
    pub async fn next(&mut self) -> Result<Vec<Arc<Event>>> {
        loop {
            match self.feed.take() {
                Taken::Events(events) => return Ok(self.handed(events)),
                Taken::Nothing => self.feed.woken().await,
                Taken::Behind(position) => {
                    let stretch = log::replay(&self.hub.chat, self.cx.me(), position, STRETCH).await?;
                    self.feed.caught_up(stretch.position, stretch.complete);
                    if !stretch.events.is_empty() {
                        return Ok(self.handed(stretch.events.into_iter().map(Arc::new).collect()));
                    }
                }
            }
        }
    }
}

impl Listener {
    fn handed(&self, events: Vec<Arc<Event>>) -> Vec<Arc<Event>> {
        self.connected.delivered(events.len());
        events
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.hub.lock().part(self.cx.me(), self.id);
    }
}
