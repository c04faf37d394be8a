//! What is there already, of what a portion speaks of, and the forms that values have to have. It writes nothing.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Datelike, SubsecRound, Utc};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};

use crate::entity::{conversation, message, user};
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::among;

/// A thing, and where it stood.
pub type Placed<T> = (String, T);

/// Why something is left out whose user, conversation or message there is not.
pub const NO_USER: &str = "There is no such user";
pub const NO_CONVERSATION: &str = "There is no such conversation";
pub const NO_MESSAGE: &str = "There is no such message in the conversation";

/// Rows of an INSERT: more values than this many rows have, neither database takes.
pub const ROWS: usize = 500;

/// Those of these users who are known.
pub async fn users(db: &impl ConnectionTrait, ids: impl IntoIterator<Item = UserId>) -> Result<HashSet<UserId>, DbErr> {
    let ids: HashSet<UserId> = ids.into_iter().collect();
    let found = user::Entity::find().select_only().column(user::Column::Id).filter(among(db, user::Column::Id, ids));
    Ok(found.into_tuple::<UserId>().all(db).await?.into_iter().collect())
}

/// Those of these conversations that are there.
pub async fn conversations(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = ConversationId>,
) -> Result<HashMap<ConversationId, conversation::Model>, DbErr> {
    let ids: HashSet<ConversationId> = ids.into_iter().collect();
    let rows = conversation::Entity::find().filter(among(db, conversation::Column::Id, ids)).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// What has to be known of a message that something refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct There {
    pub conversation: ConversationId,
    pub sender: UserId,
    pub is_deleted: bool,
}

/// Those of these messages that are there.
pub async fn messages(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = MessageId>,
) -> Result<HashMap<MessageId, There>, DbErr> {
    let ids: HashSet<MessageId> = ids.into_iter().collect();
    let found = message::Entity::find()
        .select_only()
        .columns([
            message::Column::Id,
            message::Column::ConversationId,
            message::Column::SenderId,
            message::Column::IsDeleted,
        ])
        .filter(among(db, message::Column::Id, ids));
    let rows: Vec<(MessageId, ConversationId, UserId, bool)> = found.into_tuple().all(db).await?;
    let there =
        rows.into_iter().map(|(id, conversation, sender, is_deleted)| (id, There { conversation, sender, is_deleted }));
    Ok(there.collect())
}

/// A time as precise as it is stored, if both databases can store it.
pub fn moment(time: DateTime<Utc>) -> Option<DateTime<Utc>> {
    (1..=9999).contains(&time.year()).then(|| time.trunc_subsecs(3))
}

/// Why a time is not taken.
pub const NO_TIME: &str = "A time has to lie in the years 1 to 9999";
