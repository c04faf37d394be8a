//! Everything that the viewer may see as it happened, each with the cursor to go on from (protocol §6, §8.3).

use async_graphql::{ComplexObject, Context, Interface, SimpleObject};

use super::event_type::EventType;
use super::paging::{Edge, id_cursor};
use super::viewer::viewer;
use crate::chat::Cx;
use crate::chat::conversations::{self, Announcement, Conversation};
use crate::chat::event::{self, Fact};
use crate::chat::log;
use crate::chat::messages::Message;
use crate::chat::reactions::ReactionChange;
use crate::chat::receipts::ReadReceiptMove;
use crate::chat::views::participant::Participant;
use crate::error::Result;
use crate::id::ConversationId;

/// Something that happened.
#[derive(Interface)]
#[graphql(
    field(name = "cursor", ty = "&String", desc = "From which whoever has heard it goes on"),
    field(name = "type", method = "kind", ty = "&EventType", desc = "What happened")
)]
pub(crate) enum Event {
    Message(Box<MessageEvent>),
    Reaction(ReactionEvent),
    Receipt(ReceiptEvent),
    Participant(ParticipantEvent),
    Conversation(Box<ConversationEvent>),
}

/// A message was sent, edited or deleted; it is shown as it is now.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct MessageEvent {
    /// From which whoever has heard it goes on.
    cursor: String,
    /// What happened.
    #[graphql(name = "type")]
    kind: EventType,
    /// The message.
    message: Message,
}

#[ComplexObject]
impl MessageEvent {
    /// The message and its place in `Conversation.messages`.
    async fn edge(&self) -> Edge<Message> {
        Edge { cursor: id_cursor(self.message.id), node: self.message.clone() }
    }
}

/// A reaction came or went.
#[derive(SimpleObject)]
pub(crate) struct ReactionEvent {
    /// From which whoever has heard it goes on.
    cursor: String,
    /// What happened.
    #[graphql(name = "type")]
    kind: EventType,
    /// The reaction.
    reaction: ReactionChange,
}

/// A read marker moved.
#[derive(SimpleObject)]
pub(crate) struct ReceiptEvent {
    /// From which whoever has heard it goes on.
    cursor: String,
    /// What happened.
    #[graphql(name = "type")]
    kind: EventType,
    /// Where the marker stands.
    receipt: ReadReceiptMove,
}

/// Somebody joined, left, or was given another role.
#[derive(SimpleObject)]
pub(crate) struct ParticipantEvent {
    /// From which whoever has heard it goes on.
    cursor: String,
    /// What happened.
    #[graphql(name = "type")]
    kind: EventType,
    /// Where it happened.
    conversation_id: ConversationId,
    /// Who it is about.
    participant: Participant,
}

/// A conversation was created, changed or deleted, or the viewer changed an own setting of it.
#[derive(SimpleObject)]
pub(crate) struct ConversationEvent {
    /// From which whoever has heard it goes on.
    cursor: String,
    /// What happened.
    #[graphql(name = "type")]
    kind: EventType,
    /// The conversation, and what became of it.
    change: Announcement,
}

#[ComplexObject]
impl Announcement {
    /// The conversation and its place in `Query.conversations`.
    #[graphql(tag = "own")]
    async fn edge(&self, ctx: &Context<'_>) -> async_graphql::Result<Edge<Conversation>> {
        viewer(ctx)?;
        Ok(Edge { cursor: conversations::cursor(&self.conversation), node: self.conversation.clone() })
    }
}

/// A stretch of what happened.
#[derive(SimpleObject)]
pub(crate) struct EventPage {
    /// What happened, in order.
    events: Vec<Event>,
    /// What to pass next.
    cursor: String,
    /// Whether more has happened.
    has_more: bool,
}

/// Where the log stood before anything of a query was read.
pub(crate) struct ReadAhead(pub log::Head);

/// What happened after the cursor; without one, nothing but the cursor of `head`.
pub(crate) async fn events_after(cx: &Cx, head: &log::Head, after: Option<&str>, limit: u64) -> Result<EventPage> {
    let Some(after) = after else {
        return Ok(EventPage { events: Vec::new(), cursor: head.cursor(head.position).to_string(), has_more: false });
    };
    let log_page = log::replay(&cx.chat, cx.me(), head.position_of(after)?, limit).await?;
    let shown = log_page.events.iter().filter(|event| event.fact.shows_conversation());
    let mut announced = conversations::announcements(cx, shown).await?.into_iter();
    let events = log_page.events.iter().filter_map(|event| {
        let announced = event.fact.shows_conversation().then(|| announced.next().flatten()).flatten();
        event_for(cx, &head.epoch, event, announced)
    });
    let events = events.collect();
    Ok(EventPage { events, cursor: head.cursor(log_page.position).to_string(), has_more: !log_page.complete })
}

/// The event as GraphQL shows it to the viewer, with what is `announced` of its conversation; `None` for one that is not
/// durable, since it has no cursor.
pub(crate) fn event_for(
    cx: &Cx,
    epoch: &log::Epoch,
    event: &event::Event,
    announced: Option<Announcement>,
) -> Option<Event> {
    let (position, conversation_id) = event.position.zip(event.conversation)?;
    let (cursor, kind) = (epoch.cursor(position).to_string(), EventType::of(event.kind)?);
    match &event.fact {
        Fact::Message(message) => {
            let message = Message::clone(message).for_viewer(cx.me());
            Some(Event::Message(Box::new(MessageEvent { cursor, kind, message })))
        }
        Fact::Reaction(reaction) => Some(Event::Reaction(ReactionEvent { cursor, kind, reaction: reaction.clone() })),
        Fact::Receipt(receipt) => Some(Event::Receipt(ReceiptEvent { cursor, kind, receipt: receipt.clone() })),
        Fact::Participant(participant) => {
            let participant = Participant { conversation_id, ..Participant::clone(participant) };
            Some(Event::Participant(ParticipantEvent { cursor, kind, conversation_id, participant }))
        }
        Fact::Conversation { .. } | Fact::Settings => {
            announced.map(|change| Event::Conversation(Box::new(ConversationEvent { cursor, kind, change })))
        }
        Fact::Typing(_) | Fact::Presence { .. } => None,
    }
}
