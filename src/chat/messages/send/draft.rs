//! A message that is in form: the checks that need no database.

use std::collections::HashSet;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::SendMessage;
use crate::chat::text;
use crate::entity::message::MessageType;
use crate::error::{Error, Result};
use crate::id::{FileId, MessageId};

/// Attachments of a message, and bytes of its metadata, at most.
const MOST_ATTACHMENTS: usize = 10;
const MOST_METADATA: usize = 8 * 1024;

/// What is to be sent.
#[derive(Clone)]
pub(super) struct Draft {
    pub content: Option<String>,
    pub kind: MessageType,
    pub parent: Option<MessageId>,
    pub files: Vec<FileId>,
    pub metadata: Option<Json>,
    pub temp: Option<Temp>,
}

/// A `tempId` with the digest of the raw input that it stands for.
#[derive(Clone)]
pub(super) struct Temp {
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
        if files.len() > MOST_ATTACHMENTS {
            return Err(Error::bad_request(format!("A message takes at most {MOST_ATTACHMENTS} attachments")));
        }
        let content = text::content(input.content.as_deref().unwrap_or_default(), longest, !files.is_empty())?;
        let metadata = input.metadata.map(check_metadata).transpose()?.flatten();
        Ok(Self { content, kind, parent: input.parent_message_id, files, metadata, temp })
    }
}

/// An object of up to 8 KiB without the character that PostgreSQL cannot keep; `{}` is kept as it is.
fn check_metadata(metadata: Json) -> Result<Option<Json>> {
    match &metadata {
        Json::Null => return Ok(None),
        Json::Object(_) => {}
        _ => return Err(Error::bad_request("metadata must be a JSON object")),
    }
    let written = metadata.to_string();
    if written.len() > MOST_METADATA {
        return Err(Error::bad_request("metadata must not be larger than 8 KiB"));
    }
    if text::holds_nul(&metadata) {
        return Err(Error::bad_request("metadata must not hold the character U+0000"));
    }
    Ok(Some(metadata))
}

/// What makes two sends the same: content, type, parent and attachments as they came (contract §12, repeats).
fn digest(input: &SendMessage, kind: MessageType) -> String {
    let same = serde_json::json!([
        input.content,
        kind,
        input.parent_message_id,
        input.attachment_ids.as_deref().unwrap_or_default()
    ]);
    hex::encode(Sha256::digest(same.to_string()))
}
