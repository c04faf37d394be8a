//! What the writer has to know of messages that wait to be sent: one statement for all of them, and more only where files
//! are attached or a `tempId` was used before.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, QueryResult, Statement};
use serde::Serialize;

use super::draft::Outgoing;
use crate::chat::counts::Place;
use crate::chat::files::stored::{self, Stored};
use crate::chat::files::url_signer::UrlSigner;
use crate::chat::log::head::{LogHead, now_column, now_of};
use crate::chat::rows;
use crate::chat::views::message::{self as view, Message};
use crate::entity::{conversation, message};
use crate::error::Error;
use crate::id::{ConversationId, FileId, MessageId};
use crate::store::{self, Script};

/// How long a `tempId` is remembered.
const TEMP_ID_LIFETIME: TimeDelta = TimeDelta::hours(24);

/// What the inputs need to know. Read under the writer's lock, or together with the row of the lock: nobody who was
/// removed a moment ago slips in.
pub(super) struct Preloaded {
    /// In the order of the inputs.
    pub known: Vec<Known>,
    files: Option<Files>,
    /// The complete ones among the holders of a `tempId` that are young enough to be repeated.
    repeats: HashMap<MessageId, Message>,
}

/// What is known of one input.
pub(super) struct Known {
    /// None where there is no open conversation.
    pub conversation: Option<Room>,
    pub is_inside: bool,
    pub sender_name: Option<String>,
    /// Whether the parent was deleted; none where the conversation has no such message.
    pub parent_is_deleted: Option<bool>,
    /// The message that holds the `tempId`.
    pub holder: Option<Holder>,
}

/// A conversation, as sending without files needs it.
pub(super) struct Room {
    pub allows_replies: bool,
    /// The last message of all, and of the sender's own.
    pub last: Place,
}

pub(super) struct Holder {
    pub message: MessageId,
    pub digest: Option<String>,
    sent_at: DateTime<Utc>,
}

struct Files {
    stored: HashMap<FileId, Stored>,
    conversations: HashMap<ConversationId, conversation::Model>,
}

/// An input as PostgreSQL's statement reads it.
#[derive(Serialize)]
struct Asked<'i> {
    place: usize,
    conversation: ConversationId,
    sender: i64,
    parent: Option<MessageId>,
    temp: Option<&'i str>,
}

const COLUMNS: &str = "
SELECT l.position, l.message_id, l.webhook_revision, c.allow_replies, p.id AS participant,
    u.name AS sender_name, r.is_deleted AS parent_is_deleted, h.id AS holder, h.input_digest, h.created_at AS sent_at,
    c.message_count, o.sender_number AS own, ";

/// Each look-up is one of an index: the planner, who does not know how many inputs there are, is left no choice.
const FROM_POSTGRES: &str = "
FROM chat_log l
CROSS JOIN json_to_recordset(CAST($1 AS json))
    AS i(place bigint, conversation bigint, sender bigint, parent bigint, temp text)
LEFT JOIN LATERAL (SELECT * FROM chat_conversations
    WHERE id = i.conversation AND closed_at IS NULL LIMIT 1) c ON true
LEFT JOIN LATERAL (SELECT id FROM chat_participants
    WHERE conversation_id = i.conversation AND user_id = i.sender LIMIT 1) p ON true
LEFT JOIN LATERAL (SELECT name FROM chat_users WHERE id = i.sender LIMIT 1) u ON true
LEFT JOIN LATERAL (SELECT is_deleted FROM chat_messages
    WHERE id = i.parent AND conversation_id = i.conversation LIMIT 1) r ON true
LEFT JOIN LATERAL (SELECT id, input_digest, created_at FROM chat_messages
    WHERE conversation_id = i.conversation AND sender_id = i.sender AND temp_id = i.temp LIMIT 1) h ON true
LEFT JOIN LATERAL (SELECT sender_number FROM chat_messages
    WHERE conversation_id = i.conversation AND sender_id = i.sender ORDER BY number DESC LIMIT 1) o ON true
WHERE l.id = 1
ORDER BY i.place";

/// `given` are the inputs.
const FROM_SQLITE: &str = "
FROM chat_log l
CROSS JOIN given i
LEFT JOIN chat_conversations c ON c.id = i.conversation AND c.closed_at IS NULL
LEFT JOIN chat_participants p ON p.conversation_id = i.conversation AND p.user_id = i.sender
LEFT JOIN chat_users u ON u.id = i.sender
LEFT JOIN chat_messages r ON r.id = i.parent AND r.conversation_id = i.conversation
LEFT JOIN chat_messages h ON h.conversation_id = i.conversation AND h.sender_id = i.sender AND h.temp_id = i.temp
LEFT JOIN chat_messages o ON o.id = (SELECT id FROM chat_messages
    WHERE conversation_id = i.conversation AND sender_id = i.sender ORDER BY number DESC LIMIT 1)
WHERE l.id = 1 AND i.conversation IS NOT NULL
ORDER BY i.place";

/// The statement that reads what is known of the inputs, and the log's row with each.
pub(super) fn question(backend: DbBackend, inputs: &[&Outgoing]) -> Statement {
    if backend == DbBackend::Sqlite {
        let rows = inputs.iter().map(|input| {
            let temp = input.draft.temp.as_ref().map(|temp| temp.id.clone());
            [input.conversation.into(), input.sender.into(), input.draft.parent.into(), temp.into()]
        });
        let mut script = Script::default();
        script.add_given(
            ["conversation", "sender", "parent", "temp"],
            rows,
            &format!("{COLUMNS}{}{FROM_SQLITE}", now_column(backend)),
            [],
        );
        return script.statement();
    }
    let asked = inputs.iter().enumerate().map(|(place, input)| Asked {
        place,
        conversation: input.conversation,
        sender: input.sender.get(),
        parent: input.draft.parent,
        temp: input.draft.temp.as_ref().map(|temp| temp.id.as_str()),
    });
    let asked: Vec<Asked> = asked.collect();
    let sql = format!("{COLUMNS}{}{FROM_POSTGRES}", now_column(backend));
    Statement::from_sql_and_values(backend, sql, [store::json(&asked).into()])
}

/// The log's row, and the time when it was read, out of the answer to [`question`].
pub(super) fn head(answer: &[QueryResult]) -> Result<(LogHead, DateTime<Utc>), DbErr> {
    let row = answer.first().ok_or_else(|| DbErr::Custom("chat_log has lost its row".into()))?;
    Ok((LogHead::of(row)?, now_of(row)?))
}

impl Known {
    fn of(row: &QueryResult) -> Result<Self, DbErr> {
        let allows_replies: Option<bool> = row.try_get("", "allow_replies")?;
        let conversation = match allows_replies {
            Some(allows_replies) => {
                let own = row.try_get::<Option<i64>>("", "own")?.unwrap_or(0);
                Some(Room { allows_replies, last: Place { number: row.try_get("", "message_count")?, own } })
            }
            None => None,
        };
        let holder: Option<MessageId> = row.try_get("", "holder")?;
        let holder = match holder {
            Some(message) => {
                Some(Holder { message, digest: row.try_get("", "input_digest")?, sent_at: row.try_get("", "sent_at")? })
            }
            None => None,
        };
        Ok(Self {
            conversation,
            is_inside: row.try_get::<Option<i64>>("", "participant")?.is_some(),
            sender_name: row.try_get("", "sender_name")?,
            parent_is_deleted: row.try_get("", "parent_is_deleted")?,
            holder,
        })
    }
}

impl Preloaded {
    /// Out of the answer to [`question`], where nothing else has to be known.
    pub fn of(answer: &[QueryResult]) -> Result<Self, DbErr> {
        let known = answer.iter().map(Known::of).collect::<Result<_, _>>()?;
        Ok(Self { known, files: None, repeats: HashMap::new() })
    }

    /// Reads everything that the inputs need to know.
    pub async fn read(
        db: &impl ConnectionTrait,
        signer: &UrlSigner,
        now: DateTime<Utc>,
        inputs: &[&Outgoing],
    ) -> Result<Self, DbErr> {
        let sick = |error: Error| DbErr::Custom(error.to_string());
        let preloaded = Self::of(&db.query_all_raw(question(db.get_database_backend(), inputs)).await?)?;
        let holders = preloaded.known.iter().filter_map(|known| known.holder.as_ref());
        let young = rows::distinct(
            holders.filter(|holder| holder.sent_at > now - TEMP_ID_LIFETIME).map(|holder| holder.message),
        );
        let repeats = match young.is_empty() {
            true => Vec::new(),
            false => {
                let rows = message::Entity::find().filter(message::Column::Id.is_in(young)).all(db).await?;
                view::load(db, signer, rows).await.map_err(sick)?
            }
        };
        let files: Vec<FileId> = inputs.iter().flat_map(|input| input.draft.files.iter().copied()).collect();
        let files = match files.is_empty() {
            true => None,
            false => {
                let into = inputs.iter().filter(|input| !input.draft.files.is_empty());
                let into = rows::distinct(into.map(|input| input.conversation));
                let rows = conversation::Entity::find().filter(conversation::Column::Id.is_in(into)).all(db).await?;
                let conversations = rows.into_iter().map(|row| (row.id, row)).collect();
                Some(Files { stored: stored::stored(db, &files).await.map_err(sick)?, conversations })
            }
        };
        let repeats = repeats.into_iter().map(|message| (message.id, message)).collect();
        Ok(Self { files, repeats, ..preloaded })
    }

    pub fn repeated(&self, holder: &Holder) -> Option<&Message> {
        self.repeats.get(&holder.message)
    }

    pub fn file(&self, id: FileId) -> Option<&Stored> {
        self.files.as_ref().and_then(|files| files.stored.get(&id))
    }

    pub fn settings(&self, id: ConversationId) -> Option<&conversation::Model> {
        self.files.as_ref().and_then(|files| files.conversations.get(&id))
    }

    /// Messages that hold a `tempId` which one of the inputs asks for, and are too old for it.
    pub fn expired(&self) -> Vec<MessageId> {
        let holders = self.known.iter().filter_map(|known| known.holder.as_ref());
        rows::distinct(holders.map(|holder| holder.message).filter(|id| !self.repeats.contains_key(id)))
    }
}
