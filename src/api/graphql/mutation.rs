//! The mutations: a line a field, each one function of the chat. Results are bare (protocol §12).

use async_graphql::{Context, InputObject, Object, Result};

use super::json::Json;
use super::renewal;
use super::viewer::viewer;
use crate::chat::conversations::{self, Conversation, CreateGroup, Setting, UpdateConversation};
use crate::chat::messages::{self, Message, SendMessage};
use crate::chat::presence::{self, Presence, SetPresence};
use crate::chat::reactions::{self, React, ReactionResult};
use crate::chat::receipts::{self, ReadState};
use crate::chat::typing;
use crate::chat::users::standing::{self, Sanction};
use crate::chat::users::{self, User, UserInput};
use crate::chat::views::renewal::TokenRenewal;
use crate::entity::message::MessageType;
use crate::entity::participant::Role;
use crate::entity::presence::PresenceStatus;
use crate::id::{ConversationId, FileId, MessageId, UserId};

pub struct Mutation;

/// A message to be sent.
#[derive(InputObject)]
struct SendMessageInput {
    /// Where it is sent.
    conversation_id: ConversationId,
    /// Up to 10,000 characters; may be left out where there are attachments.
    content: Option<String>,
    /// `TEXT` where nothing is said; `SYSTEM` is not for callers.
    message_type: Option<MessageType>,
    /// What it replies to: a message of the same conversation.
    parent_message_id: Option<MessageId>,
    /// Up to 10 files that the caller uploaded.
    attachment_ids: Option<Vec<FileId>>,
    /// An object of up to 8 KiB.
    metadata: Option<Json>,
    /// Up to 64 characters: repeating it within 24 hours makes no second message.
    temp_id: Option<String>,
}

impl SendMessageInput {
    fn split(self) -> (ConversationId, SendMessage) {
        let input = SendMessage {
            content: self.content,
            message_type: self.message_type,
            parent_message_id: self.parent_message_id,
            attachment_ids: self.attachment_ids,
            metadata: self.metadata.map(|Json(metadata)| metadata),
            temp_id: self.temp_id,
        };
        (self.conversation_id, input)
    }
}

#[Object(name = "ChatMutation")]
impl Mutation {
    /// Makes a group, whose owner the viewer is.
    async fn create_group(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The group")] input: CreateGroup,
    ) -> Result<Conversation> {
        Ok(conversations::create_group(viewer(ctx)?, input).await?)
    }

    /// The direct conversation with somebody: the one there is, else a new one.
    async fn open_direct(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user, or else `externalId`")] user_id: Option<UserId>,
        #[graphql(desc = "The text by which the host application knows the user, where users have texts")]
        external_id: Option<String>,
    ) -> Result<Conversation> {
        let cx = viewer(ctx)?;
        let user = users::named_one(cx, user_id, external_id).await?;
        Ok(conversations::open_direct(cx, user).await?.conversation)
    }

    /// Changes a group's name, description, picture and settings; what is left out, or null, stays. For owners and
    /// administrators.
    async fn update_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation")] conversation_id: ConversationId,
        #[graphql(desc = "What changes")] input: UpdateConversation,
    ) -> Result<Conversation> {
        Ok(conversations::update(viewer(ctx)?, conversation_id, input).await?)
    }

    /// Leaves a group. Where its owner leaves, somebody else becomes owner; where the last one leaves, it is closed.
    async fn leave_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation")] conversation_id: ConversationId,
    ) -> Result<bool> {
        conversations::leave(viewer(ctx)?, conversation_id).await?;
        Ok(true)
    }

    /// Deletes a group for everybody. For its owner.
    async fn delete_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation")] conversation_id: ConversationId,
    ) -> Result<bool> {
        conversations::delete(viewer(ctx)?, conversation_id).await?;
        Ok(true)
    }

    /// Makes somebody else the owner of a group; the old one becomes administrator. For the owner.
    async fn transfer_ownership(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation")] conversation_id: ConversationId,
        #[graphql(desc = "The user")] user_id: UserId,
    ) -> Result<Conversation> {
        Ok(conversations::transfer_ownership(viewer(ctx)?, conversation_id, user_id).await?)
    }

    /// Gives somebody another role. For the owner.
    async fn set_participant_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation")] conversation_id: ConversationId,
        #[graphql(desc = "The user")] user_id: UserId,
        #[graphql(desc = "`ADMIN` or `MEMBER`")] role: Role,
    ) -> Result<Conversation> {
        Ok(conversations::set_role(viewer(ctx)?, conversation_id, user_id, role).await?)
    }

    /// Adds people to a group. Who is in it already stays. For owners and administrators.
    async fn add_participants(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation")] conversation_id: ConversationId,
        #[graphql(desc = "Their ids, 256 at most")] user_ids: Option<Vec<UserId>>,
        #[graphql(desc = "The texts by which the host application knows them, where users have texts")]
        external_ids: Option<Vec<String>>,
    ) -> Result<Conversation> {
        let cx = viewer(ctx)?;
        let users = users::named(cx, user_ids.unwrap_or_default(), external_ids.unwrap_or_default()).await?;
        Ok(conversations::add_participants(cx, conversation_id, users).await?)
    }

    /// Removes somebody from a group, who hears and reads nothing of it from then on. For administrators, of members;
    /// for the owner, of anybody.
    async fn remove_participant(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation")] conversation_id: ConversationId,
        #[graphql(desc = "The user")] user_id: UserId,
    ) -> Result<bool> {
        conversations::remove_participant(viewer(ctx)?, conversation_id, user_id).await?;
        Ok(true)
    }

    /// Says whether the viewer wants to hear nothing of a conversation.
    async fn set_muted(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation")] conversation_id: ConversationId,
        #[graphql(default = true, desc = "Whether it is muted")] muted: bool,
    ) -> Result<Conversation> {
        Ok(conversations::set(viewer(ctx)?, conversation_id, Setting::Muted, muted).await?)
    }

    /// Says whether a conversation stands at the top of the viewer's list.
    async fn set_pinned(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation")] conversation_id: ConversationId,
        #[graphql(default = true, desc = "Whether it is pinned")] pinned: bool,
    ) -> Result<Conversation> {
        Ok(conversations::set(viewer(ctx)?, conversation_id, Setting::Pinned, pinned).await?)
    }

    /// Says whether a conversation stands apart from the viewer's list.
    async fn set_archived(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation")] conversation_id: ConversationId,
        #[graphql(default = true, desc = "Whether it is archived")] archived: bool,
    ) -> Result<Conversation> {
        Ok(conversations::set(viewer(ctx)?, conversation_id, Setting::Archived, archived).await?)
    }

    /// Sends a message.
    async fn send_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message")] input: SendMessageInput,
    ) -> Result<Message> {
        let (conversation, input) = input.split();
        Ok(messages::send(viewer(ctx)?, conversation, input).await?.message)
    }

    /// Changes what a message says. For its sender.
    async fn edit_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message")] message_id: MessageId,
        #[graphql(desc = "1 to 10,000 characters, or as many as the server takes")] content: String,
    ) -> Result<Message> {
        Ok(messages::edit(viewer(ctx)?, message_id, content).await?)
    }

    /// Deletes a message, of which a tombstone stays. For its sender, and for owners and administrators of the group.
    async fn delete_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message")] message_id: MessageId,
    ) -> Result<Message> {
        Ok(messages::delete(viewer(ctx)?, message_id).await?)
    }

    /// Adds the viewer's reaction to a message.
    async fn add_reaction(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message")] message_id: MessageId,
        #[graphql(desc = "Exactly one emoji")] emoji: String,
    ) -> Result<ReactionResult> {
        Ok(reactions::react(viewer(ctx)?, message_id, &emoji, React::Add).await?)
    }

    /// Takes the viewer's reaction back.
    async fn remove_reaction(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message")] message_id: MessageId,
        #[graphql(desc = "Exactly one emoji")] emoji: String,
    ) -> Result<ReactionResult> {
        Ok(reactions::react(viewer(ctx)?, message_id, &emoji, React::Remove).await?)
    }

    /// Adds the viewer's reaction to a message, or takes it back where it is there.
    async fn toggle_reaction(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message")] message_id: MessageId,
        #[graphql(desc = "Exactly one emoji")] emoji: String,
    ) -> Result<ReactionResult> {
        Ok(reactions::react(viewer(ctx)?, message_id, &emoji, React::Toggle).await?)
    }

    /// Moves the viewer's read marker up to a message, or to the newest. It never moves back.
    async fn mark_read(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation")] conversation_id: ConversationId,
        #[graphql(desc = "The message; the newest where nothing is said")] last_read_message_id: Option<MessageId>,
    ) -> Result<ReadState> {
        Ok(receipts::mark_read(viewer(ctx)?, conversation_id, last_read_message_id).await?)
    }

    /// Says that the viewer types, or has stopped.
    async fn set_typing(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation")] conversation_id: ConversationId,
        #[graphql(desc = "Whether the viewer types")] typing: bool,
    ) -> Result<bool> {
        typing::set(viewer(ctx)?, conversation_id, typing).await?;
        Ok(true)
    }

    /// Says how the viewer is; `OFFLINE` means invisible. What is left out stays.
    async fn set_presence(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How they are")] status: Option<PresenceStatus>,
        #[graphql(desc = "What they say of it: up to 100 characters")] status_message: Option<String>,
        #[graphql(desc = "What they are here with")] device_type: Option<String>,
        #[graphql(desc = "What their program knows of itself: up to 2 KiB, told to nobody")] browser_info: Option<Json>,
    ) -> Result<Presence> {
        let browser_info = browser_info.map(|Json(info)| info);
        let input = SetPresence { status, status_message, online: None, device_type, browser_info };
        Ok(presence::set(viewer(ctx)?, input).await?)
    }

    /// Goes on with a new token of the same user: this connection lives until that one ends. Over a WebSocket only; a
    /// token that is refused ends the connection with 4403.
    async fn renew_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new token, with or without `Bearer`")] token: String,
    ) -> Result<TokenRenewal> {
        renewal::renew(ctx, &token).await
    }

    /// Says that the viewer is still here; it makes nobody appear.
    async fn heartbeat(&self, ctx: &Context<'_>) -> Result<bool> {
        presence::heartbeat(viewer(ctx)?).await?;
        Ok(true)
    }

    /// Makes users known ahead of time. For administrators.
    async fn upsert_users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The users, 256 at most")] input: Vec<UserInput>,
    ) -> Result<Vec<User>> {
        Ok(users::upsert(viewer(ctx)?, input).await?)
    }

    /// Refuses somebody at every door until the ban is lifted; their open connections end at once. For administrators.
    async fn ban_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user, or else `externalId`")] user_id: Option<UserId>,
        #[graphql(desc = "The text by which the host application knows the user, where users have texts")]
        external_id: Option<String>,
    ) -> Result<User> {
        Ok(standing::sanction(viewer(ctx)?, user_id, external_id, Sanction::Ban).await?)
    }

    /// Lifts a ban. For administrators.
    async fn unban_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user, or else `externalId`")] user_id: Option<UserId>,
        #[graphql(desc = "The text by which the host application knows the user, where users have texts")]
        external_id: Option<String>,
    ) -> Result<User> {
        Ok(standing::sanction(viewer(ctx)?, user_id, external_id, Sanction::Unban).await?)
    }

    /// Ends somebody's open connections at once, and refuses tokens from before this moment. For administrators.
    async fn logout_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user, or else `externalId`")] user_id: Option<UserId>,
        #[graphql(desc = "The text by which the host application knows the user, where users have texts")]
        external_id: Option<String>,
    ) -> Result<User> {
        Ok(standing::sanction(viewer(ctx)?, user_id, external_id, Sanction::Logout).await?)
    }
}
