//! The hub: which users are connected to this node, which conversations they are in, and where an event goes. It
//! learns joins and removals from the same ordered events that it routes, so a removed user hears nothing after.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Semaphore;
use tokio::time::{Duration, Instant};

use super::feed::Feed;
use super::gone::Gone;
use super::waking::wake;
use crate::chat::event::{self, Event, EventType, Fact, Topic};
use crate::chat::log::{Epoch, Head};
use crate::chat::users::known::Standing;
use crate::chat::{Chat, presence};
use crate::config::fault;
use crate::error::Result;
use crate::id::{ConversationId, UserId};

/// Changes of memberships that are remembered. A connection whose memberships were read before the oldest of them reads
/// them again.
const MAX_MEMBERSHIP_CHANGES: usize = 1024;
/// Rooms that are looked at for presence before the lock of the hub is given up for others: a user may be in thousands.
const ROOMS_PER_LOCK: usize = 64;
/// Rooms of this node in each of which somebody is looked up who is not connected. Where there are more, the conversations
/// of that user are read.
const MAX_ROOMS_ASKED: usize = 256;
/// Connections that may read their memberships at the same time.
const MAX_ARRIVALS: usize = 64;
/// A node that is so long behind the log should be sent nothing more (protocol §14).
const MAX_LAG: Duration = Duration::from_secs(15);
/// Connections of one user that may read the log at the same time.
const MAX_LOG_READERS: usize = 1;

/// The users who are connected to this node, and their feeds.
pub struct Hub {
    pub(super) chat: Arc<Chat>,
    /// Of the log that it routes.
    pub(super) epoch: Epoch,
    state: Mutex<State>,
    /// Since when there are events that were not routed yet.
    behind_since: Mutex<Option<Instant>>,
    /// Turns to read who is in which conversation, and what was missed: however many connect at once, others are served.
    pub(super) arrivals: Semaphore,
}

#[derive(Default)]
struct State {
    /// That of the newest durable event that was routed.
    position: i64,
    people: HashMap<UserId, Person>,
    /// The connected users in each conversation.
    rooms: HashMap<ConversationId, HashSet<UserId>>,
    changes: VecDeque<MembershipChange>,
    gone: Gone,
    last_id: u64,
}

struct Person {
    feeds: Vec<(u64, Arc<Feed>)>,
    conversations: HashSet<ConversationId>,
    log_turns: Arc<Semaphore>,
}

impl Default for Person {
    fn default() -> Self {
        let log_turns = Arc::new(Semaphore::new(MAX_LOG_READERS));
        Self { feeds: Vec::new(), conversations: HashSet::new(), log_turns }
    }
}

/// A connection in the hub.
pub(super) struct Joined {
    pub id: u64,
    pub feed: Arc<Feed>,
    /// The turns of its user's connections to read the log.
    pub log_turns: Arc<Semaphore>,
}

struct MembershipChange {
    position: i64,
    conversation: ConversationId,
    user: UserId,
    joined: bool,
}

impl Hub {
    /// A hub that has routed everything up to `head`.
    pub fn new(chat: Arc<Chat>, head: Head) -> Arc<Self> {
        let state = Mutex::new(State { position: head.position, ..State::default() });
        let arrivals = Semaphore::new(MAX_ARRIVALS);
        Arc::new(Self { chat, epoch: head.epoch, state, behind_since: Mutex::new(None), arrivals })
    }

    /// Adds a connection; see [`State::join`].
    ///
    /// # Errors
    /// `RateLimited` for more connections than one user may have.
    pub(super) fn join(&self, user: UserId, read: Option<(i64, Vec<ConversationId>)>) -> Result<Option<Joined>> {
        let most = self.chat.config.limits.connections_per_user;
        let many = usize::try_from(most).unwrap_or(usize::MAX);
        let mut state = self.lock();
        if most > 0 && state.people.get(&user).is_some_and(|person| person.feeds.len() >= many) {
            return Err(presence::too_many_connections(most.into()));
        }
        Ok(state.join(user, read))
    }

    /// Removes a connection.
    pub(super) fn leave(&self, user: UserId, id: u64) {
        self.lock().leave(user, id);
    }

    /// Does something short with the position of the newest durable event that was routed; meanwhile no event is.
    pub(super) fn with_position<T>(&self, work: impl FnOnce(i64) -> T) -> T {
        let state = self.lock();
        work(state.position)
    }

    /// The position of the newest durable event that was routed.
    pub fn position(&self) -> i64 {
        self.lock().position
    }

    /// Routes an event, and appends those who are to be [woken](super::waking::wake) for it. Durable ones come here in the
    /// order of their positions, without a hole.
    pub fn deliver(&self, event: &Arc<Event>, woken: &mut Vec<Waker>) {
        match &event.fact {
            Fact::Presence { shared, .. } if shared.is_empty() => {
                self.lock().reach_person(event, event.actor, &mut HashSet::new(), woken);
            }
            Fact::Presence { shared, .. } => {
                // Who it is about was told first, and by itself.
                let mut reached = HashSet::from([event.actor]);
                for rooms in shared.chunks(ROOMS_PER_LOCK) {
                    self.lock().reach_rooms(event, rooms, &mut reached, woken);
                }
            }
            _ => self.lock().deliver(event, woken),
        }
    }

    /// The conversations in which others than `actor` listen to presence: of the actor's own where they are connected, and
    /// of all otherwise, of which the actor may be in some. Nothing is said where those are too many.
    pub(super) fn rooms_that_hear_of(&self, actor: UserId) -> Option<Vec<ConversationId>> {
        let rooms = self.lock().rooms_asked(actor)?;
        let mut heard = Vec::new();
        for rooms in rooms.chunks(ROOMS_PER_LOCK) {
            let state = self.lock();
            heard.extend(rooms.iter().copied().filter(|room| state.hears_of(*room, actor)));
        }
        Some(heard)
    }

    /// Since when there are events in the log that were not routed yet, if there are any.
    pub(super) fn behind_since(&self, since: Option<Instant>) {
        *self.behind_since.lock() = since;
    }

    /// Whether what happens is told much later than it should be.
    pub fn is_behind(&self) -> bool {
        self.behind_since.lock().is_some_and(|since| since.elapsed() > MAX_LAG)
    }

    /// Passes over everything up to `position` that was not routed: rows of the log of which no event can be made.
    pub fn advance_to(&self, position: i64) {
        let mut state = self.lock();
        state.position = state.position.max(position);
    }

    /// The connected users in the conversation of an event to whom it is shown as their own.
    pub fn audience(&self, event: &Event) -> Vec<UserId> {
        let state = self.lock();
        let inside = event.conversation.and_then(|id| state.rooms.get(&id)).into_iter().flatten().copied();
        let is_shown = |user: &UserId| {
            let feeds = state.people.get(user).map(|person| person.feeds.as_slice());
            feeds.unwrap_or_default().iter().any(|(_, feed)| feed.interest().has_own_views())
        };
        inside.filter(is_shown).collect()
    }

    /// Says to the connections of somebody how they stand: whom they let in is for those to judge.
    pub fn inform(&self, user: UserId, standing: Standing) {
        let mut woken: Vec<Waker> = {
            let state = self.lock();
            let feeds = state.people.get(&user).map(|person| person.feeds.as_slice());
            feeds.unwrap_or_default().iter().filter_map(|(_, feed)| feed.inform(standing)).collect()
        };
        wake(&mut woken);
    }

    /// The number of connections.
    pub fn listeners(&self) -> usize {
        self.lock().people.values().map(|person| person.feeds.len()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    /// Adds a connection of somebody who is known already, or was a moment ago, or whose memberships were read at
    /// `position`. `None` where they have to be read (again).
    fn join(&mut self, user: UserId, read: Option<(i64, Vec<ConversationId>)>) -> Option<Joined> {
        if !self.people.contains_key(&user) {
            let remembered = self.gone.take(user);
            let (position, memberships) = read.or(remembered)?;
            let oldest = self.changes.front().map_or(0, |change| change.position);
            if self.changes.len() >= MAX_MEMBERSHIP_CHANGES && position < oldest {
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
        self.last_id += 1;
        let feed = Arc::new(Feed::new(self.position));
        let person = self.people.entry(user).or_default();
        person.feeds.push((self.last_id, Arc::clone(&feed)));
        Some(Joined { id: self.last_id, feed, log_turns: Arc::clone(&person.log_turns) })
    }

    fn leave(&mut self, user: UserId, id: u64) {
        let Some(person) = self.people.get_mut(&user) else { return };
        person.feeds.retain(|(other, _)| *other != id);
        if person.feeds.is_empty() {
            let rooms = std::mem::take(&mut person.conversations);
            self.gone.remember(user, self.position, rooms.iter().copied());
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

    fn deliver(&mut self, event: &Arc<Event>, woken: &mut Vec<Waker>) {
        let joins = joins(event);
        for (conversation, user) in joins.clone() {
            self.remember_change(event, conversation, user, true);
            self.enter(conversation, user);
        }
        self.reach(event, woken);
        if let (EventType::ConversationDeleted, Some(conversation)) = (event.kind, event.conversation) {
            self.gone.forget(conversation);
        }
        for (conversation, user) in self.exits(event) {
            self.remember_change(event, conversation, user, false);
            self.exit(conversation, user);
        }
        self.position = event.position.unwrap_or(self.position);
    }

    /// Tells an event to those who may see it; presence goes another way. Who is found in the room of its conversation is a
    /// member, which is not looked up again for each of thousands.
    fn reach(&self, event: &Arc<Event>, woken: &mut Vec<Waker>) {
        let room = event.conversation.and_then(|id| self.rooms.get(&id));
        let apart = match &event.fact {
            Fact::Settings => Some(event.actor),
            _ => {
                room.into_iter().flatten().for_each(|user| self.tell(event, *user, |_, _| true, woken));
                event.subject.filter(|user| room.is_none_or(|room| !room.contains(user)))
            }
        };
        if let Some(user) = apart {
            self.tell(event, user, |person, conversation| person.conversations.contains(&conversation), woken);
        }
    }

    /// Tells an event to all connections of a user who sees it.
    fn tell(
        &self,
        event: &Arc<Event>,
        user: UserId,
        is_member: impl Fn(&Person, ConversationId) -> bool,
        woken: &mut Vec<Waker>,
    ) {
        if let Some(person) = self.people.get(&user)
            && event::sees(user, event, |conversation| is_member(person, conversation))
        {
            woken.extend(person.feeds.iter().filter_map(|(_, feed)| feed.push(event)));
        }
    }

    /// Tells a signal about presence to all who are in these rooms, which are among those that may know, and were not
    /// reached yet. How many entries of rooms were looked at: each once.
    fn reach_rooms(
        &self,
        event: &Arc<Event>,
        rooms: &[ConversationId],
        reached: &mut HashSet<UserId>,
        woken: &mut Vec<Waker>,
    ) -> usize {
        let inside = rooms.iter().filter_map(|room| self.rooms.get(room)).flatten();
        inside.map(|user| self.reach_person(event, *user, reached, woken)).count()
    }

    /// Tells somebody who was found in one of the conversations that may know, or is the one whom it is about. Where they
    /// were found is the membership that counts: the others are not looked through again.
    fn reach_person(&self, event: &Arc<Event>, user: UserId, reached: &mut HashSet<UserId>, woken: &mut Vec<Waker>) {
        if reached.insert(user) {
            self.tell(event, user, |_, _| true, woken);
        }
    }

    /// The rooms in which somebody may be: their own where they are connected, and else all, unless those are too many.
    fn rooms_asked(&self, actor: UserId) -> Option<Vec<ConversationId>> {
        match self.people.get(&actor) {
            Some(person) => Some(person.conversations.iter().copied().collect()),
            None => (self.rooms.len() <= MAX_ROOMS_ASKED).then(|| self.rooms.keys().copied().collect()),
        }
    }

    /// Whether somebody else listens to presence in a room.
    fn hears_of(&self, room: ConversationId, actor: UserId) -> bool {
        let others = self.rooms.get(&room).into_iter().flatten().filter(|user| **user != actor);
        let mut feeds = others.filter_map(|user| self.people.get(user)).flat_map(|person| &person.feeds);
        feeds.any(|(_, feed)| feed.interest().covers(Topic::Presence))
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

    fn remember_change(&mut self, event: &Event, conversation: ConversationId, user: UserId, joined: bool) {
        let Some(position) = event.position else { return };
        if self.changes.len() >= MAX_MEMBERSHIP_CHANGES {
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

#[cfg(test)]
mod tests {
    use crate::entity::clock;

    use super::*;
    use crate::chat::presence::Presence;
    use crate::entity::presence::PresenceStatus;
    use crate::live::Interest;
    use crate::live::feed::Taken;

    fn presence(actor: UserId, shared: Vec<ConversationId>) -> Arc<Event> {
        let presence = Presence {
            user_id: actor,
            user_name: "Alice".to_owned(),
            status: PresenceStatus::Away,
            online: true,
            status_message: None,
            device_type: None,
            last_seen_at: None,
        };
        let fact = Fact::Presence { presence, version: 1, shared };
        Arc::new(Event::new(EventType::Presence, None, actor, clock::now(), fact))
    }

    #[test]
    fn presence_in_thousands_of_conversations_looks_at_each_place_once_and_tells_each_once() {
        let mut state = State::default();
        let conversations: Vec<ConversationId> = (1..=3_000).map(ConversationId::stored).collect();
        let mut feeds = Vec::new();
        // Each of a thousand people is in the last conversation and in two of their own.
        for number in 1..=1_000_i64 {
            let user = UserId::stored(number);
            let feed = Arc::new(Feed::new(0));
            feed.set_interest(Interest::NOTHING.with(Topic::Presence));
            state.people.entry(user).or_default().feeds.push((1, Arc::clone(&feed)));
            for conversation in [number, number + 1_000, 3_000] {
                state.enter(ConversationId::stored(conversation), user);
            }
            feeds.push(feed);
        }
        let event = presence(UserId::stored(5_000), conversations.clone());
        let mut reached = HashSet::new();
        let looks: usize = conversations
            .chunks(ROOMS_PER_LOCK)
            .map(|rooms| state.reach_rooms(&event, rooms, &mut reached, &mut Vec::new()))
            .sum();
        assert_eq!((looks, reached.len()), (3_000, 1_000));
        for feed in feeds {
            let mut events = VecDeque::new();
            assert!(matches!(feed.take(&mut events), Some(Taken::Events)) && events.len() == 1);
        }
    }

    #[test]
    fn who_comes_back_is_where_they_were_but_for_what_has_changed_meanwhile() {
        let mut state = State { position: 5, ..State::default() };
        let bob = UserId::stored(2);
        let [one, two, three, four] = [1, 2, 3, 4].map(ConversationId::stored);
        assert!(state.join(bob, None).is_none(), "nobody knows them");
        let joined = state.join(bob, Some((5, vec![one, two, three]))).expect("they were read");
        state.leave(bob, joined.id);
        assert!(state.people.is_empty() && state.rooms.is_empty());
        let events = [(EventType::ParticipantRemoved, one), (EventType::ConversationDeleted, two)];
        for (position, (kind, conversation)) in (6..).zip(events) {
            let fact = Fact::Conversation { participants: Vec::new() };
            let mut event = Event::new(kind, Some(conversation), UserId::stored(1), clock::now(), fact);
            (event.subject, event.position) = (Some(bob), Some(position));
            state.deliver(&Arc::new(event), &mut Vec::new());
        }
        let fact = Fact::Conversation { participants: vec![bob] };
        let mut event = Event::new(EventType::ConversationCreated, Some(four), UserId::stored(1), clock::now(), fact);
        event.position = Some(8);
        state.deliver(&Arc::new(event), &mut Vec::new());
        let joined = state.join(bob, None).expect("they were here");
        assert_eq!(state.people[&bob].conversations, HashSet::from([three, four]));
        state.leave(bob, joined.id);
        // More has changed since than is remembered.
        (9..=9 + MAX_MEMBERSHIP_CHANGES as i64).for_each(|position| {
            let change = MembershipChange { position, conversation: one, user: UserId::stored(3), joined: true };
            if state.changes.len() >= MAX_MEMBERSHIP_CHANGES {
                state.changes.pop_front();
            }
            state.changes.push_back(change);
        });
        assert!(state.join(bob, None).is_none());
    }

    #[test]
    fn presence_asks_about_the_rooms_in_which_somebody_listens() {
        let mut state = State::default();
        let (alice, bob, carol) = (UserId::stored(1), UserId::stored(2), UserId::stored(3));
        let [one, two, three] = [1, 2, 3].map(ConversationId::stored);
        for (user, rooms, topic) in [
            (alice, [one, two], Topic::Presence),
            (bob, [one, three], Topic::Messages),
            (carol, [two, three], Topic::Presence),
        ] {
            let feed = Arc::new(Feed::new(0));
            feed.set_interest(Interest::NOTHING.with(topic));
            state.people.entry(user).or_default().feeds.push((1, feed));
            rooms.into_iter().for_each(|room| state.enter(room, user));
        }
        let heard = |state: &State, user: UserId| {
            let mut rooms = state.rooms_asked(user)?;
            rooms.retain(|room| state.hears_of(*room, user));
            rooms.sort_unstable();
            Some(rooms)
        };
        assert_eq!(heard(&state, alice), Some(vec![two]), "in the first there is but Bob, who does not listen");
        assert_eq!(heard(&state, bob), Some(vec![one, three]));
        assert_eq!(heard(&state, UserId::stored(4)), Some(vec![one, two, three]), "any of them may be theirs");
        (10..300).for_each(|room| state.enter(ConversationId::stored(room), bob));
        assert_eq!(heard(&state, UserId::stored(4)), None, "there are too many");
        assert_eq!(heard(&state, alice), Some(vec![two]));
    }
}
