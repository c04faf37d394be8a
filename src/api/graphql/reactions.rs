//! The faces of reactions: one, a change of one, and what a message's reactions come to.

use async_graphql::{Context, Object, Result};

use super::loaders;
use crate::chat::conversations::Conversation;
use crate::chat::messages::Message;
use crate::chat::reactions::{EmojiCount, Reaction, ReactionChange, ReactionResult};
use crate::chat::users::User;
use crate::id::{ConversationId, MessageId, UserId};

type Time = chrono::DateTime<chrono::Utc>;

/// A reaction of somebody: `ReactionResponse` over REST and STOMP.
#[Object]
impl Reaction {
    async fn emoji(&self) -> &str {
        &self.emoji
    }

    async fn user_id(&self) -> UserId {
        self.user_id
    }

    async fn user_name(&self) -> &str {
        &self.user_name
    }

    async fn created_at(&self) -> Time {
        self.created_at
    }

    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.user_id).await
    }
}

/// How often a message was reacted to with an emoji.
pub(crate) struct ReactionCount {
    message: MessageId,
    counted: EmojiCount,
}

impl ReactionCount {
    pub fn all(message: MessageId, summary: &[EmojiCount]) -> Vec<Self> {
        summary.iter().map(|counted| Self { message, counted: counted.clone() }).collect()
    }
}

/// How often a message was reacted to with an emoji.
#[Object]
impl ReactionCount {
    async fn emoji(&self) -> &str {
        &self.counted.emoji
    }

    async fn count(&self) -> i64 {
        self.counted.count
    }

    /// Whether one of them is the viewer's.
    #[graphql(tag = "own")]
    async fn viewer_reacted(&self, ctx: &Context<'_>) -> Result<bool> {
        let mine = loaders::own(ctx)?.own_reactions.load_one(self.message).await?;
        Ok(mine.is_some_and(|emojis| emojis.contains(&self.counted.emoji)))
    }
}

/// What a reaction came to.
#[Object]
impl ReactionResult {
    async fn emoji(&self) -> &str {
        &self.emoji
    }

    /// Whether the reaction is there now.
    async fn added(&self) -> bool {
        self.added
    }

    #[graphql(tag = "up-to-50")]
    async fn reaction_summary(&self) -> Vec<ReactionCount> {
        ReactionCount::all(self.message_id, &self.reaction_summary)
    }
}

/// A reaction came or went.
#[Object(name = "ReactionBroadcast")]
impl ReactionChange {
    async fn message_id(&self) -> MessageId {
        self.message_id
    }

    async fn conversation_id(&self) -> ConversationId {
        self.conversation_id
    }

    async fn user_id(&self) -> UserId {
        self.user_id
    }

    async fn user_name(&self) -> &str {
        &self.user_name
    }

    async fn emoji(&self) -> &str {
        &self.emoji
    }

    async fn added(&self) -> bool {
        self.added
    }

    #[graphql(tag = "up-to-50")]
    async fn reaction_summary(&self) -> Vec<ReactionCount> {
        ReactionCount::all(self.message_id, &self.reaction_summary)
    }

    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        loaders::user(ctx, self.user_id).await
    }

    #[graphql(tag = "own")]
    async fn conversation(&self, ctx: &Context<'_>) -> Result<Conversation> {
        loaders::conversation(ctx, self.conversation_id).await
    }

    #[graphql(tag = "own")]
    async fn message(&self, ctx: &Context<'_>) -> Result<Message> {
        loaders::message(ctx, self.message_id).await
    }
}
