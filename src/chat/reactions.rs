//! Reactions: adding, removing, toggling, and the summary that everybody sees.

use std::collections::{HashMap, HashSet};

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use serde::Serialize;

use crate::chat::Cx;
use crate::chat::event::{EventType, Fact};
use crate::chat::limit;
use crate::chat::messages::{find, find_many, must_not_be_deleted};
use crate::chat::rate_limit::Limited;
use crate::chat::text;
use crate::chat::views::reaction::{as_map, load, summaries};
use crate::chat::views::user::{by_ids, name_of};
use crate::chat::writer::Batch;
use crate::entity::{message, reaction};
use crate::error::{Error, Result};
use crate::id::{MessageId, UserId};
use crate::store::among;

pub use crate::chat::views::reaction::{EmojiCount, Reaction, ReactionChange};

/// What a reaction came to.
#[derive(Debug, Clone, Serialize, async_graphql::SimpleObject, utoipa::ToSchema)]
#[graphql(complex)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReactionResultResponse)]
pub struct ReactionResult {
    /// The emoji.
    pub emoji: String,
    /// Whether the reaction is there now.
    pub added: bool,
    #[serde(serialize_with = "as_map")]
    #[graphql(skip)]
    #[schema(value_type = std::collections::BTreeMap<String, i64>)]
    pub reaction_summary: Vec<EmojiCount>,
    /// Which message; the payload does not repeat it.
    #[serde(skip)]
    #[graphql(skip)]
    pub message_id: MessageId,
}

/// What to do with one's reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum React {
    Add,
    Remove,
    Toggle,
}

/// Different emojis on a message, at most.
pub(crate) const MAX_EMOJIS: usize = 50;

/// Adds, removes or toggles the caller's reaction. To add what is there, or remove what is not, changes nothing.
///
/// # Errors
/// `BadRequest` unless `emoji` is exactly one, `Forbidden` outside the conversation or where reactions are switched
/// off, `Conflict` on a deleted message or for a 51st emoji, `RateLimited`.
pub async fn react(cx: &Cx, id: MessageId, emoji: &str, how: React) -> Result<ReactionResult> {
    let emoji = text::emoji(emoji)?;
    limit::take(cx, Limited::Reactions).await?;
    let db = &cx.reader();
    let (me, name) = (cx.me(), cx.viewer.name.clone());
    let (_, mine) = reactable(db, id, me, &emoji).await?;
    let added = how.applied_to(mine.is_some());
    if added == mine.is_some() {
        let reaction_summary = summaries(db, &[id]).await?.remove(&id).unwrap_or_default();
        return Ok(ReactionResult { emoji, added, reaction_summary, message_id: id });
    }
    cx.chat
        .write(async move |batch: &mut Batch| {
            let (row, mine) = reactable(&batch.tx, id, me, &emoji).await?;
            let added = how.applied_to(mine.is_some());
            match (&mine, added) {
                (None, true) => insert(batch, id, me, &emoji).await?,
                (Some(row), false) => {
                    reaction::Entity::delete_by_id(row.id).exec(&batch.tx).await?;
                }
                _ => {}
            }
            let summary = summaries(&batch.tx, &[id]).await?.remove(&id).unwrap_or_default();
            if mine.is_some() != added {
                announce(batch, &row, me, name, &emoji, added, summary.clone());
            }
            Ok(ReactionResult { emoji, added, reaction_summary: summary, message_id: id })
        })
        .await
}

impl React {
    /// Whether the reaction is there afterwards.
    fn applied_to(self, there: bool) -> bool {
        match self {
            React::Add => true,
            React::Remove => false,
            React::Toggle => !there,
        }
    }
}

/// A message that takes reactions from `me`, and theirs with this emoji.
async fn reactable(
    db: &impl ConnectionTrait,
    id: MessageId,
    me: UserId,
    emoji: &str,
) -> Result<(message::Model, Option<reaction::Model>)> {
    let (row, member) = find(db, me, id).await?;
    if !member.conversation.allow_reactions {
        return Err(Error::forbidden("Reactions are switched off in this conversation"));
    }
    must_not_be_deleted(&row)?;
    let mine = reaction::Entity::find()
        .filter(reaction::Column::MessageId.eq(id))
        .filter(reaction::Column::UserId.eq(me))
        .filter(reaction::Column::Emoji.eq(emoji));
    Ok((row, mine.one(db).await?))
}

async fn insert(batch: &Batch, id: MessageId, me: UserId, emoji: &str) -> Result<()> {
    let present: Vec<String> = reaction::Entity::find()
        .select_only()
        .column(reaction::Column::Emoji)
        .distinct()
        .filter(reaction::Column::MessageId.eq(id))
        .into_tuple()
        .all(&batch.tx)
        .await?;
    if present.len() >= MAX_EMOJIS && !present.iter().any(|other| other == emoji) {
        return Err(Error::conflict(format!("A message takes at most {MAX_EMOJIS} different emojis")));
    }
    let row = reaction::ActiveModel {
        message_id: Set(id),
        user_id: Set(me),
        emoji: Set(emoji.to_owned()),
        created_at: Set(batch.now),
        ..Default::default()
    };
    let once = OnConflict::columns([reaction::Column::MessageId, reaction::Column::UserId, reaction::Column::Emoji])
        .do_nothing()
        .to_owned();
    reaction::Entity::insert(row).on_conflict(once).exec_without_returning(&batch.tx).await?;
    Ok(())
}

fn announce(
    batch: &mut Batch,
    row: &message::Model,
    me: UserId,
    user_name: String,
    emoji: &str,
    added: bool,
    reaction_summary: Vec<EmojiCount>,
) {
    let change = ReactionChange {
        message_id: row.id,
        conversation_id: row.conversation_id,
        user_id: me,
        user_name,
        emoji: emoji.to_owned(),
        added,
        reaction_summary,
    };
    let kind = if added { EventType::ReactionAdded } else { EventType::ReactionRemoved };
    batch.append(kind, change.conversation_id, me, Fact::Reaction(change));
}

/// The reactions to a message, oldest first.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn of_message(cx: &Cx, id: MessageId) -> Result<Vec<Reaction>> {
    let db = &cx.reader();
    find(db, cx.me(), id).await?;
    Ok(load(db, &[id]).await?.remove(&id).unwrap_or_default())
}

/// Somebody's reaction to a message.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn get(cx: &Cx, id: MessageId, user: UserId, emoji: &str) -> Result<Reaction> {
    let db = &cx.reader();
    find(db, cx.me(), id).await?;
    let row = reaction::Entity::find()
        .filter(reaction::Column::MessageId.eq(id))
        .filter(reaction::Column::UserId.eq(user))
        .filter(reaction::Column::Emoji.eq(emoji))
        .one(db)
        .await?;
    let row = row.ok_or_else(|| Error::not_found("Reaction not found"))?;
    let users = by_ids(db, &[user]).await?;
    Ok(Reaction {
        message_id: id,
        user_id: user,
        user_name: name_of(&users, user),
        emoji: row.emoji,
        created_at: row.created_at.into(),
    })
}

/// The reactions to each of the messages that the caller may see, for GraphQL's links.
pub async fn of_many(cx: &Cx, ids: &[MessageId]) -> Result<HashMap<MessageId, Vec<Reaction>>> {
    let db = &cx.reader();
    let visible: Vec<MessageId> = find_many(db, cx.me(), ids).await?.iter().map(|row| row.id).collect();
    load(db, &visible).await
}

/// The summary of one message.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn summary(cx: &Cx, id: MessageId) -> Result<Vec<EmojiCount>> {
    let db = &cx.reader();
    find(db, cx.me(), id).await?;
    Ok(summaries(db, &[id]).await?.remove(&id).unwrap_or_default())
}

/// With which emojis the caller reacted to each of the messages, for GraphQL's `viewerReacted`.
pub async fn by_viewer(cx: &Cx, ids: &[MessageId]) -> Result<HashMap<MessageId, HashSet<String>>> {
    let db = &cx.reader();
    let rows = reaction::Entity::find()
        .filter(among(db, reaction::Column::MessageId, ids.iter().copied()))
        .filter(reaction::Column::UserId.eq(cx.me()))
        .all(db)
        .await?;
    let mut mine: HashMap<MessageId, HashSet<String>> = HashMap::new();
    for row in rows {
        mine.entry(row.message_id).or_default().insert(row.emoji);
    }
    Ok(mine)
}
