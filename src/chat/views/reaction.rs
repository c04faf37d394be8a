//! Reactions as everybody sees them: one, a change of one, and what a message's reactions come to.

use std::collections::HashMap;
use std::fmt;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::user;
use crate::chat::rows::group;
use crate::entity::reaction;
use crate::error::Result;
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::among;
use crate::timestamp::Timestamp;

/// One emoji of a summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EmojiCount {
    pub emoji: String,
    pub count: i64,
}

/// A reaction of somebody: `ReactionResponse` over REST and STOMP.
#[derive(Debug, Clone, Serialize, async_graphql::SimpleObject, utoipa::ToSchema)]
#[graphql(complex)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReactionResponse)]
pub struct Reaction {
    /// To which message; the payload does not repeat it.
    #[serde(skip)]
    #[graphql(skip)]
    pub message_id: MessageId,
    /// The emoji.
    pub emoji: String,
    /// Whose it is.
    pub user_id: UserId,
    /// What they are called.
    pub user_name: String,
    /// When they reacted.
    pub created_at: Timestamp,
}

/// A reaction came or went.
#[derive(Debug, Clone, Serialize, Deserialize, async_graphql::SimpleObject, utoipa::ToSchema)]
#[graphql(complex, name = "ReactionBroadcast")]
#[serde(rename_all = "camelCase")]
#[schema(as = ReactionBroadcast)]
pub struct ReactionChange {
    /// The message.
    pub message_id: MessageId,
    /// The conversation of the message.
    pub conversation_id: ConversationId,
    /// Whose reaction it is.
    pub user_id: UserId,
    /// What they are called.
    pub user_name: String,
    /// The emoji.
    pub emoji: String,
    /// Whether the reaction came, or went.
    pub added: bool,
    #[serde(serialize_with = "as_map", deserialize_with = "from_map")]
    #[graphql(skip)]
    #[schema(value_type = std::collections::BTreeMap<String, i64>)]
    pub reaction_summary: Vec<EmojiCount>,
}

/// Writes a summary as the map of the payload, in the order in which the emojis first came.
pub(crate) fn as_map<S: Serializer>(summary: &[EmojiCount], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(summary.iter().map(|count| (&count.emoji, count.count)))
}

/// Reads what [`as_map`] wrote, in the same order.
pub(crate) fn from_map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<EmojiCount>, D::Error> {
    struct Summary;

    impl<'de> Visitor<'de> for Summary {
        type Value = Vec<EmojiCount>;

        fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
            out.write_str("a map from emojis to their counts")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<EmojiCount>, A::Error> {
            let mut summary = Vec::new();
            while let Some((emoji, count)) = map.next_entry()? {
                summary.push(EmojiCount { emoji, count });
            }
            Ok(summary)
        }
    }

    deserializer.deserialize_map(Summary)
}

/// The reactions to messages, oldest first: two statements.
pub(crate) async fn load(db: &impl ConnectionTrait, ids: &[MessageId]) -> Result<HashMap<MessageId, Vec<Reaction>>> {
    let rows = reaction::Entity::find()
        .filter(among(db, reaction::Column::MessageId, ids.iter().copied()))
        .order_by_asc(reaction::Column::Id)
        .all(db)
        .await?;
    let users: Vec<UserId> = rows.iter().map(|row| row.user_id).collect();
    let users = user::by_ids(db, &users).await?;
    Ok(group(rows.into_iter().map(|row| {
        let user_id = row.user_id;
        let user_name = user::name_of(&users, user_id);
        let (message_id, created_at) = (row.message_id, row.created_at.into());
        (message_id, Reaction { message_id, emoji: row.emoji, user_id, user_name, created_at })
    })))
}

/// The summaries of messages, each emoji in the order of its first reaction: one statement.
pub(crate) async fn summaries(
    db: &impl ConnectionTrait,
    ids: &[MessageId],
) -> Result<HashMap<MessageId, Vec<EmojiCount>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(MessageId, String, i64)> = reaction::Entity::find()
        .select_only()
        .column(reaction::Column::MessageId)
        .column(reaction::Column::Emoji)
        .column_as(reaction::Column::Id.count(), "times")
        .filter(among(db, reaction::Column::MessageId, ids.iter().copied()))
        .group_by(reaction::Column::MessageId)
        .group_by(reaction::Column::Emoji)
        .order_by_asc(reaction::Column::Id.min())
        .into_tuple()
        .all(db)
        .await?;
    Ok(group(rows.into_iter().map(|(message, emoji, count)| (message, EmojiCount { emoji, count }))))
}
