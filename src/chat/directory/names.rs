//! The words of names, as they are kept: written with the name, and later where a program wrote it that does not know of
//! words.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, QueryFilter, Statement};
use serde_json::json;

use crate::chat::Chat;
use crate::chat::notes::Note;
use crate::chat::text;
use crate::entity::user;
use crate::error::Result;
use crate::id::UserId;
use crate::store::{among, is_listed, list};

/// Names whose words are written in one go.
const MAX_NAMES: i64 = 500;

/// Writes the words of the names of these users, in place of those that were there. That a row of each is there, and is
/// locked, is the caller's business.
pub(crate) async fn write<'n>(db: &impl ConnectionTrait, users: impl Iterator<Item = (UserId, &'n str)>) -> Result<()> {
    let users: HashMap<UserId, &str> = users.collect();
    let forget = format!("DELETE FROM chat_user_words WHERE {}", is_listed::<UserId>(db, "user_id", 1));
    let backend = db.get_database_backend();
    db.execute_raw(Statement::from_sql_and_values(backend, forget, [list(db, users.keys().copied())])).await?;
    let words = users.iter().map(|(id, name)| (id, text::words(name)));
    let rows: Vec<_> = words
        .flat_map(|(id, words)| {
            words.split_whitespace().map(|word| json!({ "word": word, "user": id })).collect::<Vec<_>>()
        })
        .collect();
    if !rows.is_empty() {
        let rows = serde_json::Value::Array(rows).to_string();
        db.execute_raw(Statement::from_sql_and_values(backend, insert(backend), [rows.into()])).await?;
    }
    Ok(())
}

fn insert(db: DbBackend) -> &'static str {
    match db {
        DbBackend::Postgres => {
            "INSERT INTO chat_user_words (word, user_id) SELECT w.word, w.\"user\" \
             FROM json_to_recordset(CAST($1 AS json)) AS w(word text, \"user\" bigint) ON CONFLICT DO NOTHING"
        }
        _ => {
            "INSERT OR IGNORE INTO chat_user_words (word, user_id) \
             SELECT json_extract(value, '$.word'), json_extract(value, '$.user') FROM json_each($1)"
        }
    }
}

/// Writes the words of some names that lack them; whether there may be more.
///
/// # Errors
/// `Unavailable` without the database.
pub async fn complete(chat: &Chat) -> Result<bool> {
    let without =
        format!("SELECT id FROM chat_users WHERE words_of IS DISTINCT FROM name ORDER BY id LIMIT {MAX_NAMES}");
    let db = &chat.store.reader();
    let mut ids = Vec::new();
    for row in db.query_all_raw(Statement::from_string(db.get_database_backend(), without)).await? {
        ids.push(row.try_get_by_index::<UserId>(0)?);
    }
    if ids.is_empty() {
        return Ok(false);
    }
    let more = i64::try_from(ids.len()).unwrap_or(i64::MAX) >= MAX_NAMES;
    chat.note(async move |note: &mut Note<'_>| {
        // It also locks the rows: whoever gives one of them another name comes before or after.
        let mark = format!("UPDATE chat_users SET words_of = name WHERE {}", is_listed::<UserId>(note.tx, "id", 1));
        let mark =
            Statement::from_sql_and_values(note.tx.get_database_backend(), mark, [list(note.tx, ids.iter().copied())]);
        note.tx.execute_raw(mark).await?;
        let rows = user::Entity::find().filter(among(note.tx, user::Column::Id, ids)).all(note.tx).await?;
        write(note.tx, rows.iter().map(|row| (row.id, row.name.as_str()))).await
    })
    .await?;
    Ok(more)
}
