//! What is read of the other chat: its tables and columns, and the names under which each is looked for until a mapping says
//! another one. The first name is what Spring makes of the fields that its doors tell.

/// A table.
pub struct Table {
    /// What a mapping calls it.
    pub key: &'static str,
    /// Under which names it is looked for.
    pub names: &'static [&'static str],
    pub columns: &'static [Column],
}

/// A column of a table.
pub struct Column {
    pub key: &'static str,
    pub names: &'static [&'static str],
    pub need: Need,
    pub form: Form,
}

/// Whether the other chat has to have it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Required,
    Optional,
}

/// How a value is written down for whoever reads it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As the database says it.
    Plain,
    /// RFC 3339 in UTC.
    Time,
    Json,
}

use Form::{Json, Plain, Time};
use Need::{Optional, Required};

const fn column(key: &'static str, names: &'static [&'static str], need: Need, form: Form) -> Column {
    Column { key, names, need, form }
}

const ID: Column = column("id", &["id"], Required, Plain);
const CREATED_AT: Column = column("created_at", &["created_at", "created_date", "created_on"], Optional, Time);
const UPDATED_AT: Column =
    column("updated_at", &["updated_at", "updated_date", "last_modified_at", "modified_at"], Optional, Time);
const DELETED_AT: Column = column("deleted_at", &["deleted_at"], Optional, Time);
const IS_DELETED: Column = column("is_deleted", &["is_deleted", "deleted"], Optional, Plain);
const IS_ACTIVE: Column = column("is_active", &["is_active", "active"], Optional, Plain);
const MESSAGE_ID: Column = column("message_id", &["message_id", "chat_message_id"], Required, Plain);
const CONVERSATION_ID: Column =
    column("conversation_id", &["conversation_id", "chat_conversation_id"], Required, Plain);
const USER_ID: Column = column("user_id", &["user_id"], Required, Plain);

/// All tables that are read. Who is here and who types stays behind: both are told anew.
pub const TABLES: [Table; 8] = [USERS, CONVERSATIONS, PARTICIPANTS, MESSAGES, FILES, ATTACHMENTS, REACTIONS, RECEIPTS];

const USERS: Table = Table {
    key: "users",
    names: &["users", "app_users", "app_user", "tg_users", "tg_user", "user"],
    columns: &[
        ID,
        column("name", &["name", "display_name", "full_name", "username"], Required, Plain),
        column("avatar_url", &["avatar_url", "picture", "picture_url", "profile_picture_url"], Optional, Plain),
        column("external_id", &["external_id"], Optional, Plain),
        CREATED_AT,
        UPDATED_AT,
    ],
};

const CONVERSATIONS: Table = Table {
    key: "conversations",
    names: &["chat_conversations"],
    columns: &[
        ID,
        column("type", &["type", "conversation_type"], Required, Plain),
        column("name", &["name", "title"], Required, Plain),
        column("description", &["description"], Optional, Plain),
        column("avatar_url", &["avatar_url"], Optional, Plain),
        column("created_by_id", &["created_by_id", "created_by", "creator_id"], Optional, Plain),
        column("allow_reactions", &["allow_reactions"], Optional, Plain),
        column("allow_replies", &["allow_replies"], Optional, Plain),
        column("allow_file_uploads", &["allow_file_uploads"], Optional, Plain),
        column("max_file_size_mb", &["max_file_size_mb"], Optional, Plain),
        column("allowed_file_types", &["allowed_file_types"], Optional, Json),
        column("created_at", CREATED_AT.names, Required, Time),
        UPDATED_AT,
        DELETED_AT,
        IS_DELETED,
        IS_ACTIVE,
    ],
};

const PARTICIPANTS: Table = Table {
    key: "participants",
    names: &["chat_participants"],
    columns: &[
        ID,
        CONVERSATION_ID,
        USER_ID,
        column("role", &["role"], Optional, Plain),
        column("joined_at", &["joined_at", "created_at"], Required, Time),
        column("left_at", &["left_at", "removed_at"], Optional, Time),
        IS_ACTIVE,
        column("last_read_message_id", &["last_read_message_id"], Optional, Plain),
        column("muted", &["muted", "is_muted"], Optional, Plain),
        column("pinned", &["pinned", "is_pinned"], Optional, Plain),
        column("archived", &["archived", "is_archived"], Optional, Plain),
    ],
};

const MESSAGES: Table = Table {
    key: "messages",
    names: &["chat_messages"],
    columns: &[
        ID,
        CONVERSATION_ID,
        column("sender_id", &["sender_id"], Required, Plain),
        column("message_type", &["message_type", "type"], Optional, Plain),
        column("content", &["content"], Required, Plain),
        column("parent_message_id", &["parent_message_id", "parent_id"], Optional, Plain),
        column("metadata", &["metadata"], Optional, Json),
        column("is_edited", &["is_edited", "edited"], Optional, Plain),
        column("edited_at", &["edited_at"], Optional, Time),
        IS_DELETED,
        DELETED_AT,
        column("created_at", &["created_at", "sent_at"], Required, Time),
        UPDATED_AT,
    ],
};

const FILES: Table = Table {
    key: "files",
    names: &["tg_files", "tg_file", "chat_files", "files"],
    columns: &[
        ID,
        column(
            "file_name",
            &["file_name", "original_file_name", "original_filename", "original_name", "filename", "name"],
            Required,
            Plain,
        ),
        column("content_type", &["content_type", "mime_type"], Optional, Plain),
        column("size", &["size", "file_size", "size_bytes"], Optional, Plain),
        column("path", &["path", "file_path", "storage_path", "storage_key", "file_url", "url"], Required, Plain),
        column(
            "uploader_id",
            &["uploader_id", "uploaded_by_id", "uploaded_by", "created_by_id", "created_by", "user_id"],
            Optional,
            Plain,
        ),
        column("created_at", &["created_at", "uploaded_at"], Optional, Time),
    ],
};

const ATTACHMENTS: Table = Table {
    key: "attachments",
    names: &["chat_message_attachments"],
    columns: &[
        ID,
        MESSAGE_ID,
        column("file_id", &["file_id", "tg_file_id"], Required, Plain),
        column("ordinal", &["ordinal", "sort_order", "display_order", "position"], Optional, Plain),
    ],
};

const REACTIONS: Table = Table {
    key: "reactions",
    names: &["chat_message_reactions"],
    columns: &[
        ID,
        MESSAGE_ID,
        USER_ID,
        column("emoji", &["emoji", "reaction"], Required, Plain),
        column("created_at", &["created_at", "reacted_at"], Required, Time),
    ],
};

const RECEIPTS: Table = Table {
    key: "receipts",
    names: &["chat_message_read_receipts"],
    columns: &[ID, MESSAGE_ID, USER_ID, column("read_at", &["read_at", "created_at"], Required, Time)],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_written_down() {
        let page = include_str!("../../../docs/moving.md");
        for Table { key, names, columns } in TABLES {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{key}` | `{}`", names[0])));
            let row = row.unwrap_or_else(|| panic!("{key} is not in the table"));
            let (required, optional) = row.split_once(", [").unwrap_or((row, ""));
            for column in columns {
                let place = if column.need == Required { required } else { optional };
                assert!(place.contains(&format!("`{}`", column.key)), "{key}.{}", column.key);
            }
        }
    }
}
