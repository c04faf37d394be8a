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
    conversation_id: ConversationId,
    /// Up to 10,000 characters; may be left out where there are attachments.
    content: Option<String>,
    /// `TEXT` where nothing is said; `SYSTEM` is not for callers.
    message_type: Option<MessageType>,
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
    async fn create_group(&self, ctx: &Context<'_>, input: CreateGroup) -> Result<Conversation> {
        Ok(conversations::create_group(viewer(ctx)?, input).await?)
    }

    /// The direct conversation with somebody: the one there is, else a new one.
    async fn open_direct(&self, ctx: &Context<'_>, user_id: UserId) -> Result<Conversation> {
        Ok(conversations::open_direct(viewer(ctx)?, user_id).await?.conversation)
    }

    async fn update_conversation(
        &self,
        ctx: &Context<'_>,
        conversation_id: ConversationId,
        input: UpdateConversation,
    ) -> Result<Conversation> {
        Ok(conversations::update(viewer(ctx)?, conversation_id, input).await?)
    }

    async fn leave_conversation(&self, ctx: &Context<'_>, conversation_id: ConversationId) -> Result<bool> {
        conversations::leave(viewer(ctx)?, conversation_id).await?;
        Ok(true)
    }

    async fn delete_conversation(&self, ctx: &Context<'_>, conversation_id: ConversationId) -> Result<bool> {
        conversations::delete(viewer(ctx)?, conversation_id).await?;
        Ok(true)
    }

    /// The old owner becomes ADMIN.
    async fn transfer_ownership(
        &self,
        ctx: &Context<'_>,
        conversation_id: ConversationId,
        user_id: UserId,
    ) -> Result<Conversation> {
        Ok(conversations::transfer_ownership(viewer(ctx)?, conversation_id, user_id).await?)
    }

    async fn set_participant_role(
        &self,
        ctx: &Context<'_>,
        conversation_id: ConversationId,
        user_id: UserId,
        role: Role,
    ) -> Result<Conversation> {
        Ok(conversations::set_role(viewer(ctx)?, conversation_id, user_id, role).await?)
    }

    async fn add_participants(
        &self,
        ctx: &Context<'_>,
        conversation_id: ConversationId,
        user_ids: Vec<UserId>,
    ) -> Result<Conversation> {
        Ok(conversations::add_participants(viewer(ctx)?, conversation_id, user_ids).await?)
    }

    async fn remove_participant(
        &self,
        ctx: &Context<'_>,
        conversation_id: ConversationId,
        user_id: UserId,
    ) -> Result<bool> {
        conversations::remove_participant(viewer(ctx)?, conversation_id, user_id).await?;
        Ok(true)
    }

    async fn set_muted(
        &self,
        ctx: &Context<'_>,
        conversation_id: ConversationId,
        #[graphql(default = true)] muted: bool,
    ) -> Result<Conversation> {
        Ok(conversations::set(viewer(ctx)?, conversation_id, Setting::Muted, muted).await?)
    }

    async fn set_pinned(
        &self,
        ctx: &Context<'_>,
        conversation_id: ConversationId,
        #[graphql(default = true)] pinned: bool,
    ) -> Result<Conversation> {
        Ok(conversations::set(viewer(ctx)?, conversation_id, Setting::Pinned, pinned).await?)
    }

    async fn set_archived(
        &self,
        ctx: &Context<'_>,
        conversation_id: ConversationId,
        #[graphql(default = true)] archived: bool,
    ) -> Result<Conversation> {
        Ok(conversations::set(viewer(ctx)?, conversation_id, Setting::Archived, archived).await?)
    }

    async fn send_message(&self, ctx: &Context<'_>, input: SendMessageInput) -> Result<Message> {
        let (conversation, input) = input.split();
        Ok(messages::send(viewer(ctx)?, conversation, input).await?.message)
    }

    async fn edit_message(&self, ctx: &Context<'_>, message_id: MessageId, content: String) -> Result<Message> {
        Ok(messages::edit(viewer(ctx)?, message_id, content).await?)
    }

    async fn delete_message(&self, ctx: &Context<'_>, message_id: MessageId) -> Result<Message> {
        Ok(messages::delete(viewer(ctx)?, message_id).await?)
    }

    async fn add_reaction(&self, ctx: &Context<'_>, message_id: MessageId, emoji: String) -> Result<ReactionResult> {
        Ok(reactions::react(viewer(ctx)?, message_id, &emoji, React::Add).await?)
    }

    async fn remove_reaction(&self, ctx: &Context<'_>, message_id: MessageId, emoji: String) -> Result<ReactionResult> {
        Ok(reactions::react(viewer(ctx)?, message_id, &emoji, React::Remove).await?)
    }

    async fn toggle_reaction(&self, ctx: &Context<'_>, message_id: MessageId, emoji: String) -> Result<ReactionResult> {
        Ok(reactions::react(viewer(ctx)?, message_id, &emoji, React::Toggle).await?)
    }

    /// Up to a message, or to the newest. The marker never moves back.
    async fn mark_read(
        &self,
        ctx: &Context<'_>,
        conversation_id: ConversationId,
        last_read_message_id: Option<MessageId>,
    ) -> Result<ReadState> {
        Ok(receipts::mark_read(viewer(ctx)?, conversation_id, last_read_message_id).await?)
    }

    async fn set_typing(&self, ctx: &Context<'_>, conversation_id: ConversationId, typing: bool) -> Result<bool> {
        typing::set(viewer(ctx)?, conversation_id, typing).await?;
        Ok(true)
    }

    /// `OFFLINE` means invisible. What is left out stays.
    async fn set_presence(
        &self,
        ctx: &Context<'_>,
        status: Option<PresenceStatus>,
        status_message: Option<String>,
        device_type: Option<String>,
        browser_info: Option<Json>,
    ) -> Result<Presence> {
        let browser_info = browser_info.map(|Json(info)| info);
        let input = SetPresence { status, status_message, online: None, device_type, browser_info };
        Ok(presence::set(viewer(ctx)?, input).await?)
    }

    /// Goes on with a new token of the same user: this connection lives until that one ends. Over a WebSocket only; a
    /// token that is refused ends the connection with 4403.
    async fn renew_token(&self, ctx: &Context<'_>, token: String) -> Result<TokenRenewal> {
        Ok(renewal::renew(ctx, &token).await?)
    }

    /// Says that the viewer is still here; it makes nobody appear.
    async fn heartbeat(&self, ctx: &Context<'_>) -> Result<bool> {
        presence::heartbeat(viewer(ctx)?).await?;
        Ok(true)
    }

    /// Makes users known ahead of time. For administrators.
    async fn upsert_users(&self, ctx: &Context<'_>, input: Vec<UserInput>) -> Result<Vec<User>> {
        Ok(users::upsert(viewer(ctx)?, input).await?)
    }
}
