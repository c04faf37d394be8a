//! The doors at which people listen, each until it holds: what they are sent is the same, in other words.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use serde_json::{Value as Json, json};

use crate::stomp::Session;
use crate::token::token;

/// The queue on which messages are told.
const MESSAGES: &str = "/user/queue/chat/messages";
/// All that a program for people listens to.
const SIX_QUEUES: [&str; 6] = [
    MESSAGES,
    "/user/queue/chat/typing",
    "/user/queue/chat/presence",
    "/user/queue/chat/receipts",
    "/user/queue/chat/reactions",
    "/user/queue/chat/conversations",
];
/// The same over GraphQL, less the conversations.
const FIVE_SUBSCRIPTIONS: [&str; 5] = [
    "subscription { messages { id conversationId senderId senderName content createdAt } }",
    "subscription { typing { conversationId userId } }",
    "subscription { receipts { conversationId userId } }",
    "subscription { reactions { messageId userId emoji } }",
    "subscription { presence { userId status } }",
];

/// Fields of a message that a selection may have, beside its content.
const FIELDS: [&str; 8] =
    ["id", "conversationId", "senderId", "senderName", "messageType", "createdAt", "isEdited", "isDeleted"];

/// Where somebody listens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Door {
    /// STOMP over a plain WebSocket, one subscription.
    Stomp,
    /// STOMP within the framing of SockJS.
    SockJs,
    /// `graphql-transport-ws`, one subscription; people take so many different selections in turn.
    GraphQl { selections: usize },
    /// STOMP with its six queues of events.
    AllStomp,
    /// One connection of GraphQL with five subscriptions.
    AllGraphQl,
}

impl Door {
    /// Connects as a user, and waits until the subscriptions hold.
    pub async fn open(self, address: SocketAddr, user: i64) -> Result<Session> {
        let token = token(user);
        match self {
            Door::Stomp => {
                let mut session = Session::connect(address, &token).await?;
                session.listen(MESSAGES).await?;
                Ok(session)
            }
            Door::SockJs => {
                let mut session = Session::connect_sockjs(address, &format!("bench{user}"), &token).await?;
                session.listen(MESSAGES).await?;
                Ok(session)
            }
            Door::AllStomp => {
                let mut session = Session::connect(address, &token).await?;
                for queue in SIX_QUEUES {
                    session.listen(queue).await?;
                }
                Ok(session)
            }
            Door::AllGraphQl => graphql(address, &token, &FIVE_SUBSCRIPTIONS).await,
            Door::GraphQl { selections } => {
                let query = selection(usize::try_from(user)? % selections.max(1));
                graphql(address, &token, &[&query]).await
            }
        }
    }
}

async fn graphql(address: SocketAddr, token: &str, queries: &[&str]) -> Result<Session> {
    let mut session = Session::open(address, "/graphql", "graphql-transport-ws").await?;
    let init = json!({ "type": "connection_init", "payload": { "Authorization": format!("Bearer {token}") } });
    session.say(&init.to_string()).await?;
    expect(&mut session, "connection_ack").await?;
    for (place, query) in queries.iter().enumerate() {
        let subscribe = json!({ "type": "subscribe", "id": place.to_string(), "payload": { "query": query } });
        session.say(&subscribe.to_string()).await?;
    }
    // Nothing tells that a subscription has begun, but messages are answered in their order.
    session.say(r#"{"type":"ping"}"#).await?;
    expect(&mut session, "pong").await?;
    Ok(session)
}

async fn expect(session: &mut Session, kind: &str) -> Result<()> {
    let heard = session.hear().await?;
    let message: Json = serde_json::from_str(&heard)?;
    ensure!(message["type"] == kind, "{heard}");
    Ok(())
}

/// The `number`-th selection (from 0): the first has all fields, and no two of the first 256 have the same.
fn selection(number: usize) -> String {
    let fields = FIELDS.iter().enumerate().filter(|(place, _)| number & (1 << place) == 0).map(|(_, field)| *field);
    format!("subscription {{ messages {{ content {} }} }}", fields.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_of_many_selections_are_the_same() {
        assert_eq!((0..256).map(selection).collect::<HashSet<_>>().len(), 256);
    }
}
