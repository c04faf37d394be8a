//! A town: people, conversations and messages of a size that nobody would send by hand, written into the database of a
//! server that is not running. `confab doctor` tells whether it is right.

use anyhow::Result;

use crate::database::{Db, Home};
use crate::rows::{Row, TIME, Writer};
use crate::words;

/// Messages to a commit.
const PORTION: i64 = 5_000;

/// How large it is. Conversation 1 is the one that is measured, person 1 its owner, person 2 the viewer; the others are
/// groups of persons 1 and 2 with a few messages each. Nobody has read anything.
#[derive(Debug, Clone, Copy)]
pub struct Town {
    pub messages: i64,
    pub conversations: i64,
    pub participants: i64,
}

/// Of conversation 1, those who write.
pub const WRITERS: i64 = 10;
/// Messages of every other conversation.
const FEW: i64 = 5;
/// People who are there to be added to something.
const STRANGERS: i64 = 200;

impl Town {
    /// Somebody who is in no conversation.
    pub fn stranger(&self) -> i64 {
        self.participants.max(WRITERS) + 1
    }

    /// Somebody who is in conversation 2 alone, where few messages are.
    pub fn newcomer(&self) -> i64 {
        self.stranger() + STRANGERS - 1
    }

    /// The `number`-th message (from 0) that the viewer wrote in conversation 1: its id.
    pub fn own(number: i64) -> i64 {
        number * WRITERS + 2
    }

    /// Fills an empty database that has its tables.
    pub async fn fill(&self, home: &Home) -> Result<()> {
        let mut writer = Writer::open(home.open().await?).await?;
        let people = self.participants.max(WRITERS) + STRANGERS;
        self.run(&mut writer.db, &format!(
            "INSERT INTO chat_users (id, name, created_at, updated_at) SELECT n, 'Person ' || n, '{TIME}', '{TIME}' FROM {{1..{people}}}"
        )).await?;
        self.run(
            &mut writer.db,
            &format!(
                "INSERT INTO chat_conversations (id, type, name, created_by_id, allow_reactions, allow_replies, \
             allow_file_uploads, max_file_size_mb, last_activity_at, created_at, updated_at) \
             SELECT n, 'GROUP', 'Room ' || n, 1, true, true, true, 25, '{TIME}', '{TIME}', '{TIME}' FROM {{1..{}}}",
                self.conversations
            ),
        )
        .await?;
        // The others first: numbers of the rows follow the order of joining, and nobody is the last of everything.
        let columns = "INSERT INTO chat_participants (conversation_id, user_id, role, joined_at)";
        let role = "CASE n WHEN 1 THEN 'OWNER' ELSE 'MEMBER' END";
        let participants = self.participants.max(WRITERS);
        self.run(&mut writer.db, &format!("{columns} SELECT 1, n, {role}, '{TIME}' FROM {{1..{participants}}}"))
            .await?;
        if self.conversations > 1 {
            for (person, role) in [(1, "OWNER"), (2, "MEMBER")] {
                self.run(
                    &mut writer.db,
                    &format!("{columns} SELECT n, {person}, '{role}', '{TIME}' FROM {{2..{}}}", self.conversations),
                )
                .await?;
            }
        }
        if self.conversations > 1 {
            let newcomer = self.newcomer();
            writer.db.run(&format!("{columns} VALUES (2, {newcomer}, 'MEMBER', '{TIME}')")).await?;
        }
        self.write(&mut writer).await?;
        self.settle(&mut writer.db).await?;
        writer.db.close().await
    }

    async fn write(&self, writer: &mut Writer) -> Result<()> {
        let first = (0..self.messages).map(|number| Row {
            conversation: 1,
            sender: 1 + number % WRITERS,
            text: words::message(number.unsigned_abs()),
        });
        let others = (2..=self.conversations).flat_map(|conversation| {
            (0..FEW).map(move |number| Row {
                conversation,
                sender: 1 + number % 2,
                text: words::message((conversation * FEW + number).unsigned_abs()),
            })
        });
        let mut rows = first.chain(others).peekable();
        while rows.peek().is_some() {
            writer.commit(rows.by_ref().take(PORTION as usize).collect()).await?;
        }
        Ok(())
    }

    /// What triggers would count, and what the database should know of its tables.
    async fn settle(&self, db: &mut Db) -> Result<()> {
        db.run(
            "UPDATE chat_conversations SET participant_count = \
             (SELECT count(*) FROM chat_participants p WHERE p.conversation_id = chat_conversations.id)",
        )
        .await?;
        if let Db::Postgres(_) = db {
            db.run(
                "SELECT setval(pg_get_serial_sequence('chat_conversations', 'id'), \
                 (SELECT max(id) FROM chat_conversations))",
            )
            .await?;
            // Autovacuum would do it a little later.
            db.run("VACUUM ANALYZE").await?;
        }
        Ok(())
    }

    /// Runs a statement over the numbers that stand in it as `{FROM..TO}`, called `n`.
    async fn run(&self, db: &mut Db, sql: &str) -> Result<()> {
        let (before, rest) = sql.split_once('{').unwrap_or((sql, ""));
        let range = rest.trim_end_matches('}');
        let (from, to) = range.split_once("..").unwrap_or(("1", "0"));
        let numbers = match db {
            Db::Sqlite(_) => format!(
                "(WITH RECURSIVE t (n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM t WHERE n < {to}) SELECT n FROM t)"
            ),
            Db::Postgres(_) => format!("generate_series({from}, {to}) AS t (n)"),
        };
        db.run(&format!("{before}{numbers}")).await
    }
}
