//! Looking one conversation up, or those that GraphQL links to, and what an announcement of a change shows.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use serde::Serialize;

use super::{Conversation, load, load_one};
use crate::chat::access::{self, Member};
use crate::chat::event::{Event, EventType};
use crate::chat::log;
use crate::chat::{Cx, users};
use crate::entity::{conversation, participant};
use crate::error::Result;
use crate::id::{ConversationId, UserId};

/// The conversation, as the caller sees it.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn get(cx: &Cx, id: ConversationId) -> Result<Conversation> {
    let db = &cx.reader();
    let member = access::member(db, cx.me(), id).await?;
    load_one(db, &cx.chat.links, cx.me(), member).await
}

/// Makes sure that the caller is in the conversation.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn must_be_in(cx: &Cx, id: ConversationId) -> Result<()> {
    access::member(&cx.reader(), cx.me(), id).await?;
    Ok(())
}

/// Those among `ids` that the caller is in.
pub async fn many(cx: &Cx, ids: &[ConversationId]) -> Result<HashMap<ConversationId, Conversation>> {
    let db = &cx.reader();
    let rows = access::memberships(cx.me())
        .filter(participant::Column::ConversationId.is_in(ids.iter().map(|id| id.get())))
        .select_also(conversation::Entity)
        .all(db)
        .await?;
    let members = rows.into_iter().filter_map(|(me, conversation)| Some(Member { conversation: conversation?, me }));
    let loaded = load(db, &cx.chat.links, cx.me(), members.collect()).await?;
    Ok(loaded.into_iter().map(|conversation| (conversation.id, conversation)).collect())
}

/// The conversations that the caller is in.
pub async fn ids_of(cx: &Cx) -> Result<Vec<ConversationId>> {
    let ids = access::memberships(cx.me()).select_only().column(participant::Column::ConversationId);
    let ids: Vec<i64> = ids.into_tuple().all(&cx.reader()).await?;
    Ok(ids.into_iter().map(ConversationId::stored).collect())
}

/// What became of a conversation, from where its viewer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, async_graphql::Enum)]
#[serde(rename_all = "lowercase")]
#[graphql(name = "ConversationChangeType")]
pub enum Change {
    Created,
    Updated,
    Left,
    Deleted,
}

/// A conversation together with what became of it: the payload of the conversations queue.
#[derive(Debug, Clone, Serialize)]
pub struct Announcement {
    #[serde(flatten)]
    pub conversation: Conversation,
    #[serde(rename = "event")]
    pub change: Change,
}

/// What one caller is told of each of many events on the conversations queue, as [`super::told`] says: what is there
/// still is read together.
pub async fn announcements<'e>(
    cx: &Cx,
    events: impl IntoIterator<Item = &'e Event>,
) -> Result<Vec<Option<Announcement>>> {
    let told: Vec<_> =
        events.into_iter().map(|event| (event, event.conversation.zip(change(event, cx.me())))).collect();
    let is_gone = |change: Change| matches!(change, Change::Left | Change::Deleted);
    let there = told.iter().filter_map(|(_, told)| told.filter(|(_, change)| !is_gone(*change)).map(|(id, _)| id));
    let there = crate::chat::distinct(there);
    let present = if there.is_empty() { HashMap::new() } else { many(cx, &there).await? };
    let mut announced = Vec::with_capacity(told.len());
    for (event, told) in told {
        announced.push(match told {
            None => None,
            Some((id, change)) => {
                let conversation = match present.get(&id).filter(|_| !is_gone(change)) {
                    Some(conversation) => conversation.clone(),
                    None => left(cx, event, id).await?,
                };
                Some(Announcement { conversation, change })
            }
        });
    }
    Ok(announced)
}

/// What the event is to somebody on the conversations queue; `None` for events of another queue.
pub fn change(event: &Event, me: UserId) -> Option<Change> {
    let mine = event.subject == Some(me);
    Some(match event.kind {
        EventType::ConversationCreated => Change::Created,
        EventType::ParticipantAdded if mine => Change::Created,
        EventType::ParticipantRemoved if mine => Change::Left,
        EventType::ConversationDeleted => Change::Deleted,
        EventType::ConversationUpdated
        | EventType::ParticipantAdded
        | EventType::ParticipantRemoved
        | EventType::ParticipantRoleChanged
        | EventType::SettingsChanged => Change::Updated,
        _ => return None,
    })
}

/// To somebody who is not in it any more it looks as it did then, or, where it has changed since, like nothing.
pub(super) async fn left(cx: &Cx, event: &Event, id: ConversationId) -> Result<Conversation> {
    let db = &cx.reader();
    let row = conversation::Entity::find_by_id(id.get()).one(db).await?.ok_or_else(access::no_conversation)?;
    let pair = [row.direct_low, row.direct_high].into_iter().flatten().map(UserId::stored);
    let other = pair.filter(|user| *user != cx.me()).collect::<Vec<_>>();
    let name = users::by_ids(db, &other).await?.into_values().next().map(|user| user.name);
    let shell = Conversation::left(row, name, cx.me(), event.at);
    // Asked last: a change between the two statements must not slip through.
    match log::changed_since(db, id, event.position.unwrap_or(0)).await? {
        true => Ok(shell.withheld()),
        false => Ok(shell),
    }
}
