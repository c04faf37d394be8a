//! Events as nodes tell them to one another: complete, so that whoever hears of one need not ask the database for it. What
//! cannot be told so is found in the log.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::chat::event::{Event, EventType, Fact};
use crate::id::{ConversationId, UserId};

/// An event in a frame.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conversation: Option<ConversationId>,
    actor: UserId,
    at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    position: Option<i64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    followed: bool,
    fact: Fact,
}

/// An event as JSON.
pub fn write(event: &Event) -> Option<Box<RawValue>> {
    serde_json::value::to_raw_value(&Told::of(event)).ok()
}

/// The events of a list in JSON; none where it is of a version that tells them otherwise. An event of a type that this version does
/// not know is left out.
pub fn read(text: &RawValue) -> Option<Vec<Event>> {
    let told: Vec<&RawValue> = serde_json::from_str(text.get()).ok()?;
    Some(told.into_iter().filter_map(|one| serde_json::from_str::<Told>(one.get()).ok()?.event()).collect())
}

impl Told {
    fn of(event: &Event) -> Self {
        Self {
            kind: event.kind.name().to_owned(),
            conversation: event.conversation,
            actor: event.actor,
            at: event.at,
            position: event.position,
            followed: event.followed,
            fact: event.fact.clone(),
        }
    }

    fn event(self) -> Option<Event> {
        let mut event = Event::new(EventType::named(&self.kind)?, self.conversation, self.actor, self.at, self.fact);
        (event.position, event.followed) = (self.position, self.followed);
        Some(event)
    }
}
