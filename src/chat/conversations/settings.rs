//! The settings of a group, which its admins change for all, and one's own: muted, pinned, archived.

use sea_orm::{ActiveModelTrait, ActiveValue::Set};
use serde::Deserialize;

use super::{Conversation, Described, load_one};
use crate::access::{self, Action};
use crate::chat::Cx;
use crate::entity::{conversation, participant};
use crate::error::Result;
use crate::event::{EventType, Fact};
use crate::id::ConversationId;
use crate::text;

/// What is to be changed of a group; what is left out or null stays.
#[derive(Debug, Clone, Default, Deserialize, async_graphql::InputObject)]
#[graphql(name = "UpdateConversationInput")]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateConversation {
    pub name: Option<String>,
    pub description: Option<String>,
    pub avatar_url: Option<String>,
    pub allow_reactions: Option<bool>,
    pub allow_replies: Option<bool>,
    pub allow_file_uploads: Option<bool>,
    pub max_file_size_mb: Option<i64>,
    pub allowed_file_types: Option<Vec<String>>,
}

/// Changes a group for everybody.
///
/// # Errors
/// `Forbidden` unless OWNER or ADMIN, `BadRequest` for what is out of form or in a direct conversation.
pub async fn update(cx: &Cx, id: ConversationId, input: UpdateConversation) -> Result<Conversation> {
    let described = Described::check(
        cx,
        input.name.as_deref(),
        input.description.as_deref(),
        input.max_file_size_mb,
        input.allowed_file_types.clone(),
    )?;
    let avatar_url = input.avatar_url.as_deref().map(text::avatar_url).transpose()?;
    let me = cx.me();
    cx.chat
        .change(move |batch| {
            Box::pin(async move {
                let member = access::member(&batch.tx, me, id).await?;
                member.must_be_group("A direct conversation has no settings of its own")?;
                member.may(Action::EditSettings)?;
                let old = &member.conversation;
                let row = conversation::ActiveModel {
                    id: Set(old.id),
                    name: Set(described.name.or(old.name.clone())),
                    description: Set(described.description.or(old.description.clone())),
                    avatar_url: Set(avatar_url.or(old.avatar_url.clone())),
                    allow_reactions: Set(input.allow_reactions.unwrap_or(old.allow_reactions)),
                    allow_replies: Set(input.allow_replies.unwrap_or(old.allow_replies)),
                    allow_file_uploads: Set(input.allow_file_uploads.unwrap_or(old.allow_file_uploads)),
                    max_file_size_mb: Set(described.max_file_size_mb.unwrap_or(old.max_file_size_mb)),
                    allowed_file_types: Set(match described.allowed_file_types {
                        Some(types) => Some(types.into()),
                        None => old.allowed_file_types.clone(),
                    }),
                    updated_at: Set(batch.now),
                    ..Default::default()
                };
                row.update(&batch.tx).await?;
                batch.log(EventType::ConversationUpdated, id, me, Fact::Conversation { participants: Vec::new() });
                let member = access::member(&batch.tx, me, id).await?;
                load_one(&batch.tx, &batch.writer.links, me, member).await
            })
        })
        .await
}

/// One of the viewer's own settings of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    Muted,
    Pinned,
    Archived,
}

/// Sets one of the caller's own settings; nobody else is told.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn set(cx: &Cx, id: ConversationId, setting: Setting, on: bool) -> Result<Conversation> {
    let me = cx.me();
    cx.chat
        .change(move |batch| {
            Box::pin(async move {
                let mut member = access::member(&batch.tx, me, id).await?;
                let mut row = participant::ActiveModel { id: Set(member.me.id), ..Default::default() };
                let (column, current) = match setting {
                    Setting::Muted => (&mut row.muted, member.me.muted),
                    Setting::Pinned => (&mut row.pinned, member.me.pinned),
                    Setting::Archived => (&mut row.archived, member.me.archived),
                };
                *column = Set(on);
                if current != on {
                    member.me = row.update(&batch.tx).await?;
                    batch.log(EventType::SettingsChanged, id, me, Fact::Settings);
                }
                load_one(&batch.tx, &batch.writer.links, me, member).await
            })
        })
        .await
}
