//! What an event tells by itself: the payload of REST's events, of STOMP's queues and of webhooks, which differ only in what
//! they put around it. What becomes of a conversation is each viewer's own and is told by
//! [`notice_for`](crate::chat::conversations::notice_for).

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

use crate::chat::event::{Event, Fact};
use crate::chat::views::message::Message;
use crate::chat::views::participant::Participant;
use crate::chat::views::presence::Presence;
use crate::chat::views::reaction::ReactionChange;
use crate::chat::views::receipt::ReadReceiptMove;
use crate::chat::views::typing::TypingIndicator;
use crate::id::{ConversationId, UserId};

/// The payload of an event (protocol §3, §4).
#[derive(Serialize)]
#[serde(untagged)]
pub enum Payload<'e> {
    Message(Cow<'e, Message>),
    Reaction(&'e ReactionChange),
    Receipt(&'e ReadReceiptMove),
    Membership(Membership<'e>),
    Typing(&'e TypingIndicator),
    Presence(&'e Presence),
}

/// Who came or went, or has another role, and where.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ParticipantBroadcast)]
pub struct Membership<'e> {
    conversation_id: Option<ConversationId>,
    participant: &'e Participant,
}

/// The payload of `event` for `viewer`, or for everybody: only the sender of a message sees its `tempId`. None for what
/// tells of a conversation.
pub fn payload(event: &Event, viewer: Option<UserId>) -> Option<Payload<'_>> {
    Some(match &event.fact {
        Fact::Message(message) if message.has_two_renderings() && viewer != Some(message.sender_id) => {
            Payload::Message(Cow::Owned(Message { temp_id: None, ..Message::clone(message) }))
        }
        Fact::Message(message) => Payload::Message(Cow::Borrowed(message)),
        Fact::Reaction(change) => Payload::Reaction(change),
        Fact::Receipt(moved) => Payload::Receipt(moved),
        Fact::Participant(participant) => {
            Payload::Membership(Membership { conversation_id: event.conversation, participant })
        }
        Fact::Typing(indicator) => Payload::Typing(indicator),
        Fact::Presence { presence, .. } => Payload::Presence(presence),
        Fact::Conversation { .. } | Fact::Settings => return None,
    })
}
