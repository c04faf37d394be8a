//! Objects under one id for all of them, for clients that keep all in one place (Relay): a name for each, and what is found
//! under it, which is the viewer's to see as everywhere.

use std::str::FromStr;

use async_graphql::{Context, ID, Interface, PathSegment};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;

use super::loaders;
use super::viewer::viewer;
use crate::chat::conversations::{self, Conversation};
use crate::chat::files::{self, File};
use crate::chat::messages::{self, Message};
use crate::chat::reactions::{self, Reaction};
use crate::chat::users::User;
use crate::chat::views::file::Attachment;
use crate::chat::views::participant::Participant;
use crate::error::{Error, Result};
use crate::id::{AttachmentId, ConversationId, FileId, MessageId, UserId};

/// Ids that are looked up at once, at most.
const MAX_NODES: usize = 100;
const MAX_KEY_BYTES: usize = 200;

/// An object with an id among all objects. `id`, where there is one, is that among its kind.
#[derive(Interface)]
#[graphql(field(name = "node_id", ty = "ID", desc = "The id among all objects, the same for ever"))]
pub(crate) enum Node {
    User(User),
    Conversation(Box<Conversation>),
    Message(Box<Message>),
    Participant(Participant),
    File(File),
    Attachment(Attachment),
    Reaction(Reaction),
}

/// What an object is called among all objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NodeKey {
    User(UserId),
    Conversation(ConversationId),
    Message(MessageId),
    Participant(ConversationId, UserId),
    File(FileId),
    Attachment(AttachmentId),
    Reaction(MessageId, UserId, String),
}

impl From<NodeKey> for ID {
    fn from(key: NodeKey) -> ID {
        let text = match key {
            NodeKey::User(id) => format!("user:{id}"),
            NodeKey::Conversation(id) => format!("conversation:{id}"),
            NodeKey::Message(id) => format!("message:{id}"),
            NodeKey::Participant(conversation, user) => format!("participant:{conversation}:{user}"),
            NodeKey::File(id) => format!("file:{id}"),
            NodeKey::Attachment(id) => format!("attachment:{id}"),
            NodeKey::Reaction(message, user, emoji) => format!("reaction:{message}:{user}:{emoji}"),
        };
        URL_SAFE_NO_PAD.encode(text).into()
    }
}

impl NodeKey {
    /// Reads an id that this server gave out, of which each object has one.
    ///
    /// # Errors
    /// `BadRequest` for anything else.
    pub fn read(id: &ID) -> Result<Self> {
        let bytes = (id.len() <= MAX_KEY_BYTES).then(|| URL_SAFE_NO_PAD.decode(id.as_str()).ok()).flatten();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let key = text.as_deref().and_then(Self::parse).filter(|key| ID::from(key.clone()) == *id);
        key.ok_or_else(|| Error::bad_request("The node id is not valid"))
    }

    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        Some(match kind {
            "user" => Self::User(id(rest)?),
            "conversation" => Self::Conversation(id(rest)?),
            "message" => Self::Message(id(rest)?),
            "participant" => {
                let (conversation, user) = rest.split_once(':')?;
                Self::Participant(id(conversation)?, id(user)?)
            }
            "file" => Self::File(id(rest)?),
            "attachment" => Self::Attachment(id(rest)?),
            "reaction" => {
                let (message, rest) = rest.split_once(':')?;
                let (user, emoji) = rest.split_once(':')?;
                Self::Reaction(id(message)?, id(user)?, emoji.to_owned())
            }
            _ => return None,
        })
    }
}

fn id<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// What is found under an id.
///
/// # Errors
/// `BadRequest` for an id that is none; those with which each kind of object is looked up.
pub(super) async fn node(ctx: &Context<'_>, id: &ID) -> async_graphql::Result<Node> {
    let cx = viewer(ctx)?;
    Ok(match NodeKey::read(id)? {
        NodeKey::User(id) => Node::User(loaders::user(ctx, id).await?),
        NodeKey::Conversation(id) => {
            let found = match loaders::own(ctx)?.conversations.load_one(id).await? {
                Some(conversation) => conversation,
                // Why it is not there is told by whoever looks for it alone.
                None => conversations::get(cx, id).await?,
            };
            Node::Conversation(Box::new(found))
        }
        NodeKey::Message(id) => {
            let found = match loaders::own(ctx)?.messages.load_one(id).await? {
                Some(message) => message,
                None => messages::get(cx, id).await?,
            };
            Node::Message(Box::new(found))
        }
        NodeKey::Participant(conversation, user) => {
            Node::Participant(conversations::participant(cx, conversation, user).await?)
        }
        NodeKey::File(id) => Node::File(files::get(cx, id).await?),
        NodeKey::Attachment(id) => Node::Attachment(messages::attachment(cx, id).await?),
        NodeKey::Reaction(message, user, emoji) => Node::Reaction(reactions::get(cx, message, user, &emoji).await?),
    })
}

/// What is found under each id, in their order; null beside an error for those under which there is nothing to be seen.
///
/// # Errors
/// `BadRequest` for more than 100.
pub(super) async fn nodes(ctx: &Context<'_>, ids: &[ID]) -> async_graphql::Result<Vec<Option<Node>>> {
    if ids.len() > MAX_NODES {
        return Err(Error::bad_request(format!("At most {MAX_NODES} objects can be looked up at once")).into());
    }
    let found = join_all(ids.iter().map(|id| node(ctx, id))).await;
    let field = PathSegment::Field(ctx.item.node.response_key().node.to_string());
    let found = found.into_iter().enumerate().map(|(place, found)| {
        let refused = |error: async_graphql::Error| {
            let mut error = error.into_server_error(ctx.item.pos);
            error.path = vec![field.clone(), PathSegment::Index(place)];
            ctx.add_error(error);
        };
        found.map_err(refused).ok()
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_one_id_among_all_objects_and_it_stays() {
        let (conversation, user, message) = (ConversationId::stored(3), UserId::stored(7), MessageId::stored(9));
        for (key, id) in [
            (NodeKey::User(user), "dXNlcjo3"),
            (NodeKey::Conversation(conversation), "Y29udmVyc2F0aW9uOjM"),
            (NodeKey::Message(message), "bWVzc2FnZTo5"),
            (NodeKey::Participant(conversation, user), "cGFydGljaXBhbnQ6Mzo3"),
            (NodeKey::File(FileId::stored(5)), "ZmlsZTo1"),
            (NodeKey::Attachment(AttachmentId::stored(4)), "YXR0YWNobWVudDo0"),
            (NodeKey::Reaction(message, user, "👍".to_owned()), "cmVhY3Rpb246OTo3OvCfkY0"),
        ] {
            assert_eq!(ID::from(key.clone()).as_str(), id);
            assert_eq!(NodeKey::read(&ID::from(id)), Ok(key));
        }
        for text in
            ["", "user", "user:", "user:07", "user:-1", "User:7", "user:7:8", "participant:3", "nothing:1", "user: 7"]
        {
            assert!(NodeKey::read(&URL_SAFE_NO_PAD.encode(text).into()).is_err(), "{text}");
        }
        for id in ["7", "dXNlcjo3=", "***", &"A".repeat(400)] {
            assert!(NodeKey::read(&ID::from(id)).is_err(), "{id}");
        }
    }
}
