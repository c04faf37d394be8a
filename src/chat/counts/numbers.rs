//! The dense numbers of messages: 1, 2, 3 … inside a conversation, and 1, 2, 3 … among what one sender wrote there.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use serde_json::json;

use crate::entity::message;
use crate::error::{Error, Result};
use crate::id::{ConversationId, UserId};

/// Where a message stands, or a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Among the messages of the conversation.
    pub number: i64,
    /// Among those of one sender: how many there are up to that number.
    pub own: i64,
}

/// The next numbers of some conversations and senders. Who gives them holds the lock of the log.
pub(crate) struct Numbers {
    messages: HashMap<ConversationId, i64>,
    own: HashMap<(ConversationId, UserId), i64>,
}

impl Numbers {
    /// Numbers that go on behind the last ones: of each conversation, and of what each sender wrote there.
    pub fn behind(last: impl IntoIterator<Item = (ConversationId, UserId, Place)>) -> Self {
        let mut numbers = Self { messages: HashMap::new(), own: HashMap::new() };
        for (conversation, sender, place) in last {
            numbers.messages.insert(conversation, place.number);
            numbers.own.insert((conversation, sender), place.own);
        }
        numbers
    }

    /// Where the sender's next message stands. It is taken: the one after it stands behind.
    pub fn next(&mut self, conversation: ConversationId, sender: UserId) -> Place {
        let number = self.messages.entry(conversation).or_default();
        let own = self.own.entry((conversation, sender)).or_default();
        (*number, *own) = (*number + 1, *own + 1);
        Place { number: *number, own: *own }
    }
}

/// Each pair is one look-up of an index, on both databases.
const OWN_POSTGRES: &str = "
SELECT i.conversation, i.sender, m.sender_number
FROM json_to_recordset(CAST($1 AS json)) AS i(conversation bigint, sender bigint)
LEFT JOIN LATERAL (SELECT sender_number FROM chat_messages
    WHERE conversation_id = i.conversation AND sender_id = i.sender ORDER BY number DESC LIMIT 1) m ON true";
const OWN_SQLITE: &str = "
SELECT i.value ->> 0 AS conversation, i.value ->> 1 AS sender,
    (SELECT sender_number FROM chat_messages
    WHERE conversation_id = i.value ->> 0 AND sender_id = i.value ->> 1 ORDER BY number DESC LIMIT 1) AS sender_number
FROM json_each($1) i";

/// How many messages each of these people ever wrote in the conversation beside them; none is left out. One statement.
pub(crate) async fn own_messages(
    db: &impl ConnectionTrait,
    pairs: &[(ConversationId, UserId)],
) -> Result<HashMap<(ConversationId, UserId), i64>, DbErr> {
    let backend = db.get_database_backend();
    let (sql, list) = match backend {
        DbBackend::Sqlite => (OWN_SQLITE, json!(pairs)),
        _ => {
            let named =
                pairs.iter().map(|(conversation, sender)| json!({"conversation": conversation, "sender": sender}));
            (OWN_POSTGRES, named.collect())
        }
    };
    let rows = db.query_all_raw(Statement::from_sql_and_values(backend, sql, [list.to_string().into()])).await?;
    let mut own = HashMap::with_capacity(rows.len());
    for row in rows {
        let number: Option<i64> = row.try_get("", "sender_number")?;
        own.insert((row.try_get("", "conversation")?, row.try_get("", "sender")?), number.unwrap_or(0));
    }
    Ok(own)
}

const OWN_UP_TO: &str = "SELECT sender_number FROM chat_messages
    WHERE conversation_id = $1 AND sender_id = $2 AND number <= $3 ORDER BY number DESC LIMIT 1";

/// Where a marker of `reader` stands that is set at a message: its number, and how many of the reader's own messages stand
/// up to there. One statement.
pub(crate) async fn place_of(db: &impl ConnectionTrait, message: &message::Model, reader: UserId) -> Result<Place> {
    let number = message.number.ok_or_else(|| Error::internal_because("a message has no number"))?;
    let values = [message.conversation_id.into(), reader.into(), number.into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), OWN_UP_TO, values);
    let own = match db.query_one_raw(statement).await? {
        Some(row) => row.try_get("", "sender_number")?,
        None => 0,
    };
    Ok(Place { number, own })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_where_the_conversation_and_the_sender_stand() {
        let (team, other) = (ConversationId::stored(1), ConversationId::stored(2));
        let (alice, bob) = (UserId::stored(1), UserId::stored(2));
        let mut numbers = Numbers { messages: [(team, 7)].into(), own: [((team, alice), 3)].into() };
        assert_eq!(numbers.next(team, alice), Place { number: 8, own: 4 });
        assert_eq!(numbers.next(team, bob), Place { number: 9, own: 1 });
        assert_eq!(numbers.next(other, bob), Place { number: 1, own: 1 });
        assert_eq!(numbers.next(team, alice), Place { number: 10, own: 5 });
    }
}
