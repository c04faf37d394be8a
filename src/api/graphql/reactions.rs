//! What only GraphQL has of reactions: their links, and whether the viewer is among those who reacted.

use async_graphql::{ComplexObject, Context, ID, Result, SimpleObject};

use super::loaders;
use super::node::NodeKey;
use crate::chat::conversations::Conversation;
use crate::chat::messages::Message;
use crate::chat::reactions::{EmojiCount, Reaction, ReactionChange, ReactionResult};
use crate::chat::users::User;
use crate::id::MessageId;

#[ComplexObject]
impl Reaction {
    /// Its id among all objects, for clients that keep all of them in one place.
    pub async fn node_id(&self) -> ID {
        NodeKey::Reaction(self.message_id, self.user_id, self.emoji.clone()).into()
    }

    /// Whose it is.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.user_id).await
    }
}

/// How often a message was reacted to with an emoji.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct ReactionCount {
    #[graphql(skip)]
    message: MessageId,
    /// The emoji.
    emoji: String,
    /// How many have reacted with it.
    count: i64,
}

impl ReactionCount {
    /// What the reactions to a message come to, emoji by emoji.
    pub fn all(message: MessageId, summary: &[EmojiCount]) -> Vec<Self> {
        let counted = summary.iter();
        counted.map(|counted| Self { message, emoji: counted.emoji.clone(), count: counted.count }).collect()
    }
}

#[ComplexObject]
impl ReactionCount {
    /// Whether one of them is the viewer's.
    #[graphql(tag = "own")]
    async fn viewer_reacted(&self, ctx: &Context<'_>) -> Result<bool> {
        let mine = loaders::own(ctx)?.own_reactions.load_one(self.message).await?;
        Ok(mine.is_some_and(|emojis| emojis.contains(&self.emoji)))
    }
}

#[ComplexObject]
impl ReactionResult {
    /// The message, as it is with that.
    #[graphql(tag = "own")]
    async fn message(&self, ctx: &Context<'_>) -> Result<Message> {
        loaders::message(ctx, self.message_id).await
    }

    /// What the message's reactions come to, each emoji in the order of its first reaction.
    #[graphql(tag = "up-to-50")]
    async fn reaction_summary(&self) -> Vec<ReactionCount> {
        ReactionCount::all(self.message_id, &self.reaction_summary)
    }
}

#[ComplexObject]
impl ReactionChange {
    /// What the message's reactions come to, each emoji in the order of its first reaction.
    #[graphql(tag = "up-to-50")]
    async fn reaction_summary(&self) -> Vec<ReactionCount> {
        ReactionCount::all(self.message_id, &self.reaction_summary)
    }

    /// Whose it is.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.user_id).await
    }

    /// The conversation of the message.
    #[graphql(tag = "own")]
    async fn conversation(&self, ctx: &Context<'_>) -> Result<Conversation> {
        loaders::conversation(ctx, self.conversation_id).await
    }

    /// The message.
    #[graphql(tag = "own")]
    async fn message(&self, ctx: &Context<'_>) -> Result<Message> {
        loaders::message(ctx, self.message_id).await
    }
}
