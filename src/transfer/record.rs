//! What a chat is made of, one record a thing, as it stands in a line of a file and as it goes from one database to another
//! (docs/moving.md). It knows neither files of lines nor tables. Fields that are not known are passed over.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::chat::files::Kept;
use crate::entity::conversation::ConversationType;
use crate::entity::message::MessageType;
use crate::entity::participant::Role;
use crate::id::{AttachmentId, ConversationId, FileId, MessageId, UserId};

/// One thing. What it refers to comes before it: users, conversations, files, messages in the order of their ids, participants,
/// reactions, receipts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Record {
    User(User),
    Conversation(Conversation),
    File(File),
    Message(Message),
    Participant(Participant),
    Reaction(Reaction),
    Receipt(Receipt),
}

impl Record {
    /// What it is called where it is counted.
    pub fn kind(&self) -> &'static str {
        match self {
            Record::User(_) => "users",
            Record::Conversation(_) => "conversations",
            Record::File(_) => "files",
            Record::Message(_) => "messages",
            Record::Participant(_) => "participants",
            Record::Reaction(_) => "reactions",
            Record::Receipt(_) => "receipts",
        }
    }
}

/// Somebody.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub id: UserId,
    #[serde(default)]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// The text by which the host application knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Since when they are banned, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banned_at: Option<DateTime<Utc>>,
    /// Tokens from before that moment are not good any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_out_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime<Utc>>,
}

/// A room. A direct one has its two `people`, a group a `name`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    pub id: ConversationId,
    pub kind: ConversationType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// None: the first of the two people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<UserId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<UserId>,
    #[serde(default = "yes")]
    pub allow_reactions: bool,
    #[serde(default = "yes")]
    pub allow_replies: bool,
    #[serde(default = "yes")]
    pub allow_file_uploads: bool,
    /// None: that of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_file_size_mb: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_file_types: Option<Vec<String>>,
    pub created_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<DateTime<Utc>>,
}

/// A file with its bytes, which are Base64 in a line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    pub id: FileId,
    pub uploader: UserId,
    pub name: String,
    /// What its sender called it; what it is is told from its bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    pub created_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_base64")]
    pub bytes: Option<Bytes>,
    /// Where the bytes lie already, if they stay there.
    #[serde(skip)]
    pub kept: Option<Kept>,
}

/// A message. A deleted one has neither content nor attachments.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub id: MessageId,
    pub conversation: ConversationId,
    pub sender: UserId,
    #[serde(default = "text")]
    pub kind: MessageType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<MessageId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Json>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    pub created_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<DateTime<Utc>>,
}

/// A file of a message, in their order.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Attachment {
    /// None: the next free one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<AttachmentId>,
    pub file: FileId,
}

/// A membership.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    pub conversation: ConversationId,
    pub user: UserId,
    #[serde(default = "member")]
    pub role: Role,
    pub joined_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_read: Option<MessageId>,
    #[serde(default)]
    pub muted: bool,
    #[serde(default)]
    pub pinned: bool,
    #[serde(default)]
    pub archived: bool,
}

/// One emoji of one user on one message.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reaction {
    pub message: MessageId,
    pub user: UserId,
    pub emoji: String,
    pub created_at: DateTime<Utc>,
}

/// Somebody read all messages behind `from` up to and including `message`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    pub conversation: ConversationId,
    pub user: UserId,
    pub message: MessageId,
    /// None: where their receipt before this one ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    pub read_at: DateTime<Utc>,
}

fn yes() -> bool {
    true
}

fn text() -> MessageType {
    MessageType::Text
}

fn member() -> Role {
    Role::Member
}

mod as_base64 {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(bytes: &Option<Bytes>, to: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => to.serialize_str(&STANDARD.encode(bytes)),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Bytes>, D::Error> {
        let text: Option<String> = Option::deserialize(from)?;
        text.map(|text| {
            STANDARD.decode(text).map(Bytes::from).map_err(|_| de::Error::custom("the bytes are no Base64"))
        })
        .transpose()
    }
}
