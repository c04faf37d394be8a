//! The viewer's own conversations: pages, the pinned ones, groups found by a word, and what is unread.

use std::collections::HashMap;

use sea_orm::sea_query::Order;
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select};
use serde::Serialize;

use super::walk::{Place, Stretch};
use crate::chat::Cx;
use crate::chat::access::{self, Member};
use crate::chat::counts::unread_in;
use crate::chat::limit;
use crate::chat::page::{self, Page};
use crate::chat::rate_limit::Limited;
use crate::chat::views::conversation::{Conversation, load};
use crate::entity::conversation::{self, ConversationType};
use crate::entity::participant;
use crate::error::{Error, Result};
use crate::id::ConversationId;

/// Which of the caller's conversations: pinned first, then latest activity first (protocol §4).
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Only archived ones, or only others; all of them where nothing is said.
    pub archived: Option<bool>,
    /// Only pinned ones, or only others.
    pub pinned: Option<bool>,
    /// Only groups whose name or description holds this text, without regard to case.
    pub search: Option<String>,
    /// After (or, backwards, before) this cursor; see [`cursor`].
    pub cursor: Option<String>,
    /// From the end of the list towards its start; the page is in the list's order all the same.
    pub backwards: bool,
}

/// What is unread in a conversation.
#[derive(Debug, Clone, Serialize, async_graphql::SimpleObject, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UnreadCountResponse)]
pub struct UnreadCount {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// How many of its messages are unread.
    pub unread_count: i64,
}

/// What is unread altogether, archived conversations included.
#[derive(Debug, Clone, Serialize, async_graphql::SimpleObject, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UnreadResponse)]
pub struct Unread {
    /// How many messages are unread in all of them.
    pub total_unread: i64,
    /// Those in which something is.
    pub conversations: Vec<UnreadCount>,
}

/// A page of the caller's conversations.
///
/// # Errors
/// `BadRequest` for a cursor that is none, or a search unless it has 1 to 200 characters after trimming; `RateLimited` for
/// too many searches.
pub async fn list(cx: &Cx, listing: Listing, limit: u64) -> Result<Page<Conversation>> {
    let cx = &match &listing.search {
        Some(_) => cx.heavy().await?,
        None => cx.clone(),
    };
    let from = listing.cursor.as_deref().map(place_of).transpose()?;
    let rows = match &listing.search {
        Some(search) => found(cx, search, &listing, from, limit + 1).await?,
        None => {
            let Listing { archived, pinned, backwards, .. } = listing;
            Stretch { archived, pinned, from, backwards, limit: limit + 1 }.read(&cx.reader(), cx.me()).await?
        }
    };
    let mut page = Page::cut(rows, limit);
    if listing.backwards {
        page.items.reverse();
    }
    Ok(Page { items: load(&cx.reader(), &cx.chat.signer, cx.me(), page.items).await?, has_more: page.has_more })
}

/// The caller's groups that hold the text. The databases fold case differently beyond ASCII, so names are compared
/// here: all groups of the caller are looked through, which is what a search costs, and what it is limited for. Of those
/// that hold it, only what the page shows is read.
async fn found(cx: &Cx, search: &str, listing: &Listing, from: Option<Place>, limit: u64) -> Result<Vec<Member>> {
    let search = search.trim().to_lowercase();
    if search.is_empty() || search.chars().count() > 200 {
        return Err(Error::bad_request("query must have 1 to 200 characters"));
    }
    limit::take(cx, Limited::Searches).await?;
    let db = &cx.reader();
    let groups = access::memberships(cx.me())
        .select_only()
        .column(conversation::Column::Id)
        .column(conversation::Column::Name)
        .column(conversation::Column::Description)
        .filter(conversation::Column::Kind.eq(ConversationType::Group))
        .apply_if(listing.archived, |rows, archived| rows.filter(participant::Column::Archived.eq(archived)))
        .apply_if(listing.pinned, |rows, pinned| rows.filter(participant::Column::Pinned.eq(pinned)))
        .apply_if(from, |rows, from| rows.filter(beyond(from, listing.backwards)));
    let groups: Vec<(ConversationId, Option<String>, Option<String>)> =
        in_order(groups, listing.backwards).into_tuple().all(db).await?;
    let holds = |text: Option<String>| text.is_some_and(|text| text.to_lowercase().contains(&search));
    let ids = groups
        .into_iter()
        .filter_map(|(id, name, description)| (holds(name) || holds(description)).then_some(id))
        .take(usize::try_from(limit).unwrap_or(usize::MAX));
    let ids: Vec<ConversationId> = ids.collect();
    let mut members: HashMap<ConversationId, Member> = access::members_of(db, cx.me(), &ids)
        .await?
        .into_iter()
        .map(|member| (member.conversation_id(), member))
        .collect();
    Ok(ids.iter().filter_map(|id| members.remove(id)).collect())
}

/// What the caller has not read yet, conversation by conversation.
pub async fn unread(cx: &Cx) -> Result<Unread> {
    let counts = unread_in(&cx.reader(), cx.me(), None).await?;
    let mut conversations: Vec<UnreadCount> = counts
        .into_iter()
        .map(|(conversation_id, unread_count)| UnreadCount { conversation_id, unread_count })
        .collect();
    conversations.sort_by_key(|count| count.conversation_id);
    Ok(Unread { total_unread: conversations.iter().map(|count| count.unread_count).sum(), conversations })
}

/// The cursor of a conversation in this list.
pub fn cursor(conversation: &Conversation) -> String {
    let at = conversation.last_message_at.unwrap_or(conversation.created_at).get().timestamp_millis();
    page::encode_cursor(&[conversation.pinned.into(), at, conversation.id.into()])
}

fn in_order(rows: Select<participant::Entity>, backwards: bool) -> Select<participant::Entity> {
    let order = if backwards { Order::Asc } else { Order::Desc };
    rows.order_by(participant::Column::Pinned, order.clone())
        .order_by(conversation::Column::LastActivityAt, order.clone())
        .order_by(conversation::Column::Id, order)
}

/// Milliseconds from 1970 to the end of the year 9999.
const END_OF_TIME_MS: i64 = 253_402_300_800_000;

/// The place that a cursor stands for.
pub(crate) fn place_of(cursor: &str) -> Result<Place> {
    let [pinned, at, id] = page::decode_cursor(cursor)?;
    let pinned = [false, true].into_iter().find(|known| i64::from(*known) == pinned).ok_or_else(page::bad_cursor)?;
    // A forged time could lie beyond what the database can compare.
    let at = Some(at).filter(|at| (0..END_OF_TIME_MS).contains(at)).and_then(chrono::DateTime::from_timestamp_millis);
    Ok(Place { pinned, at: at.ok_or_else(page::bad_cursor)?, id })
}

/// What lies beyond a place in the order of the list.
fn beyond(place: Place, backwards: bool) -> Condition {
    let Place { pinned, at, id } = place;
    let (same_pin, other_pin) = (participant::Column::Pinned.eq(pinned), participant::Column::Pinned.eq(!pinned));
    let activity = conversation::Column::LastActivityAt;
    let (activity_beyond, id_beyond) = match backwards {
        false => (activity.lt(at), conversation::Column::Id.lt(id)),
        true => (activity.gt(at), conversation::Column::Id.gt(id)),
    };
    let condition = Condition::any()
        .add(Condition::all().add(same_pin.clone()).add(activity_beyond))
        .add(Condition::all().add(same_pin).add(activity.eq(at)).add(id_beyond));
    // Pinned ones come first, so the other kind lies beyond only in one direction.
    if pinned == backwards { condition } else { condition.add(other_pin) }
}
