//! The rows of messages that are sent, and the statements that write them, together with the counters of their
//! conversations and of what they reply to: the same texts whatever the number of messages.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};
use serde::Serialize;

use super::plan::Fresh;
use crate::chat::counts::{Numbers, Place};
use crate::chat::log::head::{LogHead, now_of};
use crate::entity::message::MessageType;
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::{self, Script};

/// A message as the statements read it.
#[derive(Serialize)]
struct Row<'m> {
    /// Where its event goes in the log, behind what stands there. Only what writes that event, too, reads it.
    place: usize,
    id: MessageId,
    conversation: ConversationId,
    sender: UserId,
    kind: MessageType,
    content: Option<&'m str>,
    parent: Option<MessageId>,
    metadata: Option<String>,
    temp: Option<&'m str>,
    digest: Option<&'m str>,
    words: Option<&'m str>,
    number: i64,
    own: i64,
}

/// The parts of PostgreSQL's statements. `given` are the rows, with their ids and time; `numbered` has the numbers, too.
const ROWS: &str =
    "json_to_recordset(CAST($1 AS json)) AS m(place bigint, id bigint, conversation bigint, sender bigint,
        kind text, content text, parent bigint, metadata text, temp text, digest text, words text,
        number bigint, own bigint)";
const MESSAGES: &str = "
    INSERT INTO chat_messages (id, conversation_id, sender_id, message_type, content, parent_message_id, metadata,
        temp_id, input_digest, search_words, number, sender_number, created_at)
    SELECT id, conversation, sender, kind, content, parent, CAST(metadata AS jsonb), temp, digest, words, number, own, now
    FROM numbered";
const COUNTS: &str = "
    UPDATE chat_conversations c SET message_count = c.message_count + g.messages, last_message_id = g.newest,
        last_message_at = g.now, last_activity_at = g.now, activity_moved = true
    FROM (SELECT conversation, count(*) AS messages, max(id) AS newest, max(now) AS now FROM given
        GROUP BY conversation) g
    WHERE c.id = g.conversation";
const REPLIES: &str = "
    UPDATE chat_messages p SET reply_count = p.reply_count + g.replies
    FROM (SELECT parent, count(*) AS replies FROM given WHERE parent IS NOT NULL GROUP BY parent) g
    WHERE p.id = g.parent";

/// Those of PostgreSQL's statement that is a whole transaction. Other messages may have been sent since the rows were judged,
/// and while this waited for the log: ids, positions, numbers and the time come from the rows as they are when it is its
/// turn. Whatever could change a judgement says so in `premise_position`: then there are no rows.
const HEAD: &str = "
    UPDATE chat_log SET position = position + $2, message_id = message_id + $2
    WHERE id = 1 AND premise_position <= $3 AND webhook_revision = $4
    RETURNING position - $2 AS position, message_id - $2 AS message_id, webhook_revision, clock_timestamp() AS now";
const GIVEN: &str = "
    SELECT h.position + m.place AS position, h.message_id + m.id AS id, m.conversation, m.sender, m.kind, m.content,
        m.parent, m.metadata, m.temp, m.digest, m.words, m.number, m.own, date_trunc('milliseconds', h.now) AS now
    FROM head h CROSS JOIN ";
const NUMBERED: &str = "
    SELECT g.id, g.conversation, g.sender, g.kind, g.content, g.parent, g.metadata, g.temp, g.digest, g.words, g.now,
        c.before + g.number AS number, o.before + g.own AS own
    FROM given g JOIN counts c USING (conversation) JOIN own o USING (conversation, sender)";
/// The function reads what was committed last, and not what was when the statement began.
const OWN: &str = "
    SELECT conversation, sender, chat_own_messages(conversation, sender) AS before
    FROM (SELECT DISTINCT conversation, sender FROM given) pairs";
const EVENTS: &str = "
    INSERT INTO chat_events (position, event_type, conversation_id, user_id, message_id, created_at)
    SELECT position, 'message.sent', conversation, sender, id, now FROM given";

/// SQLite's statements; their rows are `given`.
const SQLITE_MESSAGES: &str = "
INSERT INTO chat_messages (id, conversation_id, sender_id, message_type, content, parent_message_id, metadata, temp_id,
    input_digest, search_words, number, sender_number, created_at)
SELECT id, conversation, sender, kind, content, parent, metadata, temp, digest, words, number, own, ?
FROM given WHERE id IS NOT NULL";
const SQLITE_COUNTS: &str = "
UPDATE chat_conversations SET message_count = message_count + g.messages, last_message_id = g.newest,
    last_message_at = ?, last_activity_at = ?, activity_moved = true
FROM (SELECT conversation, count(*) AS messages, max(id) AS newest FROM given WHERE id IS NOT NULL GROUP BY 1) g
WHERE chat_conversations.id = g.conversation";
const SQLITE_REPLIES: &str = "
UPDATE chat_messages SET reply_count = reply_count + g.replies
FROM (SELECT parent, count(*) AS replies FROM given WHERE parent IS NOT NULL GROUP BY 1) g
WHERE chat_messages.id = g.parent";
/// All of it in one, and the log moved on: a trigger of the schema does it. Where the log does not stand there, the statement
/// is refused.
const SQLITE_SENDING: &str = "
INSERT INTO chat_sending (position, webhook_revision, id, conversation_id, sender_id, message_type, content,
    parent_message_id, metadata, temp_id, input_digest, search_words, number, sender_number, created_at)
SELECT ? + place, ?, id, conversation, sender, kind, content, parent, metadata, temp, digest, words, number, own, ?
FROM given WHERE id IS NOT NULL ORDER BY place";

/// The columns of the messages in SQLite's `given`.
const SQLITE_COLUMNS: [&str; 12] = [
    "id",
    "conversation",
    "sender",
    "kind",
    "content",
    "parent",
    "metadata",
    "temp",
    "digest",
    "words",
    "number",
    "own",
];

/// The rows as JSON; ids and numbers are what `counted` makes of those that were planned.
fn rows(fresh: &[Fresh], mut counted: impl FnMut(&Fresh) -> (MessageId, Place)) -> String {
    let rows = fresh.iter().zip(1..).map(|(fresh, place)| {
        let (id, stands) = counted(fresh);
        let Fresh { input, message, .. } = fresh;
        Row {
            place,
            id,
            conversation: message.conversation_id,
            sender: message.sender_id,
            kind: message.message_type,
            content: message.content.as_deref(),
            parent: message.parent_message_id,
            metadata: message.metadata.as_ref().map(ToString::to_string),
            temp: message.temp_id.as_deref(),
            digest: input.draft.temp.as_ref().map(|temp| temp.digest.as_str()),
            words: input.draft.words.as_deref(),
            number: stands.number,
            own: stands.own,
        }
    });
    store::json(&rows.collect::<Vec<_>>())
}

fn are_replies_among(fresh: &[Fresh]) -> bool {
    fresh.iter().any(|fresh| fresh.message.parent_message_id.is_some())
}

/// The part of PostgreSQL's statements that counts replies, where there are any.
fn replies_part(fresh: &[Fresh]) -> String {
    if are_replies_among(fresh) { format!(", replies AS ({REPLIES})") } else { String::new() }
}

/// The messages in the order of [`SQLITE_COLUMNS`].
fn sqlite_rows(fresh: &[Fresh]) -> impl ExactSizeIterator<Item = [Value; SQLITE_COLUMNS.len()]> {
    fresh.iter().map(|Fresh { input, message, stands, .. }| {
        [
            message.id.into(),
            message.conversation_id.into(),
            message.sender_id.into(),
            message.message_type.into(),
            message.content.clone().into(),
            message.parent_message_id.into(),
            message.metadata.as_ref().map(ToString::to_string).into(),
            message.temp_id.clone().into(),
            input.draft.temp.as_ref().map(|temp| temp.digest.clone()).into(),
            input.draft.words.clone().into(),
            stands.number.into(),
            stands.own.into(),
        ]
    })
}

/// SQLite's statements for the messages and what is counted of them.
fn script(fresh: &[Fresh], now: DateTime<Utc>) -> Statement {
    let mut script = Script::default();
    script.add_given(SQLITE_COLUMNS, sqlite_rows(fresh), SQLITE_MESSAGES, [now.into()]);
    let messages = || fresh.iter().map(|fresh| &fresh.message);
    let rows = messages().map(|message| [message.id.into(), message.conversation_id.into()]);
    script.add_given(["id", "conversation"], rows, SQLITE_COUNTS, [now.into(), now.into()]);
    if are_replies_among(fresh) {
        let rows = messages().map(|message| [message.parent_message_id.into()]);
        script.add_given(["parent"], rows, SQLITE_REPLIES, []);
    }
    script.statement()
}

/// SQLite's statement for all of it, behind the log as it is `known`.
fn sending(fresh: &[Fresh], now: DateTime<Utc>, known: LogHead) -> Statement {
    let mut script = Script::default();
    let behind = [known.position.into(), known.outbox_revision.into(), now.into()];
    script.add_given(SQLITE_COLUMNS, sqlite_rows(fresh), SQLITE_SENDING, behind);
    script.statement()
}

/// Writes the messages within a transaction that holds the log's row.
pub(super) async fn insert(db: &impl ConnectionTrait, fresh: &[Fresh<'_>], now: DateTime<Utc>) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let statement = if backend == DbBackend::Sqlite {
        script(fresh, now)
    } else {
        let replies = replies_part(fresh);
        let given = format!("SELECT m.*, CAST($2 AS timestamptz) AS now FROM {ROWS}");
        let sql = format!(
            "WITH given AS ({given}), numbered AS (SELECT * FROM given), messages AS ({MESSAGES}){replies}{COUNTS}"
        );
        let rows = rows(fresh, |fresh| (fresh.message.id, fresh.stands));
        Statement::from_sql_and_values(backend, sql, [rows.into(), now.into()])
    };
    db.execute_raw(statement).await.map(drop)
}

/// What is a whole transaction: the messages, their events, and the log moved on. `known` is the log as it was when the rows
/// were judged. [`moved`] reads the answer.
pub(super) fn transaction(backend: DbBackend, fresh: &[Fresh<'_>], now: DateTime<Utc>, known: LogHead) -> Statement {
    if backend == DbBackend::Sqlite {
        return sending(fresh, now, known);
    }
    let replies = replies_part(fresh);
    let sql = format!(
        "WITH head AS ({HEAD}), given AS MATERIALIZED ({GIVEN}{ROWS}), own AS MATERIALIZED ({OWN}), \
         counts AS ({COUNTS} RETURNING c.id AS conversation, c.message_count - g.messages AS before), \
         numbered AS ({NUMBERED}), messages AS ({MESSAGES}), events AS ({EVENTS}){replies} SELECT * FROM head"
    );
    let mut among = Numbers::behind([]);
    let rows = rows(fresh, |Fresh { message, .. }| {
        let id = message.id.get() - known.message_id;
        (MessageId::stored(id), among.next(message.conversation_id, message.sender_id))
    });
    let values = [rows.into(), count(fresh).into(), known.position.into(), known.outbox_revision.into()];
    Statement::from_sql_and_values(backend, sql, values)
}

/// The log as it was when the transaction had its turn, and the time of what it wrote. None: nothing was written. On SQLite
/// it is what was known, or the statement is refused.
pub(super) fn moved(
    backend: DbBackend,
    answer: &[QueryResult],
    known: (LogHead, DateTime<Utc>),
) -> Result<Option<(LogHead, DateTime<Utc>)>, DbErr> {
    match answer.first() {
        _ if backend == DbBackend::Sqlite => Ok(Some(known)),
        None => Ok(None),
        Some(row) => Ok(Some((LogHead::of(row)?, now_of(row)?))),
    }
}

fn count(fresh: &[Fresh]) -> i64 {
    i64::try_from(fresh.len()).unwrap_or(i64::MAX)
}
