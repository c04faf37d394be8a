//! The statements of a search, in the words of both databases. Each has one text for each direction, however many words
//! and conversations it is about.

use sea_orm::{ConnectionTrait, DbBackend};

use crate::chat::text::Term;
use crate::id::ConversationId;
use crate::store::{is_listed, rows_of};

/// Towards older messages, or towards newer ones.
#[derive(Clone, Copy)]
pub(super) struct Direction {
    pub is_forward: bool,
}

impl Direction {
    fn order(self) -> &'static str {
        if self.is_forward { "ASC" } else { "DESC" }
    }
}

/// Where the messages lie that the `$4 + 1`th step reaches in the conversations `$1` within (`$2`, `$3`): the nearest of
/// these ids.
pub(super) fn edge(db: &impl ConnectionTrait, direction: Direction) -> String {
    let nearest = if direction.is_forward { "MIN" } else { "MAX" };
    format!(
        "SELECT {nearest}(edge) FROM (SELECT (SELECT m.id FROM chat_messages m {} WHERE m.conversation_id = listed.value \
         AND m.id > $2 AND m.id < $3 ORDER BY m.id {} LIMIT 1 OFFSET $4) AS edge FROM {}) AS edges",
        by_conversation(db),
        direction.order(),
        rows_of::<i64>(db, 1),
    )
}

/// SQLite, where conversations are few and alike, would rather walk through the messages of all in the order of their ids;
/// it is told to take the key of conversation and id, which its table was made with.
fn by_conversation(db: &impl ConnectionTrait) -> &'static str {
    match db.get_database_backend() {
        DbBackend::Postgres => "",
        _ => "INDEXED BY sqlite_autoindex_chat_messages_1",
    }
}

/// The `$4` nearest of the messages of the conversations `$1` within (`$2`, `$3`) that have every needle of `$5`; each
/// message is looked at, conversation by conversation.
pub(super) fn scan_conversations(db: &impl ConnectionTrait, direction: Direction) -> String {
    let (listed, has_all, order) = (rows_of::<i64>(db, 1), has_all(db, 5), direction.order());
    match db.get_database_backend() {
        // The ids alone stand in the index of conversations and ids, which so is the least to read, however few
        // conversations the planner knows of and however unequal they are; messages are looked up one by one.
        DbBackend::Postgres => format!(
            "SELECT m.* FROM {listed} CROSS JOIN LATERAL (SELECT m.id FROM chat_messages m \
             WHERE m.conversation_id = listed.value AND m.id > (SELECT $2) AND m.id < (SELECT $3) OFFSET 0) AS near \
             CROSS JOIN LATERAL (SELECT * FROM chat_messages WHERE id = near.id LIMIT 1) AS m \
             WHERE {has_all} ORDER BY m.id {order} LIMIT $4"
        ),
        _ => format!(
            "SELECT m.* FROM {listed} CROSS JOIN chat_messages m {} ON m.conversation_id = listed.value \
             AND m.id > $2 AND m.id < $3 WHERE {has_all} ORDER BY m.id {order} LIMIT $4",
            by_conversation(db),
        ),
    }
}

/// The same, looking at each message of the server.
pub(super) fn scan_all(db: &impl ConnectionTrait, direction: Direction) -> String {
    let (has_all, order) = (has_all(db, 5), direction.order());
    match db.get_database_backend() {
        DbBackend::Postgres => format!(
            "SELECT m.* FROM (SELECT * FROM chat_messages m WHERE m.id > $2 AND m.id < $3 OFFSET 0) m \
             WHERE {} AND {has_all} ORDER BY m.id {order} LIMIT $4",
            is_listed::<i64>(db, "m.conversation_id", 1),
        ),
        // The sign keeps the index of conversations out of it.
        _ => format!(
            "SELECT m.* FROM chat_messages m WHERE m.id > $2 AND m.id < $3 AND {} AND {has_all} \
             ORDER BY m.id {order} LIMIT $4",
            is_listed::<i64>(db, "+m.conversation_id", 1),
        ),
    }
}

/// That the words of `m` hold every needle.
fn has_all(db: &impl ConnectionTrait, place: usize) -> String {
    let position = if db.get_database_backend() == DbBackend::Postgres { "strpos" } else { "instr" };
    // Aliased: `listed` may be a list of conversations outside.
    let needles = rows_of::<&str>(db, place).replace("listed", "needles");
    format!(
        "m.search_words IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {needles} \
         WHERE {position}(' ' || m.search_words, ' ' || needles.value) = 0)"
    )
}

/// The ids of the `$4` nearest messages within (`$2`, `$3`) that the index has under one of the queries `$1`: `one` query
/// alone, or a list of them.
pub(super) fn look_up(db: &impl ConnectionTrait, direction: Direction, one: bool) -> String {
    let order = direction.order();
    match db.get_database_backend() {
        // The index gives rows in no order. The fence keeps the planner from walking through all messages in the order
        // of their ids instead, which it likes where it takes a word for a common one.
        DbBackend::Postgres => format!(
            "SELECT found.id FROM {} CROSS JOIN LATERAL (SELECT m.id FROM chat_messages m WHERE \
             array_to_tsvector(string_to_array(CAST(m.conversation_id AS text) || '_' || \
             replace(m.search_words, ' ', ' ' || CAST(m.conversation_id AS text) || '_'), ' ')) \
             @@ CAST(listed.value AS tsquery) OFFSET 0) AS found \
             WHERE found.id > $2 AND found.id < $3 ORDER BY found.id {order} LIMIT $4",
            rows_of::<&str>(db, 1),
        ),
        // The index leads, and gives its rows in the order of their ids.
        _ if one => format!(
            "SELECT rowid FROM chat_search_words WHERE chat_search_words MATCH $1 AND rowid > $2 AND rowid < $3 \
             ORDER BY rowid {order} LIMIT $4"
        ),
        _ => format!(
            "SELECT chat_search_words.rowid FROM {} CROSS JOIN chat_search_words WHERE chat_search_words MATCH \
             listed.value AND chat_search_words.rowid > $2 AND chat_search_words.rowid < $3 \
             ORDER BY chat_search_words.rowid {order} LIMIT $4",
            rows_of::<&str>(db, 1),
        ),
    }
}

/// What the index is asked for one conversation. Terms hold neither blanks nor ASCII punctuation, so nothing in them is an
/// operator of either database.
pub(super) fn query(db: &impl ConnectionTrait, conversation: ConversationId, terms: &[Term]) -> String {
    /// Beginnings that are looked up at most; what is found is compared with all.
    const MAX_BEGINNINGS: usize = 32;
    let beginnings = terms.iter().flat_map(Term::beginnings).take(MAX_BEGINNINGS);
    match db.get_database_backend() {
        DbBackend::Postgres => join(beginnings.map(|word| format!("'{conversation}_{word}':*")), " & "),
        _ => join(beginnings.map(|word| format!("\"{conversation}_{word}\" *")), " AND "),
    }
}

/// The `$4` nearest messages within (`$2`, `$3`) of the conversations `$1` whose words of before match `$5`.
pub(super) fn look_up_old(db: &impl ConnectionTrait, direction: Direction) -> String {
    let order = direction.order();
    match db.get_database_backend() {
        DbBackend::Postgres => format!(
            "SELECT m.* FROM (SELECT * FROM chat_messages m WHERE \
             array_to_tsvector(string_to_array(m.old_words, ' ')) @@ CAST($5 AS tsquery) OFFSET 0) m \
             WHERE m.id > $2 AND m.id < $3 AND {} ORDER BY m.id {order} LIMIT $4",
            is_listed::<i64>(db, "m.conversation_id", 1),
        ),
        _ => format!(
            "SELECT m.* FROM chat_message_words w CROSS JOIN chat_messages m ON m.id = w.rowid \
             WHERE chat_message_words MATCH $5 AND w.rowid > $2 AND w.rowid < $3 AND {} \
             ORDER BY w.rowid {order} LIMIT $4",
            is_listed::<i64>(db, "+m.conversation_id", 1),
        ),
    }
}

/// What the index of before is asked: it has single characters where there are pairs now.
pub(super) fn old_query(db: &impl ConnectionTrait, terms: &[Term]) -> String {
    const MAX_WORDS: usize = 32;
    let mut words: Vec<String> = Vec::new();
    for term in terms {
        match &term.run {
            Some(run) => words.extend(run.chars().map(String::from)),
            None => words.push(term.needle.clone()),
        }
    }
    words.truncate(MAX_WORDS);
    match db.get_database_backend() {
        DbBackend::Postgres => join(words.iter().map(|word| format!("'{word}':*")), " & "),
        _ => join(words.iter().map(|word| format!("\"{word}\" *")), " AND "),
    }
}

fn join(parts: impl Iterator<Item = String>, by: &str) -> String {
    parts.collect::<Vec<_>>().join(by)
}
