//! Everything that the viewer may see, as a union, each with the cursor to go on from (protocol §6, §8.3).

use async_graphql::{SimpleObject, Union};

use crate::chat::Cx;
use crate::chat::conversations::{self, Announcement};
use crate::chat::event::{self, Fact};
use crate::chat::log;
use crate::chat::messages::Message;
use crate::chat::reactions::ReactionChange;
use crate::chat::receipts::ReadReceiptMove;
use crate::chat::views::participant::Participant;
use crate::error::Result;
use crate::id::ConversationId;

/// Something that happened.
#[derive(Union)]
pub(crate) enum Event {
    Message(MessageEvent),
    Reaction(ReactionEvent),
    Receipt(ReceiptEvent),
    Participant(ParticipantEvent),
    Conversation(Box<ConversationEvent>),
}

/// A message was sent, edited or deleted; it is shown as it is now.
#[derive(SimpleObject)]
pub(crate) struct MessageEvent {
    cursor: String,
    #[graphql(name = "type")]
    kind: &'static str,
    message: Message,
}

/// A reaction came or went.
#[derive(SimpleObject)]
pub(crate) struct ReactionEvent {
    cursor: String,
    #[graphql(name = "type")]
    kind: &'static str,
    reaction: ReactionChange,
}

/// A read marker moved.
#[derive(SimpleObject)]
pub(crate) struct ReceiptEvent {
    cursor: String,
    #[graphql(name = "type")]
    kind: &'static str,
    receipt: ReadReceiptMove,
}

/// Somebody joined, left, or was given another role.
#[derive(SimpleObject)]
pub(crate) struct ParticipantEvent {
    cursor: String,
    #[graphql(name = "type")]
    kind: &'static str,
    conversation_id: ConversationId,
    participant: Participant,
}

/// A conversation was created, changed or deleted, or the viewer changed an own setting of it.
#[derive(SimpleObject)]
pub(crate) struct ConversationEvent {
    cursor: String,
    #[graphql(name = "type")]
    kind: &'static str,
    change: Announcement,
}

/// A stretch of what happened.
#[derive(SimpleObject)]
pub(crate) struct EventPage {
    events: Vec<Event>,
    /// What to pass next.
    cursor: String,
    has_more: bool,
}

/// What happened after the cursor; without one, nothing but the present cursor.
pub(crate) async fn events_after(cx: &Cx, after: Option<&str>, limit: u64) -> Result<EventPage> {
    let head = log::head(cx).await?;
    let Some(after) = after else {
        return Ok(EventPage { events: Vec::new(), cursor: head.cursor(head.position).to_string(), has_more: false });
    };
    let log_page = log::replay(&cx.chat, cx.me(), head.position_of(after)?, limit).await?;
    let shown = log_page.events.iter().filter(|event| event.fact.shows_conversation());
    let mut announced = conversations::announcements(cx, shown).await?.into_iter();
    let events = log_page.events.iter().filter_map(|event| {
        let announced = event.fact.shows_conversation().then(|| announced.next().flatten()).flatten();
        event_for(cx, &head, event, announced)
    });
    let events = events.collect();
    Ok(EventPage { events, cursor: head.cursor(log_page.position).to_string(), has_more: !log_page.complete })
}

/// The event as GraphQL shows it to the viewer, with what is `announced` of its conversation; `None` for one that is not
/// durable, since it has no cursor.
pub(crate) fn event_for(
    cx: &Cx,
    head: &log::Head,
    event: &event::Event,
    announced: Option<Announcement>,
) -> Option<Event> {
    let (position, conversation_id) = event.position.zip(event.conversation)?;
    let (cursor, kind) = (head.cursor(position).to_string(), event.kind.name());
    match &event.fact {
        Fact::Message(message) => {
            let message = Message::clone(message).for_viewer(cx.me());
            Some(Event::Message(MessageEvent { cursor, kind, message }))
        }
        Fact::Reaction(reaction) => Some(Event::Reaction(ReactionEvent { cursor, kind, reaction: reaction.clone() })),
        Fact::Receipt(receipt) => Some(Event::Receipt(ReceiptEvent { cursor, kind, receipt: receipt.clone() })),
        Fact::Participant(participant) => {
            let participant = Participant::clone(participant);
            Some(Event::Participant(ParticipantEvent { cursor, kind, conversation_id, participant }))
        }
        Fact::Conversation { .. } | Fact::Settings => {
            announced.map(|change| Event::Conversation(Box::new(ConversationEvent { cursor, kind, change })))
        }
        Fact::Typing(_) | Fact::Presence { .. } => None,
    }
}
