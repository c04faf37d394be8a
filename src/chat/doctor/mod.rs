//! Checks a database against what must always hold: counters equal a recount, the log has no hole, nothing stands
//! where nothing may. It mends nothing.

mod files;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use crate::chat::counts;
use crate::chat::event::EventType;
use crate::chat::text;
use crate::store::Store;

pub use files::{examine_files, has_files};

/// Something that must hold, and how many places break it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub rule: &'static str,
    pub broken: i64,
}

/// Texts that are looked at in one go: the longest ones take 20 MB.
const TEXTS: i64 = 500;

/// Tables whose ids the database gives.
pub(crate) const NUMBERED: [&str; 8] = [
    "chat_conversations",
    "chat_participants",
    "chat_files",
    "chat_message_attachments",
    "chat_message_reactions",
    "chat_message_read_receipts",
    "chat_webhook_endpoints",
    "chat_webhook_deliveries",
];

/// Each rule, and a statement that counts where it is broken.
const RULES: [(&str, &str); 23] = [
    (
        "The log has no hole",
        "SELECT COALESCE((SELECT MAX(position) - MIN(position) + 1 - COUNT(*) FROM chat_events), 0)",
    ),
    (
        "The log ends where its counter stands",
        "SELECT COUNT(*) FROM chat_log WHERE position <> \
         COALESCE((SELECT MAX(position) FROM chat_events), pruned_position)",
    ),
    (
        "The log begins behind what was pruned",
        "SELECT COUNT(*) FROM chat_log WHERE pruned_position + 1 <> \
         COALESCE((SELECT MIN(position) FROM chat_events), pruned_position + 1)",
    ),
    (
        "No message has an id that was not given out",
        "SELECT COUNT(*) FROM chat_messages WHERE id > (SELECT message_id FROM chat_log)",
    ),
    (
        "The messages of a conversation are counted right",
        "SELECT COUNT(*) FROM chat_conversations c WHERE c.message_count <> \
         (SELECT COUNT(*) FROM chat_messages m WHERE m.conversation_id = c.id)",
    ),
    (
        "The last message of a conversation is its newest",
        "SELECT COUNT(*) FROM chat_conversations c WHERE COALESCE(c.last_message_id, 0) <> \
         COALESCE((SELECT MAX(m.id) FROM chat_messages m WHERE m.conversation_id = c.id), 0)",
    ),
    (
        "The messages of a conversation are numbered without a gap, in the order of their ids",
        "SELECT COUNT(*) FROM (SELECT number, row_number() OVER (PARTITION BY conversation_id ORDER BY id) AS nth \
         FROM chat_messages) AS m WHERE m.number IS NULL OR m.number <> m.nth",
    ),
    (
        "The messages of a sender in a conversation are numbered without a gap, in the order of their ids",
        "SELECT COUNT(*) FROM (SELECT sender_number, \
         row_number() OVER (PARTITION BY conversation_id, sender_id ORDER BY id) AS nth \
         FROM chat_messages) AS m WHERE m.sender_number IS NULL OR m.sender_number <> m.nth",
    ),
    (
        "A read marker knows the number of its message",
        "SELECT COUNT(*) FROM chat_participants p WHERE p.read_number <> \
         COALESCE((SELECT m.number FROM chat_messages m WHERE m.id = p.last_read_message_id), 0)",
    ),
    (
        "A read marker knows how many of its owner's messages stand before it",
        "SELECT COUNT(*) FROM chat_participants p WHERE p.read_own <> (SELECT COUNT(*) FROM chat_messages m \
         WHERE m.conversation_id = p.conversation_id AND m.sender_id = p.user_id AND m.number <= p.read_number)",
    ),
    (
        "The last deleted message of a conversation is known",
        "SELECT COUNT(*) FROM chat_conversations c WHERE c.last_deleted_number <> COALESCE((SELECT MAX(m.number) \
         FROM chat_messages m WHERE m.conversation_id = c.id AND m.is_deleted), 0)",
    ),
    (
        "The deleted messages of a block are counted right",
        "SELECT COUNT(*) FROM chat_deletion_counts d JOIN (SELECT 1 AS level, 64 AS numbers \
         UNION ALL SELECT 2, 4096 UNION ALL SELECT 3, 262144) AS size ON size.level = d.level WHERE d.count <> \
         (SELECT COUNT(*) FROM chat_messages m WHERE m.conversation_id = d.conversation_id AND m.is_deleted \
         AND d.sender_id IN (0, m.sender_id) AND m.number >= d.block * size.numbers \
         AND m.number < (d.block + 1) * size.numbers)",
    ),
    (
        "Every deleted message is counted in its blocks",
        "SELECT COUNT(*) FROM chat_messages m WHERE m.is_deleted AND 6 <> (SELECT COUNT(*) FROM chat_deletion_counts d \
         WHERE d.conversation_id = m.conversation_id AND d.sender_id IN (0, m.sender_id) \
         AND ((d.level = 1 AND d.block = m.number / 64) OR (d.level = 2 AND d.block = m.number / 4096) \
         OR (d.level = 3 AND d.block = m.number / 262144)))",
    ),
    (
        "The participants of a conversation are counted right",
        "SELECT COUNT(*) FROM chat_conversations c WHERE c.participant_count <> \
         (SELECT COUNT(*) FROM chat_participants p WHERE p.conversation_id = c.id)",
    ),
    (
        "A list shows where its conversations stand",
        "SELECT COUNT(*) FROM chat_participants p JOIN chat_conversations c ON c.id = p.conversation_id \
         WHERE NOT c.activity_moved AND p.listed_at IS DISTINCT FROM \
         CASE WHEN c.closed_at IS NULL THEN c.last_activity_at END",
    ),
    (
        "A file is where its message is",
        "SELECT COUNT(*) FROM chat_message_attachments a JOIN chat_messages m ON m.id = a.message_id \
         WHERE a.conversation_id IS NULL OR a.conversation_id <> m.conversation_id",
    ),
    (
        "The replies to a message are counted right",
        "SELECT COUNT(*) FROM chat_messages m WHERE m.reply_count <> \
         (SELECT COUNT(*) FROM chat_messages r WHERE r.parent_message_id = m.id AND NOT r.is_deleted)",
    ),
    (
        "An open group has one owner",
        "SELECT COUNT(*) FROM chat_conversations c WHERE c.type = 'GROUP' AND c.closed_at IS NULL AND 1 <> \
         (SELECT COUNT(*) FROM chat_participants p WHERE p.conversation_id = c.id AND p.role = 'OWNER')",
    ),
    (
        "A direct conversation has its two people",
        "SELECT COUNT(*) FROM chat_conversations c WHERE c.type = 'DIRECT' AND 2 <> \
         (SELECT COUNT(*) FROM chat_participants p WHERE p.conversation_id = c.id \
         AND p.user_id IN (c.direct_low, c.direct_high))",
    ),
    (
        "A deleted message has neither reactions nor files",
        "SELECT COUNT(*) FROM chat_messages m WHERE m.is_deleted AND \
         (EXISTS (SELECT 1 FROM chat_message_reactions r WHERE r.message_id = m.id) \
         OR EXISTS (SELECT 1 FROM chat_message_attachments a WHERE a.message_id = m.id))",
    ),
    (
        "A message has at most 50 different emojis",
        "SELECT COUNT(*) FROM (SELECT message_id FROM chat_message_reactions GROUP BY message_id \
         HAVING COUNT(DISTINCT emoji) > 50) AS crowded",
    ),
    (
        "No read marker stands beyond the newest message",
        "SELECT COUNT(*) FROM chat_participants p JOIN chat_conversations c ON c.id = p.conversation_id \
         WHERE COALESCE(p.last_read_message_id, 0) > COALESCE(c.last_message_id, 0)",
    ),
    (
        "A read marker stands where its last move ended",
        "SELECT COUNT(*) FROM chat_participants p WHERE COALESCE(p.last_read_message_id, 0) < \
         COALESCE((SELECT MAX(r.message_id) FROM chat_message_read_receipts r WHERE r.conversation_id = p.conversation_id \
         AND r.user_id = p.user_id AND r.read_at >= p.joined_at), 0)",
    ),
];

/// Checks every rule.
///
/// # Errors
/// A database that cannot be read.
pub async fn examine(store: &Store) -> Result<Vec<Finding>, DbErr> {
    let db = &store.reader();
    let mut findings = Vec::with_capacity(RULES.len());
    let names: Vec<String> = EventType::durable_names().map(|name| format!("'{name}'")).collect();
    let unknown = format!("SELECT COUNT(*) FROM chat_events WHERE event_type NOT IN ({})", names.join(", "));
    let behind = behind_their_ids(db.get_database_backend());
    let miscounted = counts::miscounted();
    let others = [
        ("Each event has a known type", unknown.as_str()),
        ("What is unread is what counting the messages gives", miscounted.as_str()),
        ("The database numbers on behind the highest ids", behind.as_str()),
    ];
    for (rule, sql) in RULES.into_iter().chain(others) {
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
        let broken = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        findings.push(Finding { rule, broken });
    }
    findings.push(Finding { rule: "A message is found by the words of its text", broken: wrong_words(db).await? });
    Ok(findings)
}

/// Counts the tables whose next id may be one that is taken.
fn behind_their_ids(backend: DbBackend) -> String {
    let tables = NUMBERED.map(|table| {
        let last = match backend {
            DbBackend::Postgres => {
                format!("SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {table}_id_seq")
            }
            _ => format!("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = '{table}'"),
        };
        format!("SELECT COALESCE(MAX(id), 0) AS highest, ({last}) AS last FROM {table}")
    });
    format!("SELECT COUNT(*) FROM ({}) AS numbered WHERE highest > last", tables.join(" UNION ALL "))
}

/// How many messages have other words than their text gives, which no statement can tell. Those of a closed group may
/// have been forgotten already; words of before are written anew by the server.
async fn wrong_words(db: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let sql = "SELECT m.id, m.content, m.search_words, CASE WHEN c.closed_at IS NULL THEN 0 ELSE 1 END AS closed \
               FROM chat_messages m JOIN chat_conversations c ON c.id = m.conversation_id \
               WHERE m.id > $1 AND m.old_words IS NULL ORDER BY m.id LIMIT $2";
    let (mut after, mut broken) = (0_i64, 0);
    loop {
        let values = [after.into(), TEXTS.into()];
        let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
        let Some(last) = rows.last() else { return Ok(broken) };
        after = last.try_get_by_index(0)?;
        for row in rows {
            let content: Option<String> = row.try_get_by_index(1)?;
            let words: Option<String> = row.try_get_by_index(2)?;
            let may_be_forgotten = row.try_get_by_index::<i32>(3)? == 1;
            let right = words == content.as_deref().map(text::words) || (may_be_forgotten && words.is_none());
            broken += i64::from(!right);
        }
    }
}
