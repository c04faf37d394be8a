//! The floor of `writes`: a bare loop that writes the rows of messages with the guarantee that the server gives: one
//! connection, the log's head moved in the same transaction, a durable commit. Nothing is checked, answered or told.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection};

use crate::database::Db;
use crate::words;

/// What the loop came to.
pub struct Floor {
    pub messages_per_second: f64,
    pub commits_per_second: f64,
}

/// A database with rooms in it, and where its log stands.
pub struct Loop {
    db: Db,
    position: i64,
    message_id: i64,
    sent: u64,
    columns: Columns,
    /// How many messages each room, and each sender in it, has.
    numbers: HashMap<(i64, i64), i64>,
}

/// Columns that older trees do not have.
struct Columns {
    numbers: bool,
}

/// The values of the rows of one commit, column by column.
#[derive(Default)]
struct Rows {
    ids: Vec<i64>,
    positions: Vec<i64>,
    conversations: Vec<i64>,
    senders: Vec<i64>,
    numbers: Vec<i64>,
    sender_numbers: Vec<i64>,
    texts: Vec<String>,
}

impl Loop {
    pub async fn open(mut db: Db) -> Result<Self> {
        let position = db.number("SELECT position FROM chat_log").await?;
        let message_id = db.number("SELECT message_id FROM chat_log").await?;
        let columns = Columns { numbers: db.has("chat_messages", "sender_number").await? };
        Ok(Self { db, position, message_id, sent: 0, columns, numbers: HashMap::new() })
    }

    /// Writes `batch` messages to a commit for `duration`, into rooms in turn.
    pub async fn run(&mut self, rooms: &[i64], people: i64, batch: usize, duration: Duration) -> Result<Floor> {
        let started = Instant::now();
        let mut commits = 0;
        while started.elapsed() < duration {
            let rows = self.rows(rooms, people, batch);
            self.commit(&rows).await?;
            commits += 1;
        }
        let seconds = started.elapsed().as_secs_f64();
        Ok(Floor {
            messages_per_second: (commits * batch) as f64 / seconds,
            commits_per_second: commits as f64 / seconds,
        })
    }

    fn rows(&mut self, rooms: &[i64], people: i64, batch: usize) -> Rows {
        let mut rows = Rows::default();
        for _ in 0..batch {
            self.sent += 1;
            self.position += 1;
            self.message_id += 1;
            let room = rooms[self.sent as usize % rooms.len()];
            let sender = 1 + self.sent as i64 % people;
            rows.ids.push(self.message_id);
            rows.positions.push(self.position);
            rows.conversations.push(room);
            rows.senders.push(sender);
            // Nobody has the id 0: it stands for the room itself.
            for (of, numbers) in [(0, &mut rows.numbers), (sender, &mut rows.sender_numbers)] {
                let number = self.numbers.entry((room, of)).or_default();
                *number += 1;
                numbers.push(*number);
            }
            rows.texts.push(words::message(self.sent));
        }
        rows
    }

    async fn commit(&mut self, rows: &Rows) -> Result<()> {
        let (position, message_id) = (self.position, self.message_id);
        let numbers = self.columns.numbers;
        match &mut self.db {
            Db::Sqlite(db) => {
                let all = json!([
                    rows.ids,
                    rows.positions,
                    rows.conversations,
                    rows.senders,
                    rows.numbers,
                    rows.sender_numbers,
                    rows.texts
                ])
                .to_string();
                let mut tx = db.begin_with("BEGIN IMMEDIATE").await?;
                let head = "UPDATE chat_log SET position = ?1, message_id = ?2 WHERE id = 1";
                sqlx::query(head).bind(position).bind(message_id).execute(&mut *tx).await?;
                sqlx::query(AssertSqlSafe(sqlite_messages(numbers))).bind(&all).execute(&mut *tx).await?;
                sqlx::query(SQLITE_EVENTS).bind(&all).execute(&mut *tx).await?;
                tx.commit().await?;
            }
            Db::Postgres(db) => {
                let statement = sqlx::query(AssertSqlSafe(postgres(numbers)));
                let statement = statement.bind(position).bind(message_id).bind(&rows.ids).bind(&rows.positions);
                let statement = statement.bind(&rows.conversations).bind(&rows.senders).bind(&rows.texts);
                let statement = match numbers {
                    true => statement.bind(&rows.numbers).bind(&rows.sender_numbers),
                    false => statement,
                };
                statement.execute(db).await?;
            }
        }
        Ok(())
    }
}

/// `key` runs over the rows; each column is an array of its own.
fn sqlite_messages(numbers: bool) -> String {
    let (columns, values) = match numbers {
        true => (", number, sender_number", ", ?1 ->> ('$[4][' || key || ']'), ?1 ->> ('$[5][' || key || ']')"),
        false => ("", ""),
    };
    format!(
        "INSERT INTO chat_messages (id, conversation_id, sender_id, message_type, content, search_words, created_at{columns}) \
         SELECT value, ?1 ->> ('$[2][' || key || ']'), ?1 ->> ('$[3][' || key || ']'), 'TEXT', \
         ?1 ->> ('$[6][' || key || ']'), ?1 ->> ('$[6][' || key || ']'), '2026-11-28T08:00:00.000+00:00'{values} \
         FROM json_each(?1, '$[0]')"
    )
}

const SQLITE_EVENTS: &str = "INSERT INTO chat_events (position, event_type, conversation_id, user_id, message_id, created_at) \
     SELECT value, 'message.sent', ?1 ->> ('$[2][' || key || ']'), ?1 ->> ('$[3][' || key || ']'), \
     ?1 ->> ('$[0][' || key || ']'), '2026-11-28T08:00:00.000+00:00' FROM json_each(?1, '$[1]')";

/// One statement, which commits by itself.
fn postgres(numbers: bool) -> String {
    let (columns, arrays) = match numbers {
        true => (", number, sender_number", ", $8::bigint[], $9::bigint[]"),
        false => ("", ""),
    };
    format!(
        "WITH head AS (UPDATE chat_log SET position = $1, message_id = $2 WHERE id = 1 RETURNING id), \
         rows AS (SELECT * FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[]{arrays}) \
         AS r (id, position, conversation_id, sender_id, content{columns})), \
         messages AS (INSERT INTO chat_messages \
         (id, conversation_id, sender_id, message_type, content, search_words, created_at{columns}) \
         SELECT r.id, conversation_id, sender_id, 'TEXT', content, content, now(){columns} FROM rows r, head) \
         INSERT INTO chat_events (position, event_type, conversation_id, user_id, message_id, created_at) \
         SELECT position, 'message.sent', conversation_id, sender_id, r.id, now() FROM rows r, head"
    )
}
