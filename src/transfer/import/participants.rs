//! Memberships as they come, behind the messages that their markers stand at.

use std::collections::HashSet;

use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Statement};

use super::known::Placed;
use super::known::{self, NO_CONVERSATION, NO_TIME, NO_USER, ROWS, moment};
use crate::entity::conversation::ConversationType;
use crate::entity::participant;
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::{Transaction, among, is_listed, list};
use crate::transfer::record::Participant;
use crate::transfer::report::Report;

const KIND: &str = "participants";

pub(super) async fn write(
    tx: &Transaction,
    participants: Vec<Placed<Participant>>,
    report: &mut Report,
) -> anyhow::Result<()> {
    if participants.is_empty() {
        return Ok(());
    }
    let all = || participants.iter().map(|(_, participant)| participant);
    let users = known::users(tx, all().map(|one| one.user)).await?;
    let rooms = known::conversations(tx, all().map(|one| one.conversation)).await?;
    let messages = known::messages(tx, all().filter_map(|one| one.last_read)).await?;
    let found = participant::Entity::find()
        .select_only()
        .columns([participant::Column::ConversationId, participant::Column::UserId])
        .filter(among(tx, participant::Column::ConversationId, rooms.keys().copied()))
        .filter(among(tx, participant::Column::UserId, users.iter().copied()));
    let mut there: HashSet<(ConversationId, UserId)> = found.into_tuple().all(tx).await?.into_iter().collect();
    let mut rows = Vec::new();
    for (place, one) in participants {
        let Some(room) = rooms.get(&one.conversation) else {
            report.left_out(KIND, &place, NO_CONVERSATION);
            continue;
        };
        let reason = match room.kind {
            _ if !users.contains(&one.user) => Some(NO_USER),
            ConversationType::Direct if ![room.direct_low, room.direct_high].contains(&Some(one.user)) => {
                Some("A direct conversation has two people")
            }
            _ if moment(one.joined_at).is_none() => Some(NO_TIME),
            _ => None,
        };
        if let Some(reason) = reason {
            report.left_out(KIND, &place, reason);
            continue;
        }
        if !there.insert((one.conversation, one.user)) {
            report.was_there(KIND);
            continue;
        }
        let is_there = |id: &MessageId| messages.get(id).is_some_and(|there| there.conversation == one.conversation);
        let marker = one.last_read.filter(is_there);
        if marker != one.last_read {
            report.changed(&place, "The message at the read marker is not there, and the marker is left off");
        }
        rows.push(participant::ActiveModel {
            conversation_id: Set(one.conversation),
            user_id: Set(one.user),
            role: Set(one.role),
            joined_at: Set(moment(one.joined_at).unwrap_or(one.joined_at)),
            last_read_message_id: Set(marker),
            muted: Set(one.muted),
            pinned: Set(one.pinned),
            archived: Set(one.archived),
            read_number: Set(0),
            read_own: Set(0),
            ..Default::default()
        });
    }
    report.new_ones(KIND, rows.len());
    for rows in rows.chunks(ROWS) {
        participant::Entity::insert_many(rows.to_vec()).exec_without_returning(tx).await?;
    }
    let marked = rows.iter().filter(|row| row.last_read_message_id.as_ref().is_some());
    let pairs: Vec<_> = marked.map(|row| (*row.conversation_id.as_ref(), *row.user_id.as_ref())).collect();
    number_markers(tx, &pairs).await
}

/// Writes the numbers of the markers of these people, and of whoever else of them is in one of these conversations.
pub(super) async fn number_markers(tx: &Transaction, pairs: &[(ConversationId, UserId)]) -> anyhow::Result<()> {
    if pairs.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE chat_participants SET \
         read_number = COALESCE((SELECT m.number FROM chat_messages m WHERE m.id = chat_participants.last_read_message_id), 0), \
         read_own = COALESCE((SELECT o.sender_number FROM chat_messages o \
             WHERE o.conversation_id = chat_participants.conversation_id AND o.sender_id = chat_participants.user_id \
             AND o.number <= (SELECT m.number FROM chat_messages m WHERE m.id = chat_participants.last_read_message_id) \
             ORDER BY o.number DESC LIMIT 1), 0) \
         WHERE {} AND {}",
        is_listed::<ConversationId>(tx, "conversation_id", 1),
        is_listed::<UserId>(tx, "user_id", 2)
    );
    let rooms: HashSet<_> = pairs.iter().map(|(room, _)| *room).collect();
    let users: HashSet<_> = pairs.iter().map(|(_, user)| *user).collect();
    let values = [list(tx, rooms), list(tx, users)];
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    Ok(())
}
