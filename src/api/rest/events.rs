//! The endpoint of the log: what happened after a cursor (protocol §8.3, §12).

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::{IntoParams, ToSchema};

use super::envelope::{ByCursor, PageResult, paged};
use super::input::{Caller, Limit, QueryParams};
use super::refusals::Expiring;
use crate::chat::Cx;
use crate::chat::conversations::{self, Announcement, Conversation};
use crate::chat::event::{self, Event};
use crate::chat::log;
use crate::chat::messages::Message;
use crate::chat::payload::{Membership, payload};
use crate::chat::reactions::ReactionChange;
use crate::chat::views::receipt::ReadReceiptMove;
use crate::error::{Error, Result};

/// An event of the log.
#[derive(Serialize, ToSchema)]
#[schema(as = EventResponse)]
pub(super) struct Entry {
    /// From which to go on.
    cursor: String,
    #[serde(rename = "type")]
    #[schema(schema_with = event::names)]
    kind: &'static str,
    // In the order of the payload's fields, which a tree of values would not keep.
    #[schema(value_type = EventData)]
    data: Box<RawValue>,
}

/// After which cursor, and how many.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AfterQuery {
    /// A cursor of an event, or `page.next` of the page before.
    after: Option<String>,
    #[param(inline)]
    limit: Option<Limit>,
}

/// What an event tells.
#[derive(ToSchema)]
#[schema(as = EventData)]
#[serde(untagged)]
#[expect(dead_code, clippy::large_enum_variant, reason = "the reference shows it, and nobody makes one")]
pub(super) enum EventData {
    Message(Message),
    Reaction(ReactionChange),
    Receipt(ReadReceiptMove),
    Membership(Membership<'static>),
    Conversation(Conversation),
}

/// What happened after a cursor
///
/// All that you may see, in order and without a gap. Without a cursor: an empty list, and where the log stands now.
#[utoipa::path(
    get,
    path = "/events",
    operation_id = "listEvents",
    tag = "Events",
    params(AfterQuery),
    responses(Expiring)
)]
pub(super) async fn after(
    Caller(cx): Caller,
    QueryParams(query): QueryParams<AfterQuery>,
) -> PageResult<Entry, ByCursor> {
    let limit = Limit::of(query.limit)?;
    let head = log::head(&cx).await?;
    let Some(after) = query.after else {
        let next = head.cursor(head.position).to_string();
        return paged(Vec::new(), false, Some(next));
    };
    let page = log::replay(&cx.chat, cx.me(), head.position_of(&after)?, limit).await?;
    let shown = page.events.iter().filter(|event| event.fact.shows_conversation());
    let mut announced = conversations::announcements(&cx, shown).await?.into_iter();
    let mut entries = Vec::with_capacity(page.events.len());
    for event in &page.events {
        if let Some((position, data)) = event.position.zip(data(&cx, event, &mut announced)?) {
            entries.push(Entry { cursor: head.cursor(position).to_string(), kind: event.kind.name(), data });
        }
    }
    let next = head.cursor(page.position).to_string();
    paged(entries, !page.complete, Some(next))
}

/// The data of an event; what it says of conversations is taken from `announced`, in order.
fn data(
    cx: &Cx,
    event: &Event,
    announced: &mut impl Iterator<Item = Option<Announcement>>,
) -> Result<Option<Box<RawValue>>> {
    let written = match payload(event, Some(cx.me())) {
        Some(payload) => to_raw_value(&payload),
        None => {
            let Some(announced) = announced.next().flatten() else { return Ok(None) };
            to_raw_value(&announced.conversation)
        }
    };
    written.map(Some).map_err(Error::internal_because)
}
