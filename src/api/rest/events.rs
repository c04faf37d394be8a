//! The endpoint of the log: what happened after a cursor (protocol §8.3, §12).

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::envelope::{ApiResult, paged};
use super::input::{Caller, QueryParams};
use crate::chat::Cx;
use crate::chat::conversations::{self, Announcement};
use crate::chat::event::Event;
use crate::chat::payload::payload;
use crate::chat::{log, page};
use crate::error::{Error, Result};

/// An event of the log.
#[derive(Serialize)]
pub(super) struct Entry {
    cursor: String,
    #[serde(rename = "type")]
    kind: &'static str,
    /// In the order of the payload's fields, which a tree of values would not keep.
    data: Box<RawValue>,
}

/// After which cursor, and how many.
#[derive(Deserialize)]
pub(super) struct AfterQuery {
    after: Option<String>,
    limit: Option<i64>,
}

/// Without a cursor: an empty list, and where the log stands now.
pub(super) async fn after(Caller(cx): Caller, QueryParams(query): QueryParams<AfterQuery>) -> ApiResult<Vec<Entry>> {
    let limit = page::limit(query.limit)?;
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
