//! Messages written into a database directly, many to a commit, with everything that the server writes beside them: the
//! floor that `writes` is measured against, and the fill of large towns. It is the one place that knows those rows.

use std::collections::HashMap;

use anyhow::Result;
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, Connection};

use crate::database::Db;

/// When everything happened that is written here.
pub const TIME: &str = "2026-11-28T08:00:00.000+00:00";

/// One message.
pub struct Row {
    pub conversation: i64,
    pub sender: i64,
    pub text: String,
}

/// A database, and where its log and its conversations stand.
pub struct Writer {
    pub db: Db,
    position: i64,
    message_id: i64,
    tree: Tree,
    /// How many messages each conversation, and each sender in it, has.
    numbers: HashMap<(i64, i64), i64>,
}

/// What trees differ in: that which is measured may be older than this bench.
struct Tree {
    /// Messages have dense numbers.
    numbers: bool,
    /// A trigger counts messages.
    counts: bool,
}

/// The values of the rows of one commit, column by column.
#[derive(Default)]
struct Columns {
    ids: Vec<i64>,
    positions: Vec<i64>,
    conversations: Vec<i64>,
    senders: Vec<i64>,
    texts: Vec<String>,
    numbers: Vec<i64>,
    sender_numbers: Vec<i64>,
}

impl Writer {
    pub async fn open(mut db: Db) -> Result<Self> {
        let position = db.number("SELECT position FROM chat_log").await?;
        let message_id = db.number("SELECT message_id FROM chat_log").await?;
        let trigger = match &db {
            Db::Sqlite(_) => "SELECT count(*) FROM sqlite_master WHERE name = 'chat_messages_inserted'",
            Db::Postgres(_) => "SELECT count(*) FROM pg_trigger WHERE tgname = 'chat_messages_inserted'",
        };
        let counts = db.number(trigger).await? > 0;
        let tree = Tree { numbers: db.has("chat_messages", "sender_number").await?, counts };
        Ok(Self { db, position, message_id, tree, numbers: HashMap::new() })
    }

    /// Writes messages with their events, and moves the log's head and the conversations' counts, in one durable commit.
    pub async fn commit(&mut self, rows: Vec<Row>) -> Result<()> {
        let mut columns = Columns::default();
        let mut conversations: HashMap<i64, (i64, i64)> = HashMap::new();
        for row in rows {
            self.position += 1;
            self.message_id += 1;
            columns.ids.push(self.message_id);
            columns.positions.push(self.position);
            columns.conversations.push(row.conversation);
            columns.senders.push(row.sender);
            // Nobody has the id 0: it stands for the conversation itself.
            for (of, numbers) in [(0, &mut columns.numbers), (row.sender, &mut columns.sender_numbers)] {
                let number = self.numbers.entry((row.conversation, of)).or_default();
                *number += 1;
                numbers.push(*number);
            }
            let total = self.numbers[&(row.conversation, 0)];
            conversations.insert(row.conversation, (total, self.message_id));
            columns.texts.push(row.text);
        }
        let counted = if self.tree.counts { HashMap::new() } else { conversations };
        let head = (self.position, self.message_id);
        match &mut self.db {
            Db::Sqlite(db) => sqlite(db, head, &columns, &counted, self.tree.numbers).await,
            Db::Postgres(db) => postgres(db, head, &columns, &counted, self.tree.numbers).await,
        }
    }
}

async fn sqlite(
    db: &mut sqlx::SqliteConnection,
    head: (i64, i64),
    columns: &Columns,
    counted: &HashMap<i64, (i64, i64)>,
    numbers: bool,
) -> Result<()> {
    let rows: Vec<Json> = (0..columns.ids.len())
        .map(|row| {
            json!([
                columns.ids[row],
                columns.positions[row],
                columns.conversations[row],
                columns.senders[row],
                columns.texts[row],
                columns.numbers[row],
                columns.sender_numbers[row],
            ])
        })
        .collect();
    let rows = Json::from(rows).to_string();
    let mut tx = db.begin_with("BEGIN IMMEDIATE").await?;
    let moved = "UPDATE chat_log SET position = ?1, message_id = ?2 WHERE id = 1";
    sqlx::query(moved).bind(head.0).bind(head.1).execute(&mut *tx).await?;
    let (names, values) = match numbers {
        true => (", number, sender_number", ", value ->> '$[5]', value ->> '$[6]'"),
        false => ("", ""),
    };
    let messages = format!(
        "INSERT INTO chat_messages (id, conversation_id, sender_id, message_type, content, search_words, created_at{names}) \
         SELECT value ->> '$[0]', value ->> '$[2]', value ->> '$[3]', 'TEXT', value ->> '$[4]', value ->> '$[4]', \
         '{TIME}'{values} FROM json_each(?1)"
    );
    sqlx::query(AssertSqlSafe(messages)).bind(&rows).execute(&mut *tx).await?;
    let events = format!(
        "INSERT INTO chat_events (position, event_type, conversation_id, user_id, message_id, created_at) \
         SELECT value ->> '$[1]', 'message.sent', value ->> '$[2]', value ->> '$[3]', value ->> '$[0]', '{TIME}' \
         FROM json_each(?1)"
    );
    sqlx::query(AssertSqlSafe(events)).bind(&rows).execute(&mut *tx).await?;
    if !counted.is_empty() {
        let counts: Vec<Json> = counted.iter().map(|(id, (total, last))| json!([id, total, last])).collect();
        let update = format!(
            "UPDATE chat_conversations SET message_count = n.total, last_message_id = n.last, last_message_at = '{TIME}', \
             last_activity_at = '{TIME}' FROM (SELECT value ->> '$[0]' AS id, value ->> '$[1]' AS total, \
             value ->> '$[2]' AS last FROM json_each(?1)) AS n WHERE chat_conversations.id = n.id"
        );
        sqlx::query(AssertSqlSafe(update)).bind(Json::from(counts).to_string()).execute(&mut *tx).await?;
    }
    Ok(tx.commit().await?)
}

/// One statement, which commits by itself.
async fn postgres(
    db: &mut sqlx::PgConnection,
    head: (i64, i64),
    columns: &Columns,
    counted: &HashMap<i64, (i64, i64)>,
    numbers: bool,
) -> Result<()> {
    let names = if numbers { ", number, sender_number" } else { "" };
    let sql = format!(
        "WITH head AS (UPDATE chat_log SET position = $1, message_id = $2 WHERE id = 1 RETURNING id), \
         rows AS (SELECT * FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], \
         $8::bigint[], $9::bigint[]) \
         AS r (message_id, position, conversation_id, sender_id, content, number, sender_number)), \
         messages AS (INSERT INTO chat_messages \
         (id, conversation_id, sender_id, message_type, content, search_words, created_at{names}) \
         SELECT message_id, conversation_id, sender_id, 'TEXT', content, content, '{TIME}'{names} FROM rows, head), \
         counts AS (UPDATE chat_conversations c SET message_count = n.total, last_message_id = n.last, \
         last_message_at = '{TIME}', last_activity_at = '{TIME}' \
         FROM unnest($10::bigint[], $11::bigint[], $12::bigint[]) AS n (id, total, last) WHERE c.id = n.id) \
         INSERT INTO chat_events (position, event_type, conversation_id, user_id, message_id, created_at) \
         SELECT position, 'message.sent', conversation_id, sender_id, message_id, '{TIME}' FROM rows, head"
    );
    let ids: Vec<i64> = counted.keys().copied().collect();
    let (totals, lasts): (Vec<i64>, Vec<i64>) = counted.values().copied().unzip();
    let statement = sqlx::query(AssertSqlSafe(sql)).bind(head.0).bind(head.1).bind(&columns.ids);
    let statement = statement.bind(&columns.positions).bind(&columns.conversations).bind(&columns.senders);
    let statement = statement.bind(&columns.texts).bind(&columns.numbers).bind(&columns.sender_numbers);
    statement.bind(ids).bind(totals).bind(lasts).execute(db).await?;
    Ok(())
}
