//! Reactions as they come: one emoji in its one spelling, on a message that is not deleted.

use std::collections::{HashMap, HashSet};

use sea_orm::{ActiveValue::Set, EntityTrait, QueryFilter, QuerySelect};

use super::known::Placed;
use super::known::{self, NO_MESSAGE, NO_TIME, NO_USER, ROWS, moment};
use crate::chat::reactions::MAX_EMOJIS;
use crate::chat::text;
use crate::entity::reaction;
use crate::id::{MessageId, UserId};
use crate::store::{Transaction, among};
use crate::transfer::record::Reaction;
use crate::transfer::report::Report;

const KIND: &str = "reactions";

pub(super) async fn write(
    tx: &Transaction,
    reactions: Vec<Placed<Reaction>>,
    report: &mut Report,
) -> anyhow::Result<()> {
    if reactions.is_empty() {
        return Ok(());
    }
    let users = known::users(tx, reactions.iter().map(|(_, one)| one.user)).await?;
    let messages = known::messages(tx, reactions.iter().map(|(_, one)| one.message)).await?;
    let found = reaction::Entity::find()
        .select_only()
        .columns([reaction::Column::MessageId, reaction::Column::UserId, reaction::Column::Emoji])
        .filter(among(tx, reaction::Column::MessageId, messages.keys().copied()));
    let mut there: HashSet<(MessageId, UserId, String)> = found.into_tuple().all(tx).await?.into_iter().collect();
    let mut emojis: HashMap<MessageId, HashSet<String>> = HashMap::new();
    for (message, _, emoji) in &there {
        emojis.entry(*message).or_default().insert(emoji.clone());
    }
    let mut rows = Vec::new();
    for (place, one) in reactions {
        let emoji = match checked(&one, &messages, &users) {
            Ok(emoji) => emoji,
            Err(reason) => {
                report.left_out(KIND, &place, &reason);
                continue;
            }
        };
        let of_message = emojis.entry(one.message).or_default();
        if there.contains(&(one.message, one.user, emoji.clone())) {
            report.was_there(KIND);
            continue;
        }
        if of_message.len() >= MAX_EMOJIS && !of_message.contains(&emoji) {
            report.left_out(KIND, &place, "The message has as many different emojis as it takes");
            continue;
        }
        of_message.insert(emoji.clone());
        there.insert((one.message, one.user, emoji.clone()));
        rows.push(reaction::ActiveModel {
            message_id: Set(one.message),
            user_id: Set(one.user),
            emoji: Set(emoji),
            created_at: Set(moment(one.created_at).unwrap_or(one.created_at)),
            ..Default::default()
        });
    }
    report.new_ones(KIND, rows.len());
    for rows in rows.chunks(ROWS) {
        reaction::Entity::insert_many(rows.to_vec()).exec_without_returning(tx).await?;
    }
    Ok(())
}

fn checked(
    one: &Reaction,
    messages: &HashMap<MessageId, known::There>,
    users: &HashSet<UserId>,
) -> Result<String, String> {
    let message = messages.get(&one.message).ok_or(NO_MESSAGE)?;
    if message.is_deleted {
        return Err("The message is deleted".to_owned());
    }
    if !users.contains(&one.user) {
        return Err(NO_USER.to_owned());
    }
    moment(one.created_at).ok_or(NO_TIME)?;
    text::emoji(&one.emoji).map_err(|error| error.to_string())
}
