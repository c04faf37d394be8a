//! What PostgreSQL and SQLite say in different words: locks of rows, and full-text search. What a word of a search is,
//! is said where texts are split.

use sea_orm::{ConnectionTrait, DbBackend};
use serde::Serialize;

/// The clause that locks the rows it reads until the transaction ends; SQLite's transactions lock the whole file.
pub fn for_update(db: &impl ConnectionTrait) -> &'static str {
    match db.get_database_backend() {
        DbBackend::Postgres => " FOR UPDATE",
        _ => "",
    }
}

/// Any number of rows as the one value of a statement, whose text so stays the same: JSON, which both databases take
/// apart.
pub fn json(rows: &impl Serialize) -> String {
    serde_json::to_string(rows).expect("rows of plain values can be written")
}

/// A search as part of a statement over `chat_messages m`.
pub struct FullTextSearch {
    /// What stands behind FROM.
    pub from: &'static str,
    /// The condition; its parameter is `$1`.
    pub condition: &'static str,
    /// What to order by: the id, by the name that the search can use.
    pub id: &'static str,
    /// The value of `$1`.
    pub query: String,
}

/// A search for all of `words`, each of which matches what begins with it. They hold neither blanks nor ASCII
/// punctuation, so nothing in them is an operator of either database.
pub fn full_text_search(db: &impl ConnectionTrait, words: &[String]) -> FullTextSearch {
    match db.get_database_backend() {
        DbBackend::Postgres => FullTextSearch {
            from: "chat_messages m",
            condition: "array_to_tsvector(string_to_array(m.search_words, ' ')) @@ CAST($1 AS tsquery)",
            id: "m.id",
            query: join(words, |word| format!("'{word}':*"), " & "),
        },
        _ => FullTextSearch {
            // The index has to lead: were SQLite to ask it whether it has each row of a conversation, it would search
            // anew for each. Its rows come newest first, so that a page ends where it is full.
            from: "chat_message_words w CROSS JOIN chat_messages m",
            condition: "m.id = w.rowid AND chat_message_words MATCH $1",
            id: "w.rowid",
            query: join(words, |word| format!("\"{word}\" *"), " "),
        },
    }
}

fn join(words: &[String], term: impl Fn(&String) -> String, by: &str) -> String {
    words.iter().map(term).collect::<Vec<_>>().join(by)
}
