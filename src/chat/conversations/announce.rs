//! Telling of a conversation that has changed: what each viewer is told, read once for all of them where it is alike.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sea_orm::EntityTrait;

use super::lookup::many;
use crate::chat::counts::unread_of;
use crate::chat::event::Event;
use crate::chat::rows::distinct;
use crate::chat::views::announcement::{Announcement, Change, change};
use crate::chat::views::conversation::Conversation;
use crate::chat::views::shared::{ConversationNotice, NoticeContent, OwnSide, SharedView};
use crate::chat::views::user;
use crate::chat::{Chat, Cx, access, log};
use crate::entity::conversation;
use crate::error::Result;
use crate::id::{ConversationId, UserId};

/// What a viewer is told of an event on the conversations queue: the conversation as it is now, or, to somebody who is
/// not in it any more, that it was there. `None` for events of another queue. However many are told of it, that takes a
/// fixed number of statements and one for each thousand of them: `audience` names those who are told their own part, too,
/// which `own` says of this one.
///
/// # Errors
/// `Unavailable` without the database.
pub async fn notice_for(
    cx: &Cx,
    event: &Event,
    own: bool,
    audience: impl FnOnce() -> Vec<UserId>,
) -> Result<Option<ConversationNotice>> {
    let Some((id, change)) = event.conversation.zip(change(event, cx.me())) else { return Ok(None) };
    let content = match change {
        Change::Left => NoticeContent::Gone(Box::new(left(cx, event, id).await?)),
        Change::Deleted => NoticeContent::Deleted(deleted(cx, event, id).await?),
        Change::Created | Change::Updated => match present(cx, event, id, audience).await? {
            Some((shared, side)) => {
                let unread = match shared.unread.get(&cx.me()) {
                    Some(unread) => *unread,
                    None if !own => 0,
                    None => unread_of(&cx.reader(), id, &[cx.me()]).await?.remove(&cx.me()).unwrap_or(0),
                };
                NoticeContent::Member { shared, viewer: cx.me(), own: side, unread }
            }
            None => NoticeContent::Gone(Box::new(left(cx, event, id).await?)),
        },
    };
    Ok(Some(ConversationNotice { change, content }))
}

async fn deleted(cx: &Cx, event: &Event, id: ConversationId) -> Result<Arc<Conversation>> {
    let load = cx.chat.views.deleted(id, event.position.unwrap_or(0));
    load.loaded.get_or_init(|| async { Ok(Arc::new(left(cx, event, id).await?)) }).await.clone()
}

/// The conversation as it is now, and the viewer's side of it; nothing to somebody who is not in it.
async fn present(
    cx: &Cx,
    event: &Event,
    id: ConversationId,
    audience: impl FnOnce() -> Vec<UserId>,
) -> Result<Option<(Arc<SharedView>, OwnSide)>> {
    let Some(shared) = shared(cx, event, id, audience).await? else { return Ok(None) };
    let side = shared.own_side(&cx.reader(), cx.me()).await?;
    Ok(side.map(|side| (shared, side)))
}

async fn shared(
    cx: &Cx,
    event: &Event,
    id: ConversationId,
    audience: impl FnOnce() -> Vec<UserId>,
) -> Result<Option<Arc<SharedView>>> {
    let load = cx.chat.views.present(id, event.position.unwrap_or(0));
    let loaded = load.loaded.get_or_init(|| async {
        let shared = SharedView::load(&cx.chat.store.reader(), &cx.chat.signer, id, audience).await?;
        load.size.store(shared.as_ref().map_or(0, SharedView::size), Ordering::Relaxed);
        Ok(shared.map(Arc::new))
    });
    loaded.await.clone()
}

impl Chat {
    /// These events are committed: what is shown from now on shows them. To be called before anybody is told of them.
    pub fn heard<'e>(&self, events: impl IntoIterator<Item = &'e Event>) {
        self.views.committed(events.into_iter().filter_map(|event| Some((event.position?, event.conversation))));
    }
}

/// What one caller is told of each of many events on the conversations queue, as [`notice_for`] says: what is there
/// still is read together.
pub async fn announcements<'e>(
    cx: &Cx,
    events: impl IntoIterator<Item = &'e Event>,
) -> Result<Vec<Option<Announcement>>> {
    let changed: Vec<_> =
        events.into_iter().map(|event| (event, event.conversation.zip(change(event, cx.me())))).collect();
    let is_gone = |change: Change| matches!(change, Change::Left | Change::Deleted);
    let there =
        changed.iter().filter_map(|(_, changed)| changed.filter(|(_, change)| !is_gone(*change)).map(|(id, _)| id));
    let there = distinct(there);
    let present = if there.is_empty() { HashMap::new() } else { many(cx, &there).await? };
    let mut announced = Vec::with_capacity(changed.len());
    for (event, changed) in changed {
        announced.push(match changed {
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

/// To somebody who is not in it any more it looks as it did then, or, where it has changed since, like nothing.
async fn left(cx: &Cx, event: &Event, id: ConversationId) -> Result<Conversation> {
    let db = &cx.reader();
    let row = conversation::Entity::find_by_id(id).one(db).await?.ok_or_else(access::no_conversation)?;
    let pair = [row.direct_low, row.direct_high].into_iter().flatten();
    let other = pair.filter(|user| *user != cx.me()).collect::<Vec<_>>();
    let name = user::by_ids(db, &other).await?.into_values().next().map(|user| user.name);
    let shell = Conversation::left(row, name, cx.me(), event.at);
    // Asked last: a change between the two statements must not slip through.
    match log::changed_since(db, id, event.position.unwrap_or(0)).await? {
        true => Ok(shell.withheld()),
        false => Ok(shell),
    }
}
