//! Conversations as they come. Their counters are kept by what is written into them.

use std::collections::{HashMap, HashSet};

use sea_orm::{ActiveValue::Set, EntityTrait, QueryFilter};

use super::known::Placed;
use super::known::{self, NO_TIME, NO_USER, ROWS, moment};
use crate::chat::text;
use crate::config::Config;
use crate::entity::conversation::{self, ConversationType};
use crate::id::UserId;
use crate::store::{Transaction, among};
use crate::transfer::record::Conversation;
use crate::transfer::report::Report;

const KIND: &str = "conversations";

pub(super) async fn write(
    tx: &Transaction,
    config: &Config,
    conversations: Vec<Placed<Conversation>>,
    report: &mut Report,
) -> anyhow::Result<()> {
    if conversations.is_empty() {
        return Ok(());
    }
    let people = conversations
        .iter()
        .flat_map(|(_, room)| room.people.iter().copied().chain(room.created_by))
        .collect::<HashSet<_>>();
    let users = known::users(tx, people).await?;
    let there = known::conversations(tx, conversations.iter().map(|(_, room)| room.id)).await?;
    let mut there: HashMap<_, _> = there.into_iter().map(|(id, row)| (id, row.kind)).collect();
    let mut pairs = pairs(tx, &conversations).await?;
    let mut rows = Vec::new();
    for (place, room) in conversations {
        if let Some(kind) = there.get(&room.id) {
            match *kind == room.kind {
                true => report.was_there(KIND),
                false => report.left_out(KIND, &place, "Another conversation has this id"),
            }
            continue;
        }
        let (id, kind) = (room.id, room.kind);
        match row(room, config, &users, &mut pairs, |what| report.changed(&place, what)) {
            Ok(row) => {
                there.insert(id, kind);
                rows.push(row);
            }
            Err(reason) => report.left_out(KIND, &place, reason),
        }
    }
    report.new_ones(KIND, rows.len());
    for rows in rows.chunks(ROWS) {
        conversation::Entity::insert_many(rows.to_vec()).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// The pairs of which there is a conversation, of those of the lower users.
async fn pairs(tx: &Transaction, rooms: &[Placed<Conversation>]) -> anyhow::Result<HashSet<(UserId, UserId)>> {
    let lower: HashSet<UserId> = rooms.iter().filter_map(|(_, room)| room.people.iter().min().copied()).collect();
    let rows = conversation::Entity::find().filter(among(tx, conversation::Column::DirectLow, lower)).all(tx).await?;
    Ok(rows.into_iter().filter_map(|row| row.direct_low.zip(row.direct_high)).collect())
}

fn row(
    room: Conversation,
    config: &Config,
    users: &HashSet<UserId>,
    pairs: &mut HashSet<(UserId, UserId)>,
    mut changed: impl FnMut(&str),
) -> Result<conversation::ActiveModel, &'static str> {
    let created_at = moment(room.created_at).ok_or(NO_TIME)?;
    let (mut name, mut pair) = (None, None);
    match room.kind {
        ConversationType::Group => {
            let given = room.name.as_deref().unwrap_or_default();
            name = text::name(given, "The name").ok().or_else(|| text::token_name(given));
            if name.is_none() {
                return Err("A group needs a name");
            }
            if name != room.name {
                changed("The name of a group was not fit to be one");
            }
        }
        ConversationType::Direct => {
            let mut people = room.people.clone();
            people.sort_unstable();
            let [low, high] = people[..] else { return Err("A direct conversation needs two people") };
            if low == high {
                return Err("A direct conversation needs two people");
            }
            if !users.contains(&low) || !users.contains(&high) {
                return Err(NO_USER);
            }
            if pairs.contains(&(low, high)) {
                return Err("These two have a direct conversation already");
            }
            pair = Some((low, high));
        }
    }
    let created_by = room.created_by.filter(|user| users.contains(user)).or(pair.map(|(low, _)| low)).ok_or(NO_USER)?;
    let description = room.description.as_deref().and_then(|text| text::description(text).ok());
    if description != room.description {
        changed("The description is not one that is taken, and is left off");
    }
    let avatar_url = room.avatar_url.as_deref().and_then(|url| text::avatar_url(url).ok());
    if avatar_url != room.avatar_url {
        changed("The avatar URL is no http or https address, and is left off");
    }
    pairs.extend(pair);
    let size = i32::try_from(config.chat.max_file_size_mb).unwrap_or(i32::MAX);
    Ok(conversation::ActiveModel {
        id: Set(room.id),
        kind: Set(room.kind),
        name: Set(name),
        description: Set(description),
        avatar_url: Set(avatar_url),
        created_by_id: Set(created_by),
        direct_low: Set(pair.map(|(low, _)| low)),
        direct_high: Set(pair.map(|(_, high)| high)),
        allow_reactions: Set(room.allow_reactions),
        allow_replies: Set(room.allow_replies),
        allow_file_uploads: Set(room.allow_file_uploads),
        max_file_size_mb: Set(room.max_file_size_mb.unwrap_or(size).max(0)),
        allowed_file_types: Set(room.allowed_file_types.map(Into::into)),
        last_activity_at: Set(created_at),
        created_at: Set(created_at),
        updated_at: Set(room.updated_at.and_then(moment).unwrap_or(created_at)),
        closed_at: Set(room.closed_at.and_then(moment).filter(|_| room.kind == ConversationType::Group)),
        ..Default::default()
    })
}
