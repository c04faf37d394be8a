//! A conversation as its viewer sees it, and how rows become complete values in a constant number of statements.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter};
use serde::Serialize;

use super::message::{self, Message};
use super::participant::{self as participants, MAX_SHOWN, Participant};
use super::user;
use crate::chat::access::Member;
use crate::chat::counts::unread_in;
use crate::chat::files::limits::allowed_types;
use crate::chat::files::url_signer::UrlSigner;
use crate::entity::conversation::{self, ConversationType};
use crate::entity::participant::{self, Role};
use crate::error::{Error, Result};
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::among;
use crate::timestamp::Timestamp;

/// A conversation as its viewer sees it.
#[derive(Debug, Clone, Serialize, async_graphql::SimpleObject, utoipa::ToSchema)]
#[graphql(complex)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChatConversationResponse)]
pub struct Conversation {
    /// The conversation's id.
    pub id: ConversationId,
    /// Whether it is between two people or of a group.
    #[serde(rename = "type")]
    #[graphql(name = "type")]
    pub kind: ConversationType,
    /// Of a direct conversation, the other user's name.
    pub name: Option<String>,
    /// What it is about; of groups.
    pub description: Option<String>,
    /// The address of a picture; of a direct conversation, the other user's.
    pub avatar_url: Option<String>,
    /// Who made it.
    pub created_by_id: UserId,
    /// The first 100, longest-serving first; the viewer is always among them.
    pub participants: Vec<Participant>,
    /// How many there are, shown or not.
    pub participant_count: i32,
    /// The newest message; its tombstone where it was deleted.
    pub last_message: Option<Message>,
    /// Newer than the viewer's marker, not the viewer's own, not deleted.
    #[graphql(tag = "own")]
    pub unread_count: i64,
    /// Whether the viewer wants to hear nothing of it.
    #[graphql(tag = "own")]
    pub muted: bool,
    /// Whether it stands at the top of the viewer's list.
    #[graphql(tag = "own")]
    pub pinned: bool,
    /// Whether it stands apart from the viewer's list.
    #[graphql(tag = "own")]
    pub archived: bool,
    /// The viewer's; null to somebody who is not in it any more.
    #[serde(skip)]
    #[graphql(tag = "own")]
    pub viewer_role: Option<Role>,
    /// Of all messages, deleted ones included.
    #[serde(skip)]
    #[graphql(skip)]
    pub message_count: i64,
    /// Whether messages take reactions.
    pub allow_reactions: bool,
    /// Whether messages can be replied to.
    pub allow_replies: bool,
    /// Whether files can be sent.
    pub allow_file_uploads: bool,
    /// Megabytes of 1,048,576 bytes.
    pub max_file_size_mb: i32,
    /// MIME patterns; null for all types.
    pub allowed_file_types: Option<Vec<String>>,
    /// When the newest message was sent.
    pub last_message_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its name, picture, description or settings changed last.
    pub updated_at: Timestamp,
}

/// Completes conversations for one viewer, in their order, in a constant number of statements.
pub(crate) async fn load(
    db: &impl ConnectionTrait,
    signer: &UrlSigner,
    viewer: UserId,
    members: Vec<Member>,
) -> Result<Vec<Conversation>> {
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let last: Vec<MessageId> = members.iter().filter_map(|member| member.conversation.last_message_id).collect();
    let mut people = shown(db, &members).await?;
    let last = message::load_by_ids(db, signer, &last).await?;
    let behind = members.iter().filter(|member| member.conversation.message_count > member.me.read_number);
    let behind: Vec<ConversationId> = behind.map(|member| member.conversation.id).collect();
    let unread = unread_in(db, viewer, Some(&behind)).await?;
    let complete = members.into_iter().map(|member| {
        let id = member.conversation.id;
        let message = member.conversation.last_message_id.and_then(|id| last.get(&id).cloned());
        Conversation::of(
            member,
            viewer,
            people.remove(&id).unwrap_or_default(),
            message.map(|message| message.for_viewer(viewer)),
            unread.get(&id).copied().unwrap_or(0),
        )
    });
    Ok(complete.collect())
}

/// The conversations of these ids as nobody in particular sees them, by id; closed ones, too.
pub(crate) async fn load_for_nobody(
    db: &impl ConnectionTrait,
    signer: &UrlSigner,
    ids: &[ConversationId],
) -> Result<HashMap<ConversationId, Conversation>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let nobody = UserId::stored(0);
    let rows =
        conversation::Entity::find().filter(among(db, conversation::Column::Id, ids.iter().copied())).all(db).await?;
    let members = rows.into_iter().map(|row| Member { me: gone(&row, nobody), conversation: row }).collect();
    let complete = load(db, signer, nobody, members).await?;
    Ok(complete.into_iter().map(|conversation| (conversation.id, conversation)).collect())
}

/// Completes one conversation.
pub(crate) async fn load_one(
    db: &impl ConnectionTrait,
    signer: &UrlSigner,
    viewer: UserId,
    member: Member,
) -> Result<Conversation> {
    load(db, signer, viewer, vec![member])
        .await?
        .pop()
        .ok_or_else(|| Error::internal_because("a conversation of this member is not there"))
}

/// Who is shown of each conversation, its viewer among them: two statements.
async fn shown(db: &impl ConnectionTrait, members: &[Member]) -> Result<HashMap<ConversationId, Vec<Participant>>> {
    let ids: Vec<ConversationId> = members.iter().map(|member| member.conversation.id).collect();
    let mut rows = participants::first(db, &ids).await?;
    for member in members {
        if let Some(rows) = rows.get_mut(&member.conversation.id) {
            participants::with_viewer(rows, &member.me);
        }
    }
    let users: Vec<UserId> = rows.values().flatten().map(|row| row.user_id).collect();
    let users = user::by_ids(db, &users).await?;
    let named = |rows: Vec<participant::Model>| rows.iter().map(|row| Participant::of(row, &users)).collect();
    Ok(rows.into_iter().map(|(id, rows)| (id, named(rows))).collect())
}

impl Conversation {
    pub(in crate::chat) fn of(
        member: Member,
        viewer: UserId,
        participants: Vec<Participant>,
        last_message: Option<Message>,
        unread_count: i64,
    ) -> Self {
        let Member { conversation: row, me } = member;
        let other = match row.kind {
            ConversationType::Direct => participants.iter().find(|person| person.user_id != viewer).cloned(),
            ConversationType::Group => None,
        };
        let (name, avatar_url) = match &other {
            Some(other) => (Some(other.user_name.clone()), other.avatar_url.clone()),
            None => (row.name.clone(), row.avatar_url.clone()),
        };
        let types = allowed_types(&row);
        Self {
            id: row.id,
            kind: row.kind,
            name,
            description: row.description,
            avatar_url,
            created_by_id: row.created_by_id,
            participant_count: match participants.len() {
                // All of them are shown, whatever has changed between two statements.
                all @ ..MAX_SHOWN => i32::try_from(all).unwrap_or(i32::MAX),
                _ => row.participant_count,
            },
            participants,
            last_message,
            unread_count,
            muted: me.muted,
            pinned: me.pinned,
            archived: me.archived,
            // The row that somebody would have who is not in it was never stored.
            viewer_role: (me.id != 0).then_some(me.role),
            message_count: row.message_count,
            allow_reactions: row.allow_reactions,
            allow_replies: row.allow_replies,
            allow_file_uploads: row.allow_file_uploads,
            max_file_size_mb: row.max_file_size_mb,
            allowed_file_types: (!types.is_empty()).then_some(types),
            last_message_at: row.last_message_at.map(Into::into),
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
        }
    }

    /// What somebody sees who is not in it any more: that it was there, and nothing of what is in it.
    pub(in crate::chat) fn left(row: conversation::Model, name: Option<String>, me: UserId, at: DateTime<Utc>) -> Self {
        let gone = gone(&row, me);
        let mut shell = Self::of(Member { conversation: row, me: gone }, me, Vec::new(), None, 0);
        shell.name = name.or(shell.name);
        shell.last_message_at = None;
        shell.participant_count = 0;
        shell.message_count = 0;
        shell.updated_at = at.into();
        shell
    }

    /// Without anything that may have been changed when its viewer was not in it any more.
    pub(in crate::chat) fn withheld(self) -> Self {
        Self {
            name: None,
            description: None,
            avatar_url: None,
            allow_reactions: false,
            allow_replies: false,
            allow_file_uploads: false,
            max_file_size_mb: 0,
            allowed_file_types: None,
            ..self
        }
    }

    /// The other person of a direct conversation.
    pub fn other(&self, viewer: UserId) -> Option<&Participant> {
        match self.kind {
            ConversationType::Direct => self.participants.iter().find(|person| person.user_id != viewer),
            ConversationType::Group => None,
        }
    }
}

/// The row that somebody who is not in a conversation would have.
pub(in crate::chat) fn gone(row: &conversation::Model, user: UserId) -> participant::Model {
    participant::Model {
        id: 0,
        conversation_id: row.id,
        user_id: user,
        role: Role::Member,
        joined_at: row.created_at,
        last_read_message_id: None,
        muted: false,
        pinned: false,
        archived: false,
        read_number: 0,
        read_own: 0,
    }
}
