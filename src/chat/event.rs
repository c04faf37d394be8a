//! What can be heard: an event, the one rule of who sees it, and the forms in which doors have already written it.
//! It knows neither who listens nor how any door writes.

mod forms;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

pub use forms::FormKey;
use forms::Forms;

use crate::chat::views::message::Message;
use crate::chat::views::participant::Participant;
use crate::chat::views::presence::Presence;
use crate::chat::views::reaction::ReactionChange;
use crate::chat::views::receipt::ReadReceiptMove;
use crate::chat::views::typing::TypingIndicator;
use crate::error::Result;
use crate::id::{ConversationId, MessageId, UserId};

/// The kinds of event. All but the last two are durable: they stand in the log under the name that
/// [`EventType::name`] gives (protocol §12, event types).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    MessageSent,
    MessageUpdated,
    MessageDeleted,
    ReactionAdded,
    ReactionRemoved,
    ReceiptMoved,
    ConversationCreated,
    ConversationUpdated,
    ConversationDeleted,
    ParticipantAdded,
    ParticipantRemoved,
    ParticipantRoleChanged,
    SettingsChanged,
    Typing,
    Presence,
}

use EventType::{
    ConversationCreated, ConversationDeleted, ConversationUpdated, MessageDeleted, MessageSent, MessageUpdated,
    ParticipantAdded, ParticipantRemoved, ParticipantRoleChanged, ReactionAdded, ReactionRemoved, ReceiptMoved,
    SettingsChanged,
};

const NAMES: [(EventType, &str); 15] = [
    (MessageSent, "message.sent"),
    (MessageUpdated, "message.updated"),
    (MessageDeleted, "message.deleted"),
    (ReactionAdded, "reaction.added"),
    (ReactionRemoved, "reaction.removed"),
    (ReceiptMoved, "receipt.moved"),
    (ConversationCreated, "conversation.created"),
    (ConversationUpdated, "conversation.updated"),
    (ConversationDeleted, "conversation.deleted"),
    (ParticipantAdded, "participant.added"),
    (ParticipantRemoved, "participant.removed"),
    (ParticipantRoleChanged, "participant.role_changed"),
    (SettingsChanged, "settings.changed"),
    (EventType::Typing, "typing"),
    (EventType::Presence, "presence"),
];

impl EventType {
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// The names that the log may hold: the list that no table has.
    pub fn durable_names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().filter(|(kind, _)| kind.topic().is_durable()).map(|(_, name)| *name)
    }

    /// The type of this name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// Which of the queues and subscriptions carries it.
    pub fn topic(self) -> Topic {
        match self {
            MessageSent | MessageUpdated | MessageDeleted => Topic::Messages,
            ReactionAdded | ReactionRemoved => Topic::Reactions,
            ReceiptMoved => Topic::Receipts,
            ConversationCreated
            | ConversationUpdated
            | ConversationDeleted
            | ParticipantAdded
            | ParticipantRemoved
            | ParticipantRoleChanged
            | SettingsChanged => Topic::Conversations,
            EventType::Typing => Topic::Typing,
            EventType::Presence => Topic::Presence,
        }
    }
}

/// The names that the log may hold, as REST describes them.
pub fn names() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(EventType::durable_names().collect::<Vec<_>>()))
        .build()
}

/// The kinds of listening: the queues of STOMP and the subscriptions of GraphQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    Messages,
    Reactions,
    Receipts,
    Conversations,
    Typing,
    Presence,
}

impl Topic {
    /// Whether its events stand in the log and can be asked for again with a cursor.
    pub fn is_durable(self) -> bool {
        !matches!(self, Topic::Typing | Topic::Presence)
    }
}

/// What happened, as complete values.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fact {
    /// Sent, edited or deleted. It carries its sender's `tempId`; [`Message::for_viewer`] takes it off for others.
    Message(Box<Message>),
    Reaction(ReactionChange),
    Receipt(ReadReceiptMove),
    /// Created, updated or deleted; `participants` are those that it was created with. What a viewer sees of a
    /// conversation is its own and is read when it is told.
    Conversation {
        participants: Vec<UserId>,
    },
    /// Added, removed, or given another role: [`Event::subject`].
    Participant(Box<Participant>),
    /// The actor's own settings of the conversation.
    Settings,
    Typing(TypingIndicator),
    /// `shared`: of the conversations in which somebody listens, those whose participants may know. None before that was
    /// looked up, when it is the actor's own alone.
    /// Of two about one person the one with the higher `version` is the later one, whichever node tells it.
    Presence {
        presence: Presence,
        version: i64,
        #[serde(skip)]
        shared: Vec<ConversationId>,
    },
}

impl Fact {
    /// Whether what is told of it in the log is the conversation itself.
    pub fn shows_conversation(&self) -> bool {
        matches!(self, Fact::Conversation { .. } | Fact::Settings)
    }
}

/// Something that happened, told to those whom [`sees`] lets hear it.
#[derive(Debug)]
pub struct Event {
    /// Told of no other event of this process.
    pub id: u64,
    /// The place in the log; none for what is not durable.
    pub position: Option<i64>,
    pub kind: EventType,
    /// None for presence only.
    pub conversation: Option<ConversationId>,
    pub actor: UserId,
    /// Whom it is about, where that is somebody other than the actor may be.
    pub subject: Option<UserId>,
    pub message: Option<MessageId>,
    pub at: DateTime<Utc>,
    /// Whether the next event of the log comes of the same call and changes the same conversation in the same way: who is
    /// shown the conversation, and not who came, is told of both with the next one. See [`mark_followed`].
    pub followed: bool,
    pub fact: Fact,
    forms: Forms,
}

impl Event {
    pub fn new(
        kind: EventType,
        conversation: Option<ConversationId>,
        actor: UserId,
        at: DateTime<Utc>,
        fact: Fact,
    ) -> Self {
        let subject = match &fact {
            Fact::Participant(participant) => Some(participant.user_id),
            _ => None,
        };
        let message = match &fact {
            Fact::Message(message) => Some(message.id),
            Fact::Reaction(change) => Some(change.message_id),
            Fact::Receipt(moved) => Some(moved.last_read_message_id),
            _ => None,
        };
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            position: None,
            kind,
            conversation,
            actor,
            subject,
            message,
            at,
            followed: false,
            fact,
            forms: Forms::default(),
        }
    }

    /// The same event once more, without what was written of it.
    pub fn copy(&self) -> Self {
        let event = Self::new(self.kind, self.conversation, self.actor, self.at, self.fact.clone());
        Self { position: self.position, ..event }
    }

    /// This event written in the form `key`, made by `make` at the first call and shared by all later ones, unless there are
    /// many forms already, or long ones: an event that waits for somebody keeps what was made of it. `None` where the form
    /// says nothing of this event.
    ///
    /// # Errors
    /// Those of `make`; then the next call tries again.
    pub async fn form<F>(&self, key: FormKey, make: F) -> Result<Option<Bytes>>
    where
        F: Future<Output = Result<Option<Bytes>>>,
    {
        self.forms.get(key, make).await
    }

    /// What was made in the form `key` already; none where nothing was, or it was not kept.
    pub fn made_form(&self, key: &FormKey) -> Option<Option<Bytes>> {
        self.forms.made(key)
    }

    /// Keeps a form of which there may be many, as the queries of clients are: where there is no room, it is not kept.
    pub fn keep_form(&self, key: FormKey, made: Option<Bytes>) {
        self.forms.keep(key, made);
    }
}

/// The one visibility rule of everything that is told, live or from the log: whether `viewer`, for whom
/// `is_member` answers, sees `event` (protocol §5, §8.3, §8.7).
pub fn sees(viewer: UserId, event: &Event, is_member: impl Fn(ConversationId) -> bool) -> bool {
    let inside = || event.conversation.is_some_and(&is_member);
    match &event.fact {
        Fact::Settings => event.actor == viewer && inside(),
        Fact::Typing(_) => event.actor != viewer && inside(),
        Fact::Presence { shared, .. } => event.actor == viewer || shared.iter().copied().any(is_member),
        Fact::Participant(_) if event.kind == EventType::ParticipantRemoved && event.subject == Some(viewer) => true,
        _ => inside(),
    }
}

/// Marks those among events in the order of the log that are told together with the next one: of people who were added
/// in one call, all but the last.
pub fn mark_followed(events: &mut [Event]) {
    for place in 1..events.len() {
        let next = &events[place];
        let event = &events[place - 1];
        let is_one_call = event.kind == ParticipantAdded
            && next.kind == ParticipantAdded
            && (event.conversation, event.actor, event.at) == (next.conversation, next.actor, next.at)
            && event.position.zip(next.position).is_some_and(|(one, other)| one + 1 == other);
        events[place - 1].followed = is_one_call;
    }
}

/// Where committed events and passing signals go. Bounded: an event that finds it full is dropped, which costs a
/// durable one nothing but time, since whoever drains the sink fills holes from the log.
#[derive(Clone)]
pub struct Sink {
    events: mpsc::Sender<Arc<Event>>,
    overflowed: Arc<AtomicBool>,
}

/// The other end of a [`Sink`].
pub struct Drain {
    events: mpsc::Receiver<Arc<Event>>,
    overflowed: Arc<AtomicBool>,
}

/// Events between the writer and the hub.
const MAX_WAITING_EVENTS: usize = 4096;

/// A sink and its drain.
pub fn sink() -> (Sink, Drain) {
    let (sender, receiver) = mpsc::channel(MAX_WAITING_EVENTS);
    let overflowed = Arc::new(AtomicBool::new(false));
    (Sink { events: sender, overflowed: Arc::clone(&overflowed) }, Drain { events: receiver, overflowed })
}

impl Sink {
    pub fn publish(&self, event: Arc<Event>) {
        if self.events.try_send(event).is_err() {
            self.overflowed.store(true, Ordering::Release);
        }
    }
}

impl Drain {
    /// Waits for events and takes all that are there; false when every sink is gone.
    pub async fn take(&mut self, into: &mut Vec<Arc<Event>>) -> bool {
        self.events.recv_many(into, MAX_WAITING_EVENTS).await > 0
    }

    /// Whether events were dropped since the last call.
    pub fn overflowed(&self) -> bool {
        self.overflowed.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_names_follows_the_order_of_the_types() {
        for (kind, name) in NAMES {
            assert_eq!(kind.name(), name);
            assert_eq!(EventType::named(name), Some(kind));
        }
    }
}
