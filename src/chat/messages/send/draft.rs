//! What somebody wants to send, and the checks of it that need no database.

use std::cell::Cell;
use std::collections::HashSet;

use sea_orm::Iterable;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::chat::text;
use crate::chat::views::message::Message;
use crate::entity::message::MessageType;
use crate::error::{Error, Result};
use crate::id::{ConversationId, FileId, MessageId, UserId};

/// What somebody wants to send.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[schema(as = SendMessageRequest)]
pub struct SendMessage {
    /// Up to 10,000 characters; may be left out where there are attachments.
    #[schema(max_length = 10_000, examples("Hello, team!"))]
    pub content: Option<String>,
    /// `TEXT` where nothing is said; `SYSTEM` is not for callers.
    #[schema(schema_with = types_to_send)]
    pub message_type: Option<MessageType>,
    pub parent_message_id: Option<MessageId>,
    /// Up to 10 files that the caller uploaded.
    #[schema(max_items = 10)]
    pub attachment_ids: Option<Vec<FileId>>,
    /// A JSON object of up to 8 KiB.
    #[schema(value_type = Option<std::collections::BTreeMap<String, Value>>)]
    pub metadata: Option<Json>,
    /// Up to 64 characters: repeating it within 24 hours makes no second message.
    #[schema(min_length = 1, max_length = 64)]
    pub temp_id: Option<String>,
}

/// The types that callers may send, as REST describes them.
fn types_to_send() -> Object {
    let types = MessageType::iter().filter(|kind| *kind != MessageType::System);
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some(types.map(Some).chain([None]).map(|kind| json!(kind))))
        .description(Some("`TEXT` where nothing is said; `SYSTEM` is not for callers"))
        .build()
}

/// What sending came to.
#[derive(Debug, Clone)]
pub struct Sent {
    pub message: Message,
    /// Whether the message was there already, sent before under the same `tempId`.
    pub repeated: bool,
}

/// A checked message on its way to the writer.
pub struct Outgoing {
    pub conversation: ConversationId,
    pub sender: UserId,
    pub draft: Draft,
    /// What came of asking all nodes for the rate limit, where they count together.
    pub allowed: Option<Result<()>>,
    /// Whether the rate limit was charged: the writer may have to try more than once.
    pub charged: Cell<bool>,
}

/// Attachments of a message, and bytes of its metadata, at most.
const MAX_ATTACHMENTS: usize = 10;
const MAX_METADATA_BYTES: usize = 8 * 1024;

/// What is to be sent.
#[derive(Clone)]
pub struct Draft {
    pub content: Option<String>,
    /// The words to be found by. Splitting them off is not the writer's work.
    pub words: Option<String>,
    pub kind: MessageType,
    pub parent: Option<MessageId>,
    pub files: Vec<FileId>,
    pub metadata: Option<Json>,
    pub temp: Option<Temp>,
}

/// A `tempId` with the digest of the raw input that it stands for.
#[derive(Clone)]
pub struct Temp {
    pub id: String,
    pub digest: String,
}

impl Draft {
    /// # Errors
    /// `BadRequest` for what is out of form.
    pub fn check(input: SendMessage, longest: usize) -> Result<Self> {
        let kind = input.message_type.unwrap_or(MessageType::Text);
        if kind == MessageType::System {
            return Err(Error::bad_request("Messages of the type SYSTEM are the server's own"));
        }
        let temp = input.temp_id.as_deref().map(text::temp_id).transpose()?;
        let temp = temp.map(|id| Temp { id, digest: digest(&input, kind) });
        let mut files = input.attachment_ids.unwrap_or_default();
        let mut met = HashSet::new();
        files.retain(|file| met.insert(*file));
        if files.len() > MAX_ATTACHMENTS {
            return Err(Error::bad_request(format!("A message takes at most {MAX_ATTACHMENTS} attachments")));
        }
        let content = text::content(input.content.as_deref().unwrap_or_default(), longest, !files.is_empty())?;
        let metadata = input.metadata.map(check_metadata).transpose()?.flatten();
        let words = content.as_deref().map(text::words);
        Ok(Self { content, words, kind, parent: input.parent_message_id, files, metadata, temp })
    }
}

/// An object of up to 8 KiB without the character that PostgreSQL cannot keep; `{}` is kept as it is.
pub(crate) fn check_metadata(metadata: Json) -> Result<Option<Json>> {
    match &metadata {
        Json::Null => return Ok(None),
        Json::Object(_) => {}
        _ => return Err(Error::bad_request("metadata must be a JSON object")),
    }
    let written = metadata.to_string();
    if written.len() > MAX_METADATA_BYTES {
        return Err(Error::bad_request("metadata must not be larger than 8 KiB"));
    }
    if text::holds_nul(&metadata) {
        return Err(Error::bad_request("metadata must not hold the character U+0000"));
    }
    Ok(Some(metadata))
}

/// What makes two sends the same: content, type, parent and attachments as they came (protocol §12, repeats).
fn digest(input: &SendMessage, kind: MessageType) -> String {
    let same =
        json!([input.content, kind, input.parent_message_id, input.attachment_ids.as_deref().unwrap_or_default()]);
    hex::encode(Sha256::digest(same.to_string()))
}
