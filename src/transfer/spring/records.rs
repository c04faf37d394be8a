//! What the rows of the other chat are here. A row that cannot be anything says why. Whether what it refers to is there, and
//! whether its texts can stay as they are, is for the importer.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::row::{Row, missing};
use crate::entity::conversation::ConversationType;
use crate::entity::message::MessageType;
use crate::entity::participant::Role;
use crate::id::{AttachmentId, FileId};
use crate::transfer::record::{Attachment, Conversation, File, Message, Participant, Reaction, Receipt, Record, User};

/// What to read in place of a word of theirs.
pub type Values = BTreeMap<String, String>;

/// What a row is, or why it is left out.
pub type Made = Result<Record, String>;

pub fn user(row: &Row, _: &Values) -> Made {
    Ok(Record::User(User {
        id: row.must_have_id("id")?,
        name: row.text("name").unwrap_or_default(),
        avatar_url: row.text("avatar_url"),
        external_id: row.text("external_id"),
        banned_at: None,
        signed_out_at: None,
        created_at: row.time("created_at"),
        updated_at: row.time("updated_at"),
    }))
}

pub fn conversation(row: &Row, values: &Values) -> Made {
    let kind: ConversationType = row.word("type", values)?.ok_or_else(|| missing("type"))?;
    let created_at = row.must_have_time("created_at")?;
    let updated_at = row.time("updated_at");
    let is_closed = row.flag("is_deleted") == Some(true) || row.flag("is_active") == Some(false);
    let closed_at = row.time("deleted_at").or(is_closed.then_some(updated_at.unwrap_or(created_at)));
    let people = row.raw("people").unwrap_or_default().split_terminator(',');
    let is_direct = kind == ConversationType::Direct;
    let created_by = match row.id("creator")? {
        Some(user) => Some(user),
        None => row.id("first")?,
    };
    Ok(Record::Conversation(Conversation {
        id: row.must_have_id("id")?,
        kind,
        name: row.text("name").filter(|_| !is_direct),
        description: row.text("description"),
        avatar_url: row.text("avatar_url"),
        created_by,
        people: if is_direct { people.filter_map(|id| id.parse().ok()).collect() } else { Vec::new() },
        allow_reactions: row.flag("allow_reactions").unwrap_or(true),
        allow_replies: row.flag("allow_replies").unwrap_or(true),
        allow_file_uploads: row.flag("allow_file_uploads").unwrap_or(true),
        max_file_size_mb: row.number("max_file_size_mb"),
        allowed_file_types: row.text("allowed_file_types").and_then(|types| file_types(&types)),
        created_at,
        updated_at,
        closed_at,
    }))
}

/// A list in JSON, or of words between commas; none where nothing is in it.
fn file_types(text: &str) -> Option<Vec<String>> {
    let types = match serde_json::from_str::<Json>(text) {
        Ok(Json::Array(types)) => types.into_iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        Ok(Json::Null) => Vec::new(),
        Ok(Json::String(types)) => between_commas(&types),
        _ => between_commas(text),
    };
    (!types.is_empty()).then_some(types)
}

fn between_commas(text: &str) -> Vec<String> {
    text.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

/// A file without its bytes.
pub fn file(row: &Row) -> Result<File, String> {
    let uploader = match row.id("uploader_id")? {
        Some(user) => user,
        None => row.must_have_id("sender")?,
    };
    Ok(File {
        id: row.must_have_id("id")?,
        uploader,
        name: row.text("file_name").unwrap_or_default(),
        content_type: row.text("content_type"),
        conversation: None,
        created_at: row.time("created_at").or(row.time("sent_at")).ok_or_else(|| missing("created_at"))?,
        bytes: None,
        kept: None,
    })
}

pub fn message(row: &Row, values: &Values) -> Made {
    let created_at = row.must_have_time("created_at")?;
    let changed_at = row.time("updated_at").unwrap_or(created_at);
    let deleted_at = row.time("deleted_at");
    let is_deleted = row.flag("is_deleted").unwrap_or(deleted_at.is_some());
    let edited_at = row.time("edited_at");
    let is_edited = row.flag("is_edited").unwrap_or(edited_at.is_some());
    Ok(Record::Message(Message {
        id: row.must_have_id("id")?,
        conversation: row.must_have_id("conversation_id")?,
        sender: row.must_have_id("sender_id")?,
        kind: row.word("message_type", values)?.unwrap_or(MessageType::Text),
        content: row.raw("content").map(str::to_owned),
        parent: row.id("parent_message_id")?,
        metadata: row.text("metadata").and_then(|text| metadata(&text)),
        attachments: row.raw("attachments").unwrap_or_default().split_terminator(',').filter_map(attachment).collect(),
        created_at,
        edited_at: is_edited.then_some(edited_at.unwrap_or(changed_at)),
        deleted_at: is_deleted.then_some(deleted_at.unwrap_or(changed_at)),
    }))
}

/// An object with something in it; what is no JSON is text, which the importer does not take and says so.
fn metadata(text: &str) -> Option<Json> {
    match serde_json::from_str(text) {
        Ok(Json::Null) => None,
        Ok(Json::Object(fields)) if fields.is_empty() => None,
        Ok(metadata) => Some(metadata),
        Err(_) => Some(Json::String(text.to_owned())),
    }
}

fn attachment(text: &str) -> Option<Attachment> {
    let (id, file) = text.split_once(':')?;
    Some(Attachment { id: id.parse::<AttachmentId>().ok(), file: file.parse::<FileId>().ok()? })
}

pub fn participant(row: &Row, values: &Values) -> Made {
    if row.raw("left_at").is_some() || row.flag("is_active") == Some(false) {
        return Err("They have left the conversation".to_owned());
    }
    Ok(Record::Participant(Participant {
        conversation: row.must_have_id("conversation_id")?,
        user: row.must_have_id("user_id")?,
        role: row.word("role", values)?.unwrap_or(Role::Member),
        joined_at: row.must_have_time("joined_at")?,
        last_read: row.id("last_read_message_id")?,
        muted: row.flag("muted").unwrap_or(false),
        pinned: row.flag("pinned").unwrap_or(false),
        archived: row.flag("archived").unwrap_or(false),
    }))
}

pub fn reaction(row: &Row, _: &Values) -> Made {
    Ok(Record::Reaction(Reaction {
        message: row.must_have_id("message_id")?,
        user: row.must_have_id("user_id")?,
        emoji: row.text("emoji").ok_or_else(|| missing("emoji"))?,
        created_at: row.must_have_time("created_at")?,
    }))
}

pub fn receipt(row: &Row, _: &Values) -> Made {
    Ok(Record::Receipt(Receipt {
        conversation: row.must_have_id("conversation_id")?,
        user: row.must_have_id("user_id")?,
        message: row.must_have_id("message_id")?,
        from: row.number("before"),
        read_at: row.must_have_time("read_at")?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_types_are_read_however_they_are_stored() {
        let types = |text| file_types(text).unwrap_or_default().join(" ");
        for text in ["[\"image/*\",\"text/plain\"]", "image/*, text/plain", "\"image/*,text/plain\""] {
            assert_eq!(types(text), "image/* text/plain", "{text}");
        }
        for text in ["[]", "null", "\"\"", ","] {
            assert_eq!(file_types(text), None, "{text}");
        }
    }

    #[test]
    fn metadata_that_says_nothing_is_none() {
        assert_eq!((metadata("{}"), metadata("null")), (None, None));
        assert_eq!(metadata("{\"a\":1}"), Some(serde_json::json!({ "a": 1 })));
        assert_eq!(metadata("a=1"), Some(Json::String("a=1".to_owned())));
    }
}
