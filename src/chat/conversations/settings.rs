//! The settings of a group, which its admins change for all, and one's own: muted, pinned, archived.

use sea_orm::{ActiveModelTrait, ActiveValue::Set};
use serde::Deserialize;

use super::described::{self, Described};
use super::lookup::get;
use crate::chat::Cx;
use crate::chat::access::{self, Action, Member};
use crate::chat::event::{EventType, Fact};
use crate::chat::text;
use crate::chat::views::conversation::{Conversation, load_one};
use crate::chat::writer::Batch;
use crate::entity::{conversation, participant};
use crate::error::Result;
use crate::id::ConversationId;

/// What is to be changed of a group; what is left out or null stays.
#[derive(Debug, Clone, Default, Deserialize, async_graphql::InputObject, utoipa::ToSchema)]
#[graphql(name = "UpdateConversationInput")]
#[serde(rename_all = "camelCase", default)]
#[schema(as = UpdateConversationRequest)]
pub struct UpdateConversation {
    /// 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// Up to 500 characters.
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// The address of a picture.
    #[schema(max_length = 2048, pattern = "^[Hh][Tt][Tt][Pp][Ss]?://[^/?#]")]
    pub avatar_url: Option<String>,
    /// Whether messages take reactions.
    pub allow_reactions: Option<bool>,
    /// Whether messages can be replied to.
    pub allow_replies: Option<bool>,
    /// Whether files can be sent.
    pub allow_file_uploads: Option<bool>,
    /// Megabytes of 1,048,576 bytes, from 1 to the server's.
    #[schema(minimum = 1)]
    pub max_file_size_mb: Option<i64>,
    /// Up to 50 MIME patterns such as `image/*`; none are all.
    #[schema(schema_with = described::mime_patterns)]
    pub allowed_file_types: Option<Vec<String>>,
}

/// Changes a group for everybody. What is so already is told to nobody.
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
    let asked = UpdateConversation { avatar_url, ..input };
    let (db, me) = (&cx.reader(), cx.me());
    let member = access::member(db, me, id).await?;
    if row_to_be(&member, &described, &asked)? == member.conversation {
        return load_one(db, &cx.chat.signer, me, member).await;
    }
    let updated = cx.chat.write(async move |batch: &mut Batch| {
        let member = access::member(&batch.tx, me, id).await?;
        let row = row_to_be(&member, &described, &asked)?;
        if row == member.conversation {
            return Ok(());
        }
        let row = conversation::ActiveModel {
            id: Set(row.id),
            name: Set(row.name),
            description: Set(row.description),
            avatar_url: Set(row.avatar_url),
            allow_reactions: Set(row.allow_reactions),
            allow_replies: Set(row.allow_replies),
            allow_file_uploads: Set(row.allow_file_uploads),
            max_file_size_mb: Set(row.max_file_size_mb),
            allowed_file_types: Set(row.allowed_file_types),
            updated_at: Set(batch.now),
            ..Default::default()
        };
        row.update(&batch.tx).await?;
        batch.append(EventType::ConversationUpdated, id, me, Fact::Conversation { participants: Vec::new() });
        Ok(())
    });
    updated.await?;
    get(cx, id).await
}

/// The group's row with what is asked for in it, for a member who may say so.
fn row_to_be(member: &Member, described: &Described, asked: &UpdateConversation) -> Result<conversation::Model> {
    member.must_be_group("A direct conversation has no settings of its own")?;
    member.may(Action::EditSettings)?;
    let mut row = member.conversation.clone();
    let described = described.clone();
    row.name = described.name.or(row.name);
    row.description = described.description.or(row.description);
    row.avatar_url = asked.avatar_url.clone().or(row.avatar_url);
    row.allow_reactions = asked.allow_reactions.unwrap_or(row.allow_reactions);
    row.allow_replies = asked.allow_replies.unwrap_or(row.allow_replies);
    row.allow_file_uploads = asked.allow_file_uploads.unwrap_or(row.allow_file_uploads);
    row.max_file_size_mb = described.max_file_size_mb.unwrap_or(row.max_file_size_mb);
    row.allowed_file_types = described.allowed_file_types.map(Into::into).or(row.allowed_file_types);
    Ok(row)
}

/// One of the viewer's own settings of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    Muted,
    Pinned,
    Archived,
}

impl Setting {
    fn of(self, row: &participant::Model) -> bool {
        match self {
            Setting::Muted => row.muted,
            Setting::Pinned => row.pinned,
            Setting::Archived => row.archived,
        }
    }
}

/// Sets one of the caller's own settings; nobody else is told.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn set(cx: &Cx, id: ConversationId, setting: Setting, on: bool) -> Result<Conversation> {
    let (db, me) = (&cx.reader(), cx.me());
    let member = access::member(db, me, id).await?;
    if setting.of(&member.me) == on {
        return load_one(db, &cx.chat.signer, me, member).await;
    }
    let set = cx.chat.write(async move |batch: &mut Batch| {
        let member = access::member(&batch.tx, me, id).await?;
        if setting.of(&member.me) == on {
            return Ok(());
        }
        let mut row = participant::ActiveModel { id: Set(member.me.id), ..Default::default() };
        match setting {
            Setting::Muted => row.muted = Set(on),
            Setting::Pinned => row.pinned = Set(on),
            Setting::Archived => row.archived = Set(on),
        }
        row.update(&batch.tx).await?;
        batch.append(EventType::SettingsChanged, id, me, Fact::Settings);
        Ok(())
    });
    set.await?;
    get(cx, id).await
}
