//! The endpoint of the log: what happened after a cursor (contract §8.3, §12).

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::envelope::{Answer, paged};
use super::input::{Caller, Params};
use crate::chat::Cx;
use crate::chat::conversations::{self, Announcement};
use crate::chat::event::{Event, Fact};
use crate::chat::log;
use crate::chat::messages::Message;
use crate::chat::views::participant::Participant;
use crate::error::{Error, Result};
use crate::id::ConversationId;

/// An event of the log.
#[derive(Serialize)]
pub(super) struct Entry {
    cursor: String,
    #[serde(rename = "type")]
    kind: &'static str,
    /// In the order of the payload's fields, which a tree of values would not keep.
    data: Box<RawValue>,
}

/// The data of a change of who is in a conversation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attendance<'e> {
    conversation_id: Option<ConversationId>,
    participant: &'e Participant,
}

/// Without a cursor: an empty list, and where the log stands now.
pub(super) async fn after(Caller(cx): Caller, params: Params) -> Answer<Vec<Entry>> {
    let limit = params.limit()?;
    let head = log::head(&cx).await?;
    let Some(after) = params.text("after")? else {
        let next = head.cursor(head.position).to_string();
        return paged(Vec::new(), false, Some(next));
    };
    let stretch = log::replay(&cx.chat, cx.me(), head.position_of(after)?, limit).await?;
    let shown = stretch.events.iter().filter(|event| event.fact.shows_conversation());
    let mut announced = conversations::announcements(&cx, shown).await?.into_iter();
    let mut entries = Vec::with_capacity(stretch.events.len());
    for event in &stretch.events {
        if let Some((position, data)) = event.position.zip(data(&cx, event, &mut announced)?) {
            entries.push(Entry { cursor: head.cursor(position).to_string(), kind: event.kind.name(), data });
        }
    }
    let next = head.cursor(stretch.position).to_string();
    paged(entries, !stretch.complete, Some(next))
}

/// The data of an event; what it says of conversations is taken from `announced`, in order.
fn data(
    cx: &Cx,
    event: &Event,
    announced: &mut impl Iterator<Item = Option<Announcement>>,
) -> Result<Option<Box<RawValue>>> {
    let written = match &event.fact {
        Fact::Message(message) => to_raw_value(&Message::clone(message).for_viewer(cx.me())),
        Fact::Reaction(change) => to_raw_value(change),
        Fact::Receipt(moved) => to_raw_value(moved),
        Fact::Participant(participant) => {
            to_raw_value(&Attendance { conversation_id: event.conversation, participant })
        }
        Fact::Conversation { .. } | Fact::Settings => {
            let Some(announced) = announced.next().flatten() else { return Ok(None) };
            to_raw_value(&announced.conversation)
        }
        Fact::Typing(_) | Fact::Presence { .. } => return Ok(None),
    };
    written.map(Some).map_err(|_| Error::internal())
}
